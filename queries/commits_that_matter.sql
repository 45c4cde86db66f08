-- Commits whose place in the history is worth knowing: first those of versions that something names as live
-- (an alias, a stage, an answer of a target, a GTO tag), then those of all versions; at most 500.
with made as (
    -- the run of a version stands in the registry, or in the logged model that it was registered from
    select v.name, v.version, v.stage, v.creation_time, coalesce(nullif(v.run_id, ''), m.run_id) as run_id
    from model_version v
    left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
),
named as (
    select mv.run_id
    from made mv
    join model_alias a on a.name = mv.name and a.version = mv.version
    union
    select run_id from made where stage is not null and stage not in ('', 'None', 'Archived')
    union
    select mv.run_id
    from made mv
    join observation o on o.model = mv.name and o.version in (mv.version, 'v' || mv.version)
    union
    select run_id from observation where run_id is not null
    union
    select lm.run_id from logged_model lm join observation o on o.model_id = lm.model_id
),
versioned as (
    select run_id, 0 as rank, 0 as created from named
    union all
    select run_id, 1, creation_time from made
),
wanted as (
    select run_id, min(rank) as rank, max(created) as created
    from versioned
    where run_id is not null and run_id <> ''
    group by run_id
),
commits as (
    select t.value as commit_hash, w.rank, w.created
    from tag t
    join wanted w on run_key_of(w.run_id) = t.run_key
    where t.key = 'mlflow.source.git.commit'
    union all
    select commit_hash, case when active then 0 else 1 end, assigned_at from gto_assignment
    union all
    select commit_hash, 1, created_at from gto_version
)
select commit_hash
from commits
where regexp_full_match(commit_hash, '[0-9a-f]{40}|[0-9a-f]{64}')
group by commit_hash
order by min(rank), max(created) desc, commit_hash
limit 500
