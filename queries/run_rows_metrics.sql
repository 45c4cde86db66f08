-- The latest values of some metrics ($everything: of all) of some runs; NaN where MLflow stored NaN.
select run_key::varchar as run_key, key, case when is_nan then 'nan'::double else value end as value
from metric
where ($everything or list_contains($keys::varchar[], key)) and run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u));
