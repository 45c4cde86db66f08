-- How many runs have each of the facts that every project can have, and does it differ between two of them?
with active as (select * from run where lifecycle_stage is distinct from 'deleted'),
trained as (
  select t.run_key, t.value as hash, coalesce(c.author, p.author) as author, coalesce(c.subject, p.subject) as subject,
         nullif(p.branches, '') as branches
  from tag as t
  left join git_commit as c on c.hash = t.value
  left join commit_position as p on p.commit_hash = t.value
  where t.key = 'mlflow.source.git.commit' and t.run_key in (select run_key from active)
),
used as (
  select i.run_key, d.name, d.digest from dataset_input as i join dataset as d using (dataset_id)
  where i.run_key in (select run_key from active)
),
registered as (
  select v.name, v.version, coalesce(nullif(v.run_id, ''), m.run_id) as run_id
  from model_version as v
  left join logged_model as m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)
),
facts as (
  select 'attributes.run_id' as id, count(*) as runs, count(*) > 1 as varies from active
  union all select 'attributes.run_name', count(*), coalesce(min(name) <> max(name), false) from active
  union all select 'attributes.experiment', count(*), coalesce(min(experiment_id) <> max(experiment_id), false) from active
  union all select 'attributes.experiment_id', count(*), coalesce(min(experiment_id) <> max(experiment_id), false) from active
  union all select 'attributes.status', count(status), coalesce(min(status) <> max(status), false) from active
  union all select 'attributes.user', count(nullif(user_id, '')), coalesce(min(nullif(user_id, '')) <> max(nullif(user_id, '')), false) from active
  union all select 'attributes.start_time', count(start_time), coalesce(min(start_time) <> max(start_time), false) from active
  union all select 'attributes.end_time', count(end_time), coalesce(min(end_time) <> max(end_time), false) from active
  union all select 'attributes.duration', count(end_time - start_time), coalesce(min(end_time - start_time) <> max(end_time - start_time), false) from active
  union all select 'attributes.source', count(nullif(source_name, '')), coalesce(min(nullif(source_name, '')) <> max(nullif(source_name, '')), false) from active
  union all select 'attributes.artifact_uri', count(artifact_uri), coalesce(min(artifact_uri) <> max(artifact_uri), false) from active
  union all select 'code.commit', count(hash), coalesce(min(hash) <> max(hash), false) from trained
  union all select 'code.author', count(author), coalesce(min(author) <> max(author), false) from trained
  union all select 'code.subject', count(subject), coalesce(min(subject) <> max(subject), false) from trained
  union all select 'code.branch', count(branches), coalesce(min(branches) <> max(branches), false) from trained
  union all select 'data.digest', count(distinct run_key), coalesce(min(digest) <> max(digest), false) from used
  union all select 'data.name', count(distinct run_key), coalesce(min(name) <> max(name), false) from used
  union all select 'version.name', count(distinct run_id), coalesce(min(name) <> max(name), false) from registered where run_id is not null
  union all select 'version.number', count(distinct run_id), coalesce(min(version) <> max(version), false) from registered where run_id is not null
)
select id, runs, varies from facts where runs > 0;
