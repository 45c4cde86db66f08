-- Which runs match, in order: put together of the parts below. What was typed is in parameters alone; {n} is
-- the number of a sort key, {direction} one of the two words that SQL has for it.

-- name: index
select r.run_key from run as r {joins} where {conditions} order by {order};

-- name: not_deleted
r.lifecycle_stage is distinct from 'deleted'

-- name: in_experiments
list_contains($experiments::varchar[], r.experiment_id)

-- name: ties
r.start_time desc nulls last, r.run_key

-- name: by_time
r.{column} {direction} nulls last

-- name: by_text
nullif(r.{column}, '') {direction} nulls last

-- name: by_duration
r.end_time - r.start_time {direction} nulls last

-- name: by_experiment
(select e.name from experiment as e where e.experiment_id = r.experiment_id) {direction} nulls last

-- name: metric
left join (select run_key, case when is_nan then 'nan'::double else value end as v from metric where key = $sort{n})
  as s{n} on s{n}.run_key = r.run_key

-- name: by_metric_asc
s{n}.v nulls last

-- name: by_metric_desc
-- turned around, because NaN, the greatest of all, comes after every number both ways
-s{n}.v nulls last

-- name: param
left join (select run_key, try_cast(value as double) as n, value as v from param where key = $sort{n})
  as s{n} on s{n}.run_key = r.run_key

-- name: tag
left join (select run_key, null::double as n, value as v from tag where key = $sort{n})
  as s{n} on s{n}.run_key = r.run_key

-- name: code_commit
left join (select run_key, null::double as n, value as v from tag where key = 'mlflow.source.git.commit')
  as s{n} on s{n}.run_key = r.run_key

-- name: code_fact
left join (
  select t.run_key, null::double as n, coalesce(c.{column}, p.{column}) as v
  from tag as t
  left join git_commit as c on c.hash = t.value
  left join commit_position as p on p.commit_hash = t.value
  where t.key = 'mlflow.source.git.commit'
) as s{n} on s{n}.run_key = r.run_key

-- name: code_branch
left join (
  select t.run_key, null::double as n, nullif(p.branches, '') as v
  from tag as t join commit_position as p on p.commit_hash = t.value
  where t.key = 'mlflow.source.git.commit'
) as s{n} on s{n}.run_key = r.run_key

-- name: data
left join (
  select i.run_key, null::double as n, min(d.{column}) as v from dataset_input as i join dataset as d using (dataset_id)
  group by i.run_key
) as s{n} on s{n}.run_key = r.run_key

-- name: version
left join (
  select run_key_of(run_id) as run_key, max(try_cast({column} as double)) as n, max({column}) as v from (
    select coalesce(nullif(v.run_id, ''), m.run_id) as run_id, v.name, v.version
    from model_version as v
    left join logged_model as m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1))
  where run_id is not null group by all
) as s{n} on s{n}.run_key = r.run_key

-- name: live
left join (
  select run_key_of(run_id) as run_key, null::double as n, min(environment) as v
  from (select unnest($live_runs::varchar[]) as run_id, unnest($live_environments::varchar[]) as environment)
  group by run_id
) as s{n} on s{n}.run_key = r.run_key

-- name: by_value
-- numbers first, then texts, each in its order
case when s{n}.v is null then 2 when isfinite(s{n}.n) then 0 else 1 end,
case when isfinite(s{n}.n) then s{n}.n end {direction} nulls last,
case when s{n}.n is null or not isfinite(s{n}.n) then s{n}.v end {direction} nulls last

-- name: has_metric
select 1 from metric where key = $key limit 1

-- name: has_param
select 1 from param where key = $key limit 1

-- name: has_tag
select 1 from tag where key = $key limit 1
