-- Which model versions did these runs make?
select v.name, v.version, coalesce(nullif(v.run_id, ''), m.run_id) as run_id
from model_version v
left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
where coalesce(nullif(v.run_id, ''), m.run_id) in (select unnest($run_ids))
order by v.name, try_cast(v.version as bigint), v.version;
