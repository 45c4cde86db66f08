-- the runs that we hold of the experiments $keys, started after $low and not after $high (ms)
select run_id from run
where experiment_id in (select unnest($keys::varchar[])) and start_time > $low and start_time <= $high
