-- Model versions by name and version, with the run that made each (directly, or through its logged model).
select v.name, v.version, coalesce(nullif(v.run_id, ''), m.run_id) as run_id, v.source, v.storage_location, v.stage,
       v.status, v.creation_time, v.last_updated_time, v.user_id, v.description, m.model_id,
       coalesce(m.artifact_location, v.storage_location, v.source) as artifact_location
from model_version v
semi join (select unnest($names) as name, unnest($versions) as version) w
  on v.name = w.name and v.version = w.version
left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
order by v.name, try_cast(v.version as bigint), v.version;
