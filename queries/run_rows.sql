-- What a table shows of some runs: one question put together of the parts below, so that its parts are read
-- side by side. Rows are (kind, run_key, key, text, number); for a run itself key is its id. What belongs to
-- the runs is looked up by run first, and only then by key: that costs half of it the other way round.

-- name: wanted
with wanted as materialized (select run_key_of(u) as run_key from (select unnest($run_ids::varchar[]) as u))

-- name: metric_of
metric_of as materialized (select run_key, key, value, is_nan from metric where run_key in (from wanted))

-- name: param_of
param_of as materialized (select run_key, key, value from param where run_key in (from wanted))

-- name: tag_of
tag_of as materialized (select run_key, key, value from tag where run_key in (from wanted))

-- name: run
select 'run' as kind, r.run_key::varchar as run_key, r.run_id as key, null::varchar as text, null::double as number,
       {'name': coalesce(nullif(r.name, ''), r.run_id), 'experiment': coalesce(e.name, r.experiment_id),
        'status': r.status, 'user_id': r.user_id, 'start_time': r.start_time, 'end_time': r.end_time,
        'deleted': r.lifecycle_stage = 'deleted', 'source_name': r.source_name, 'artifact_uri': r.artifact_uri,
        'experiment_id': r.experiment_id} as run
from run as r left join experiment as e on e.experiment_id = r.experiment_id
where r.run_key in (from wanted)

-- name: metric
select 'metric', run_key::varchar, key, null, case when is_nan then 'nan'::double else value end, null
from metric_of where $every_metric or list_contains($metrics::varchar[], key)

-- name: param
select 'param', run_key::varchar, key, value, null, null
from param_of where $every_param or list_contains($params::varchar[], key)

-- name: tag
select 'tag', run_key::varchar, key, value, null, null
from tag_of where $every_tag and not (starts_with(key, 'mlflow.') or starts_with(key, 'mlops-dash.')) or list_contains($tags::varchar[], key)

-- name: commit
select 'commit', run_key::varchar, 'commit', value, null, null
from tag_of where key = 'mlflow.source.git.commit' and value <> ''

-- name: described
select 'code', t.run_key::varchar, f.key, f.value, null, null
from tag_of as t
left join git_commit as c on c.hash = t.value
left join commit_position as p on p.commit_hash = t.value,
lateral (values ('author', coalesce(c.author, p.author)), ('subject', coalesce(c.subject, p.subject)),
                ('branch', p.branches)) as f(key, value)
where t.key = 'mlflow.source.git.commit' and list_contains($code::varchar[], f.key) and f.value <> ''

-- name: data
select 'data', i.run_key::varchar, coalesce(d.name, ''), coalesce(d.digest, ''), null, null
from dataset_input as i join dataset as d using (dataset_id) where i.run_key in (from wanted)
