-- what we hold of the runs whose ids start with these prefixes, to be compared with the tracking store's
select run_id, name, status, end_time, lifecycle_stage, experiment_id from run
where left(run_id, $width) in (select unnest($prefixes::varchar[]))
