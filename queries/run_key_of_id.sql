-- The key of a run by its id, if there is such a run.
select run_key::varchar as run_key from run where run_key = run_key_of($run_id) and run_id = $run_id;
