-- which of these runs we hold
select run_id from run where run_id in (select unnest($run_ids::varchar[]))
