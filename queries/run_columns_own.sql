-- How many runs have each of MLflow's attributes, and does it differ between two of them?
select {'runs': count(*), 'varies': count(*) > 1} as run_id,
       {'runs': count(*), 'varies': coalesce(min(name) <> max(name), false)} as run_name,
       {'runs': count(*), 'varies': coalesce(min(experiment_id) <> max(experiment_id), false)} as experiment,
       {'runs': count(*), 'varies': coalesce(min(experiment_id) <> max(experiment_id), false)} as experiment_id,
       {'runs': count(status), 'varies': coalesce(min(status) <> max(status), false)} as status,
       {'runs': count(nullif(user_id, '')), 'varies': coalesce(min(user_id) <> max(user_id), false)} as user,
       {'runs': count(start_time), 'varies': coalesce(min(start_time) <> max(start_time), false)} as start_time,
       {'runs': count(end_time), 'varies': coalesce(min(end_time) <> max(end_time), false)} as end_time,
       {'runs': count(end_time - start_time),
        'varies': coalesce(min(end_time - start_time) <> max(end_time - start_time), false)} as duration,
       {'runs': count(nullif(source_name, '')), 'varies': coalesce(min(source_name) <> max(source_name), false)} as source,
       {'runs': count(artifact_uri), 'varies': count(artifact_uri) > 1} as artifact_uri
from run
where lifecycle_stage is distinct from 'deleted'
having count(*) > 0;
