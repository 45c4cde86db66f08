-- Some tags of these runs.
select run_id, key, value
from tag
where run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u)) and key in (select unnest($keys));
