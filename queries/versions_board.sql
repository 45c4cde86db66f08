-- Every version of a model ($model), newest first, with what it came from and the latest value of a metric
-- ($metric) of its run: those of the registry, and those that only GTO's tags name. rebuilt: the verdict of a
-- rebuild, as a tag says it.
with listed as (
  select v.version, coalesce(nullif(v.run_id, ''), m.run_id) as run_id, run_key_of(coalesce(nullif(v.run_id, ''), m.run_id)) as run_key,
         v.creation_time as created_at,
         nullif(v.stage, 'None') as stage, v.status, null as commit_hash
  from model_version v
  left join logged_model m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
  where v.name = $model
  union all
  select g.version, null, null, g.created_at, case when g.deprecated then 'deprecated' end, null, g.commit_hash
  from gto_version g
  where g.model = $model and not exists (
    select 1 from model_version v where v.name = g.model and v.version in (g.version, ltrim(g.version, 'v')))
),
verdicts as (
  select version, any_value(value) as rebuilt from model_version_tag
  where name = $model and key = 'mlops-dash.rebuilt' group by version
),
commits as (
  select run_key, any_value(value) as hash from tag
  where key = 'mlflow.source.git.commit' and run_key in (select run_key from listed) group by run_key
),
used as (
  select i.run_key, min_by(d.digest, d.name) as digest, min(d.name) as dataset
  from dataset_input i join dataset d using (dataset_id)
  where i.run_key in (select run_key from listed) group by i.run_key
)
select l.version, l.run_id, coalesce(nullif(r.name, ''), l.run_id) as run_name, l.created_at, l.stage, l.status,
       coalesce(c.hash, l.commit_hash) as commit_hash, u.dataset, u.digest,
       case when x.is_nan then 'nan'::double else x.value end as value, b.rebuilt
from listed l
left join verdicts b on b.version = l.version
left join run r on r.run_key = l.run_key
left join commits c on c.run_key = l.run_key
left join used u on u.run_key = l.run_key
left join metric x on x.run_key = l.run_key and x.key = $metric
order by l.created_at desc nulls last, try_cast(l.version as bigint) desc, l.version desc;
