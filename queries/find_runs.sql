-- Runs whose id begins so.
select run_id from run where starts_with(run_id, $prefix) order by run_id limit 6;
