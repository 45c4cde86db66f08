-- The ids of runs by their keys.
select run_key::varchar as run_key, run_id from run where run_key in (
  select try_cast(u as uuid) from (select unnest($keys::varchar[]) as u));
