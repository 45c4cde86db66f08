-- Runs trained from these commits; those behind a model version first.
select t.run_id, t.value as commit_hash,
       exists (select 1 from model_version v left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
               where coalesce(nullif(v.run_id, ''), m.run_id) = t.run_id) as has_version
from tag t join run r on r.run_key = t.run_key
where t.key = 'mlflow.source.git.commit' and t.value in (select unnest($commits))
order by has_version desc, r.start_time desc;
