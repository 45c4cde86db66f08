-- How many runs made a version of a registered model, and does it differ between two of them?
with registered as (
  select v.name, v.version, coalesce(nullif(v.run_id, ''), m.run_id) as run_id
  from model_version as v
  left join logged_model as m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
)
select {'runs': count(distinct run_id), 'varies': coalesce(min(name) <> max(name), false)} as name,
       {'runs': count(distinct run_id), 'varies': coalesce(min(version) <> max(version), false)} as number
from registered where run_id is not null having count(*) > 0;
