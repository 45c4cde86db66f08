-- how many rows we hold of each id that ends in one of some names, in a table of the tracking store
select id, count(*) as held from (
  select run_id as id from run where $relation = 'run'
  union all select run_id from param where $relation = 'param'
  union all select run_id from tag where $relation = 'tag'
  union all select run_id from metric where $relation = 'metric'
  union all select dataset_id from dataset where $relation = 'dataset'
  union all select input_id from dataset_input where $relation = 'dataset_input'
  union all select input_id from input_tag where $relation = 'input_tag'
  union all select model_id from logged_model where $relation = 'logged_model'
)
where list_contains($names::varchar[], right(id, 3))
group by id
