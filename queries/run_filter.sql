-- Which runs does a condition of a filter hold for? Parts of an expression on run as r, for answers/filters.
-- {value}, {key}, {first} and {last} are parameters, {op} is a comparator of SQL, {column} a column of ours
-- and {test} one of the tests; nothing of it is text that was typed. A run that has no such thing fails every
-- test, as in MLflow. NaN is above every number for DuckDB and in MLflow it is not; metrics that are NaN have
-- no value here. Infinities are the largest numbers in MLflow's databases, which only a filter with as large a
-- number can tell: bounded. ILIKE takes the case of ASCII's letters aside in SQLite, and of all letters in
-- other stores; what is behind a server is not known and taken for the former.

-- name: among
r.run_key in ({source})

-- name: among_several
-- the few runs that are left by several conditions are looked up among all, not all runs in each of them
r.run_key in (select m.run_key from ({source}) as m where {others})

-- name: also_among
m.run_key in ({source})

-- name: metric
select run_key from metric where key = {key} and {test}

-- name: param
select run_key from param where key = {key} and {test}

-- name: tag
select run_key from tag where key = {key} and {test}

-- name: attribute
coalesce({test}, false)

-- name: dataset
r.run_key in (select i.run_key from dataset_input as i join dataset as d using (dataset_id) where {test})

-- name: dataset_context
r.run_key in (
  select i.run_key from dataset_input as i join input_tag as t using (input_id)
  where t.key = 'mlflow.data.context' and {test})

-- name: code_commit
r.run_key in (select run_key from tag where key = 'mlflow.source.git.commit' and value <> '' and {test})

-- name: code_described
r.run_key in (
  select t.run_key from tag as t join (
    select hash, author, subject from git_commit
    union all select commit_hash, author, subject from commit_position) as c on c.hash = t.value
  where t.key = 'mlflow.source.git.commit' and {test})

-- name: data
r.run_key in (
  select u.run_key from (
    select i.run_key, d.name, d.digest from dataset_input as i join dataset as d using (dataset_id)
    union all
    select t.run_key, o.path, o.digest from tag as t join dvc_output as o on o.commit_hash = t.value
    where t.key = 'mlflow.source.git.commit') as u
  where {test})

-- name: version
r.run_key in (
  select run_key_of(u.run_id) from (
    select v.name, v.version, coalesce(nullif(v.run_id, ''), m.run_id) as run_id
    from model_version as v
    left join logged_model as m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1)) as u
  where u.run_id is not null and {test})

-- name: live
r.run_key in (
  select run_key_of(u.run_id) from (
    select unnest({environments}::varchar[]) as environment, unnest({run_ids}::varchar[]) as run_id) as u
  where {test})

-- name: compared
{column} {op} {value}

-- name: listed
{column} in (select unnest({value}::varchar[]))

-- name: not_listed
{column} not in (select unnest({value}::varchar[]))

-- name: case_aside
case
  when exists (select 1 from source_state where name = 'tracking' and kind not in ('mlflow-sqlite', 'mlflow-http'))
    then lower({column}) {op} lower({value})
  when strlen({column}) = length({column}) then lower({column}) {op} {value}
  else translate({column}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') {op} {value} end

-- name: metric_compared
{column} {op} {value}

-- name: metric_differs
({column} <> {value} or is_nan)

-- name: bounded
case {column} when 'infinity'::double then 1.7976931348623157e308 when '-infinity'::double then -1.7976931348623157e308
  else {column} end

-- name: number_compared
try_cast({column} as double) {op} {value}

-- name: number_above
try_cast({column} as double) {op} {value} and lower({column}) not like '%nan%'

-- name: number_differs
coalesce(try_cast({column} as double) <> {value}, {column} is not null)

-- name: begins
starts_with(lower({column}), {value})

-- name: begins_in
len(list_filter({value}::varchar[], lambda beginning: starts_with(lower({column}), beginning))) > 0

-- name: within
{column} between {first} and {last}

-- name: not_within
{column} not between {first} and {last}

-- name: given
{column} is not null

-- name: opposite
({test}) is not true
