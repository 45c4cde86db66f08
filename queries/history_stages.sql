-- Which versions are in a legacy stage, and since when at the latest? Earlier transitions are not recorded.
select name as model, version, stage, last_updated_time as at
from model_version
where stage is not null and lower(stage) not in ('', 'none', 'archived') and last_updated_time is not null
order by last_updated_time, name, try_cast(version as bigint), version;
