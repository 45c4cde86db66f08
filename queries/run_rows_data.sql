-- The datasets of some runs.
select distinct i.run_key::varchar as run_key, d.name, d.digest
from dataset_input as i join dataset as d using (dataset_id)
where i.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
order by run_key, d.name, d.digest;
