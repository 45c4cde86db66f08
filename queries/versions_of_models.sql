-- Versions that could serve: for each model ($names) the latest value of a metric of its own ($metrics).
-- Those that are archived, not ready, or whose run was deleted are left out.
select v.name, v.version, x.key as metric, x.value
from model_version v
semi join (select unnest($names) as name) w on w.name = v.name
left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
join metric x on x.run_key = run_key_of(coalesce(nullif(v.run_id, ''), m.run_id))
semi join (select unnest($names) as name, unnest($metrics) as metric) k on k.name = v.name and k.metric = x.key
left join run r on r.run_key = x.run_key
where x.value is not null and not coalesce(x.is_nan, false)
  and lower(coalesce(v.stage, '')) <> 'archived'
  and coalesce(nullif(v.status, ''), 'READY') = 'READY'
  and r.lifecycle_stage is distinct from 'deleted'
order by v.name, try_cast(v.version as bigint), v.version;
