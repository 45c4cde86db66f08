-- The datasets that these runs used, with what each was used for and MLflow's profile of it.
with used as materialized (
  select run_id, input_id, dataset_id from dataset_input where run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
)
select distinct u.run_id, d.name, d.digest, d.source_type, d.source, d.profile, t.value as context
from used u
join dataset d using (dataset_id)
left join input_tag t on t.input_id = u.input_id and t.key = 'mlflow.data.context'
order by u.run_id, d.name, context, d.digest;
