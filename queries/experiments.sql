-- Every experiment, deleted ones marked.
select experiment_id, name, lifecycle_stage = 'deleted' as deleted from experiment order by name, experiment_id;
