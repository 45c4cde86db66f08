-- Runs whose id begins so, those that only a model version or an answer of a target names included.
select run_id from (
  select run_id from run where starts_with(run_id, $prefix)
  union select run_id from model_version where starts_with(run_id, $prefix)
  union select run_id from logged_model where starts_with(run_id, $prefix)
  union select run_id from observation where starts_with(run_id, $prefix)
) order by run_id limit 6;
