-- The latest value of every metric of these runs; NaN where MLflow stored NaN.
select run_id, key, case when is_nan then 'nan'::double else value end as value
from metric
where run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
order by run_id, key;
