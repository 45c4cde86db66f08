-- the dataset inputs of these runs
select input_id from dataset_input where run_id in (select unnest($run_ids::varchar[]))
