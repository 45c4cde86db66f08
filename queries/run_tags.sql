-- Some tags of these runs.
select run_id, key, value
from tag
where run_id in (select unnest($run_ids)) and key in (select unnest($keys));
