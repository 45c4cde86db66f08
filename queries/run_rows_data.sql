-- The datasets of some runs.
select distinct i.run_id, d.name, d.digest
from dataset_input as i join dataset as d using (dataset_id)
where i.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
order by i.run_id, d.name, d.digest;
