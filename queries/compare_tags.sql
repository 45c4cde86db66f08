-- Every tag of these runs.
select run_id, key, value
from tag
where run_id in (select unnest($run_ids))
order by run_id, key;
