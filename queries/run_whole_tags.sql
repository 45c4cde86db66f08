-- Every tag of a run.
select key, value from tag where run_key = run_key_of($run_id) order by key;
