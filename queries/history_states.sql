-- How runs stand and what these metrics of them were last: a history that was read under the same is still whole.
select r.run_id, m.key, r.status, r.end_time, m.step, m.logged_at, m.value, m.is_nan
from run as r
left join metric as m on m.run_key = r.run_key and m.key in (select unnest($keys::varchar[]))
where r.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
