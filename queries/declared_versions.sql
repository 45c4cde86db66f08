-- Which version does each environment declare? Registry aliases, then legacy stages, then GTO stages;
-- where names meet, ignoring case, the first decides.
with declared as (
  select alias as environment, name as model, version, 'alias' as via, alias as label,
         null::bigint as since, null::varchar as "by", null::varchar as commit_hash, 1 as rank
  from model_alias
  union all
  select stage, name, version, 'stage', stage, last_updated_time, user_id, null, 2
  from (
    -- several versions can be in one stage: the newest transition decides
    select *, row_number() over (partition by name, lower(stage)
                                 order by last_updated_time desc nulls last, try_cast(version as bigint) desc) as newest
    from model_version
    where stage is not null and stage <> '' and lower(stage) not in ('none', 'archived')
  ) where newest = 1
  union all
  select stage, model, version, 'gto', stage, assigned_at, author, commit_hash, 3
  from gto_assignment
  where active
)
select environment, model, version, via, label, since, "by", commit_hash
from (select *, row_number() over (partition by model, lower(environment) order by rank, environment) as first_of from declared)
where first_of = 1
order by model, environment;
