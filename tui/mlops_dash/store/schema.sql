-- The cache's tables. Everything here was read from somewhere else and can be read again.
-- Times are milliseconds since the epoch (UTC), exactly as the sources hold them: a year 3170843 is kept.

create table meta (key varchar not null, value varchar);

-- one row per source: what was read, when, and the position to go on from (JSON, the source's own)
create table source_state (
  name varchar not null, kind varchar, status varchar, as_of bigint, tried_at bigint,
  counts varchar, detail varchar, remedy varchar, position varchar
);

-- Runs are joined by a number of 128 bits, which takes half the time and space of MLflow's ids: an id as MLflow
-- makes them is read as hexadecimal (so two ids differ in more than case), any other is hashed and kept in
-- odd_run_id. What belongs to a run tells its id again from that.
create macro canonical_run_key(id) as case when strlen(id) = 32 then try_cast(id as uuid) end;
create macro run_key_of(id) as coalesce(canonical_run_key(id), md5(id)::uuid);

-- tracking: rowno is the source's own row number, by which edits are found
create table experiment (experiment_id varchar, name varchar, lifecycle_stage varchar, artifact_location varchar, last_update_time bigint);
create table run (
  rowno bigint, run_key uuid, run_id varchar, experiment_id varchar, name varchar, status varchar,
  start_time bigint, end_time bigint, lifecycle_stage varchar, deleted_time bigint,
  user_id varchar, source_name varchar, artifact_uri varchar
);
create table param (
  rowno bigint, run_key uuid, odd_run_id varchar,
  run_id varchar generated always as (coalesce(odd_run_id, replace(run_key::varchar, '-', ''))) virtual,
  key varchar, value varchar
);
create table tag (
  rowno bigint, run_key uuid, odd_run_id varchar,
  run_id varchar generated always as (coalesce(odd_run_id, replace(run_key::varchar, '-', ''))) virtual,
  key varchar, value varchar
);
-- the latest value of each metric; value is null and is_nan true where MLflow stored NaN
create table metric (
  rowno bigint, run_key uuid, odd_run_id varchar,
  run_id varchar generated always as (coalesce(odd_run_id, replace(run_key::varchar, '-', ''))) virtual,
  key varchar, value double, step bigint, logged_at bigint, is_nan boolean
);
create table dataset (rowno bigint, dataset_id varchar, experiment_id varchar, name varchar, digest varchar, source_type varchar, source varchar, profile varchar);
create table dataset_input (
  rowno bigint, input_id varchar, dataset_id varchar, run_key uuid, odd_run_id varchar,
  run_id varchar generated always as (coalesce(odd_run_id, replace(run_key::varchar, '-', ''))) virtual
);
-- key mlflow.data.context says what the dataset was used for: training, eval…
create table input_tag (rowno bigint, input_id varchar, key varchar, value varchar);
create table logged_model (rowno bigint, model_id varchar, experiment_id varchar, name varchar, artifact_location varchar, run_id varchar, status varchar, creation_time bigint);
create table registered_model (name varchar, creation_time bigint, last_updated_time bigint, description varchar);
create table model_version (
  name varchar, version varchar, run_id varchar, source varchar, storage_location varchar, stage varchar,
  status varchar, creation_time bigint, last_updated_time bigint, user_id varchar, description varchar
);
create table model_alias (name varchar, alias varchar, version varchar);
create table model_version_tag (name varchar, version varchar, key varchar, value varchar);

-- git: parents are hashes separated by blanks; seq is 0 for the newest in git's own order
create table git_commit (
  hash varchar, parents varchar, author varchar, email varchar, authored_at bigint, committed_at bigint, subject varchar, seq bigint
);
-- kind: branch, remote or tag; commit_hash is the commit that it leads to; tagger… only for annotated tags
create table git_ref (name varchar, kind varchar, commit_hash varchar, tagger varchar, tagged_at bigint, message varchar);
-- one row: head_branch is null when detached; behind and ahead are counted against main
create table git_state (
  root varchar, head varchar, head_branch varchar, main varchar, main_commit varchar, shallow boolean, bare boolean,
  changed_files bigint, untracked_files bigint, remote varchar
);
-- where the commits that matter stand: behind counts commits on main that this one lacks, ahead the
-- opposite; branches are names separated by newlines, empty where no branch or tag contains it: such a
-- commit is in no git_commit row, so subject, author and committed_at stand here
create table commit_position (
  commit_hash varchar, in_repository boolean, behind bigint, ahead bigint, branches varchar, on_remote boolean,
  subject varchar, author varchar, committed_at bigint
);

-- data tracked with DVC, at the commits that matter
create table dvc_output (commit_hash varchar, path varchar, digest varchar, size bigint, files bigint, tracked_in varchar);
-- every version of each path on the main branch, seq 0 the oldest
create table dvc_history (path varchar, digest varchar, commit_hash varchar, committed_at bigint, seq bigint);

-- GTO tags
create table gto_version (model varchar, version varchar, commit_hash varchar, tag varchar, created_at bigint, author varchar, deprecated boolean);
create table gto_assignment (model varchar, stage varchar, n bigint, version varchar, commit_hash varchar, tag varchar, assigned_at bigint, author varchar, active boolean);

-- manifests in Git that declare versions (targets of kind gitops): what the remote's branch declares at base, its
-- commit as of the last fetch; value is the field's text, null where there is none; version is null where it is
-- not what template says; commit_hash, author, since and subject are of the commit that last changed it
create table manifest (
  environment varchar, model varchar, path varchar, field varchar, remote varchar, branch varchar, template varchar,
  base varchar, value varchar, version varchar, commit_hash varchar, author varchar, since bigint, subject varchar, detail varchar
);
-- each commit on that branch that changed the field, newest first in seq; before and after are versions, null
-- where there was none or the value is not what the configuration says
create table manifest_change (
  environment varchar, model varchar, path varchar, field varchar, before varchar, after varchar,
  commit_hash varchar, author varchar, changed_at bigint, subject varchar, seq bigint
);

-- what each environment's target answered last
create table observation (
  environment varchar, model varchar, target varchar, asked_at bigint, answered boolean, health varchar, version varchar,
  run_id varchar, model_id varchar, latency_ms double, address varchar, since bigint, "by" varchar, detail varchar
);

-- the Live board as it was when SQL was last asked, so that SQL gives the same answer
create table live_board (
  environment varchar, model varchar, target varchar, live varchar, basis varchar, declared varchar, observed varchar,
  drift boolean, health varchar, since bigint, who varchar, run_id varchar, commit_hash varchar, behind bigint,
  metric varchar, value double, asked_at bigint
);

-- the history as it was when SQL was last asked for it
create table live_change (
  environment varchar, model varchar, aspect varchar, before varchar, after varchar, changed_at bigint, not_before bigint,
  who varchar, evidence varchar, kind varchar, outcome varchar, reason varchar, healthy boolean, action_id varchar,
  undoes varchar, audit_run varchar, host varchar, commit_hash varchar
);
