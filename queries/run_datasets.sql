-- The datasets of these runs.
select distinct i.run_id, d.name, d.digest, d.source_type, d.source
from dataset_input i join dataset d using (dataset_id)
where i.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
order by i.run_id, d.name, d.digest;
