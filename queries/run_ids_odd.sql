-- Is there a run whose id is not simply its key, as MLflow's own ids are?
select 1 as odd from run where run_id <> replace(run_key::varchar, '-', '') limit 1;
