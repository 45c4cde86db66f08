-- which of these runs we hold
select run_id from run where run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
