-- Runs by id, with the name of their experiment.
select r.run_id, coalesce(nullif(r.name, ''), r.run_id) as name, coalesce(e.name, r.experiment_id) as experiment,
       r.status, r.user_id, r.start_time, r.end_time, r.lifecycle_stage = 'deleted' as deleted, r.source_name
from run r
left join experiment e on e.experiment_id = r.experiment_id
where r.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
order by r.start_time desc;
