-- What each target answered last.
select environment, model, target, asked_at, answered, health, version, run_id, model_id, latency_ms, address, since, "by", detail
from observation
order by environment, model;
