-- What every table shows of some runs.
select r.run_id, r.run_key::varchar as run_key, coalesce(nullif(r.name, ''), r.run_id) as name, coalesce(e.name, r.experiment_id) as experiment,
       r.status, r.user_id, r.start_time, r.end_time, r.lifecycle_stage = 'deleted' as deleted, r.source_name,
       r.artifact_uri, r.experiment_id
from run as r left join experiment as e on e.experiment_id = r.experiment_id
where r.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u));
