-- Which metrics are there, how many runs have each, and does it differ between two runs?
select key, count(*) as runs, min(value) is distinct from max(value) or (bool_or(is_nan) and not bool_and(is_nan)) as varies
from metric
where run_key not in (select run_key from run where lifecycle_stage = 'deleted')
group by key order by runs desc, key limit $most;
