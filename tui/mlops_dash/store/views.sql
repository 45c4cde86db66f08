-- What people ask with `mlops-dash sql`: friendly names, times as UTC timestamps (null where out of range).

create macro moment(ms) as case
  when ms between -62135596800000 and 253402300799999 then make_timestamp(ms * 1000) end;

create view experiments as
select experiment_id, name, lifecycle_stage, artifact_location, moment(last_update_time) as updated_at from experiment;
comment on view experiments is 'MLflow experiments';

create view runs as
select r.run_id, r.name, e.name as experiment, r.status, moment(r.start_time) as started_at, moment(r.end_time) as ended_at,
  r.user_id as "user", r.source_name, r.lifecycle_stage = 'deleted' as deleted, r.experiment_id, r.artifact_uri
from run as r left join experiment as e using (experiment_id);
comment on view runs is 'every run of every experiment, deleted ones marked';

create view params as select run_id, key, value from param;
comment on view params is 'parameters of runs, as logged';

create view metrics as
select run_id, key, case when is_nan then 'nan'::double else value end as value, step, moment(logged_at) as logged_at from metric;
comment on view metrics is 'the latest value of each metric of each run';

create view tags as select run_id, key, value from tag;
comment on view tags is 'tags of runs; the commit is mlflow.source.git.commit';

create view datasets as
select i.run_id, d.name, d.digest, t.value as context, d.source_type, d.source, d.dataset_id
from dataset as d left join dataset_input as i using (dataset_id)
left join input_tag as t on t.input_id = i.input_id and t.key = 'mlflow.data.context';
comment on view datasets is 'datasets and the runs that used them';

create view models as
select name, moment(creation_time) as created_at, moment(last_updated_time) as updated_at, description from registered_model;
comment on view models is 'registered models';

create view versions as
select v.name as model, v.version, v.stage, v.status, v.run_id, v.source, moment(v.creation_time) as created_at,
  moment(v.last_updated_time) as updated_at, v.user_id as "user", v.description,
  (select list(a.alias order by a.alias) from model_alias as a where a.name = v.name and a.version = v.version) as aliases
from model_version as v;
comment on view versions is 'versions of registered models, with their aliases';

create view aliases as select name as model, alias, version from model_alias;
comment on view aliases is 'aliases of registered models';

create view version_tags as select name as model, version, key, value from model_version_tag;
comment on view version_tags is 'tags of model versions';

create view commits as
select hash, subject, author, email, moment(authored_at) as authored_at, moment(committed_at) as committed_at, parents, seq
from git_commit;
comment on view commits is 'commits of all branches and tags, seq 0 the newest';

create view refs as
select name, kind, commit_hash, tagger, moment(tagged_at) as tagged_at, message from git_ref;
comment on view refs is 'branches, remote branches and tags';

create view data_files as select commit_hash, path, digest, size, files, tracked_in from dvc_output;
comment on view data_files is 'files tracked with DVC, at the commits that matter';

create view manifests as
select environment, model, path, field, remote, branch, version, value, commit_hash, author, moment(since) as since, subject, detail
from manifest;
comment on view manifests is 'versions that manifests in Git declare, for targets of kind gitops';

create view manifest_changes as
select environment, model, path, field, before, after, commit_hash, author, moment(changed_at) as changed_at, subject, seq
from manifest_change;
comment on view manifest_changes is 'commits that changed the version in a manifest, seq 0 the newest';

create view observations as
select environment, model, target, moment(asked_at) as asked_at, answered, health, version, run_id, latency_ms, address,
  moment(since) as since, "by", detail
from observation;
comment on view observations is 'what each environment''s target answered last';

create view live as
select * replace (moment(since) as since, moment(asked_at) as asked_at) from live_board;
comment on view live is 'the Live board: what is live in each environment, and on what basis';

create view changes as
select environment, model, aspect, before, after, moment(changed_at) as changed_at, moment(not_before) as not_before, who as "by", evidence,
  kind, outcome, reason, healthy, action_id, undoes, audit_run, host, commit_hash
from live_change;
comment on view changes is 'the history of what is live: who changed what, when and why, and how it is known';

create view sources as
select name, kind, status, moment(as_of) as as_of, counts, detail from source_state;
comment on view sources is 'what was read, when, and what failed';

-- the ids by which tracking stores that have no row numbers are compared; without a comment, so it is not offered
create view held_id as
select 'run' as relation, run_id as id from run
union all select 'param', run_id from param
union all select 'tag', run_id from tag
union all select 'metric', run_id from metric
union all select 'dataset', dataset_id from dataset
union all select 'dataset_input', input_id from dataset_input
union all select 'input_tag', input_id from input_tag
union all select 'logged_model', model_id from logged_model;
