-- The parameters of these runs.
select run_id, key, value
from param
where run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
order by run_id, key;
