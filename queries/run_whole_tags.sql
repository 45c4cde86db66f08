-- Every tag of a run, but for the pieces of the recorder's long texts.
select key, value from tag where run_key = run_key_of($run_id) and not regexp_full_match(key, 'mlops-dash\.(packages|diff)\.\d+') order by key;
