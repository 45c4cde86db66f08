-- Which datasets were some runs ($run_ids) trained on?
select i.run_id, d.digest
from dataset_input as i join dataset as d using (dataset_id)
where i.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u)) and d.digest is not null
group by i.run_id, d.digest
order by i.run_id, min(d.name), d.digest;
