-- how many rows we hold of each table of the tracking store
select relation, held from (
  select 'run' as relation, count(*) as held from run
  union all select 'param', count(*) from param
  union all select 'tag', count(*) from tag
  union all select 'metric', count(*) from metric
  union all select 'dataset', count(*) from dataset
  union all select 'dataset_input', count(*) from dataset_input
  union all select 'input_tag', count(*) from input_tag
  union all select 'logged_model', count(*) from logged_model
)
where held > 0
