-- Which parameters are there, how many runs have each, and does it differ between two runs?
select key, count(*) as runs, min(value) is distinct from max(value) as varies
from param
where run_key not in (select run_key from run where lifecycle_stage = 'deleted')
group by key order by runs desc, key limit $most;
