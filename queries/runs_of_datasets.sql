-- Runs that used these dataset versions; those behind a model version first.
select distinct i.run_id, d.digest, r.start_time,
       exists (select 1 from model_version v left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
               where coalesce(nullif(v.run_id, ''), m.run_id) = i.run_id) as has_version
from dataset d join dataset_input i using (dataset_id) join run r on r.run_key = i.run_key
where d.digest in (select unnest($digests))
order by has_version desc, r.start_time desc;
