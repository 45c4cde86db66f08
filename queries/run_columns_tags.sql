-- Which tags are there, those that MLflow and the recorder set aside, how many runs have each, and does it differ?
select key, count(*) as runs, min(value) is distinct from max(value) as varies
from tag
where not starts_with(key, 'mlflow.') and not starts_with(key, 'mlops-dash.')
  and run_key not in (select run_key from run where lifecycle_stage = 'deleted')
group by key order by runs desc, key limit $most;
