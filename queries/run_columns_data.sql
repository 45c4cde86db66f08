-- How many runs used a dataset, and does it differ between two of them?
with used as (
  select dataset_id from dataset_input
  where run_key not in (select run_key from run where lifecycle_stage = 'deleted')
  group by dataset_id
),
named as (select d.name, d.digest from used join dataset as d using (dataset_id)),
counted as (
  select count(distinct run_key) as runs from dataset_input
  where run_key not in (select run_key from run where lifecycle_stage = 'deleted')
)
select {'runs': any_value(c.runs), 'varies': coalesce(min(digest) <> max(digest), false)} as digest,
       {'runs': any_value(c.runs), 'varies': coalesce(min(name) <> max(name), false)} as name
from named, counted as c having count(*) > 0;
