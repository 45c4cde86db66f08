-- Every version of these models with its run and the latest value of one metric.
select v.name, v.version, coalesce(nullif(v.run_id, ''), m.run_id) as run_id, x.value, v.creation_time
from model_version v
left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
left join metric x on x.run_id = coalesce(nullif(v.run_id, ''), m.run_id) and x.key = $metric and not coalesce(x.is_nan, false)
where v.name in (select unnest($names))
order by v.name, try_cast(v.version as bigint), v.version;
