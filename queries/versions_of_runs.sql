-- Which model versions were made by these runs, or are these logged models?
select v.name, v.version, coalesce(nullif(v.run_id, ''), m.run_id) as run_id, m.model_id
from model_version v
left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
where coalesce(nullif(v.run_id, ''), m.run_id) in (select unnest($run_ids)) or m.model_id in (select unnest($model_ids))
order by v.name, try_cast(v.version as bigint), v.version;
