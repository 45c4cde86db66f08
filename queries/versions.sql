-- Model versions by name and version, with the run that made each (directly, or through its logged model), and
-- the verdict of a rebuild, as a tag says it.
with wanted as (select unnest($names) as name, unnest($versions) as version),
verdicts as (
  select t.name, t.version, any_value(t.value) as rebuilt
  from model_version_tag t semi join wanted w on t.name = w.name and t.version = w.version
  where t.key = 'mlops-dash.rebuilt' group by t.name, t.version
)
select v.name, v.version, coalesce(nullif(v.run_id, ''), m.run_id) as run_id, v.source, v.storage_location, v.stage,
       v.status, v.creation_time, v.last_updated_time, v.user_id, v.description, m.model_id,
       coalesce(m.artifact_location, v.storage_location, v.source) as artifact_location, b.rebuilt
from model_version v
semi join wanted w on v.name = w.name and v.version = w.version
left join verdicts b on b.name = v.name and b.version = v.version
left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
order by v.name, try_cast(v.version as bigint), v.version;
