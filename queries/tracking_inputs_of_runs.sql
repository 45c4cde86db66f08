-- the dataset inputs of these runs
select input_id from dataset_input where run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
