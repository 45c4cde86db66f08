-- The store's own statements. {table}, {columns} … are identifiers of our schema, never text from outside.

-- name: columns
select table_name, column_name, data_type from duckdb_columns()
where schema_name = 'main' and not internal
  and table_name in (select t.table_name from duckdb_tables() as t where t.schema_name = 'main')
order by table_name, column_index;

-- name: clear
truncate {table};

-- name: clear_where
delete from {table} where {key} in ({scope});

-- name: clear_where_within
delete from {table} where {key} in ({scope}) and {within} between $low and $high;

-- name: scope
select unnest($scope::varchar[]);

-- name: scope_of_runs
select run_key_of(id) from (select unnest($scope::varchar[]) as id);

-- name: clear_range
delete from {table} where {key} between $low and $high;

-- name: clear_matching
delete from {table} where exists (select 1 from {staging} as s where {condition});

-- name: insert
insert into {table} ({columns}) {selection};

-- name: select_part
select {expressions} from {part}{where};

-- name: keyed_part
-- what two columns are made of is computed once
(select *, canonical_run_key(run_id) as canonical from {part});

-- name: storable
case when contains({column}, chr(0)) then replace({column}, chr(0), chr(65533)) else {column} end;

-- name: public
-- what people log may hold addresses with a user and a password, and such as are signed: neither is kept.
-- Of http addresses all user info goes, of others user info with a password: abfss://container@account stays.
case when contains({text}, '://') then regexp_replace(regexp_replace(regexp_replace({text},
  '(?i)(https?://)[^/?#@\s"'']+@', '\1', 'g'),
  '(://)[^/?#@\s"'':]*:[^/?#@\s"'']*@', '\1', 'g'),
  '(?i)(://[^\s"''?#]*)[?#](?:[^\s"'']*(?:&|\\u0026))?[\w.-]*(?:signature|\bsig|credential|token|password|passwd|secret|accesskeyid|api_?key)=[^\s"'']*',
  '\1', 'g') else {text} end;

-- name: run_key
coalesce(canonical, md5(run_id)::uuid) as run_key;

-- name: odd_run_id
case when canonical is null then run_id end as odd_run_id;

-- name: stage
create or replace temp table {staging} as {selection};

-- name: unstage
drop table {staging};

-- name: meta
select key, value from meta;

-- name: set_meta
insert into meta values ($key, $value);

-- name: clear_meta
delete from meta where key = $key;

-- name: fingerprint
select concat_ws(' ', (select count(*) from run), (select count(*) from param), (select count(*) from tag),
  (select count(*) from metric), (select count(*) from git_commit), (select count(*) from model_version));

-- name: source_states
select name, kind, status, as_of, tried_at, counts, detail, remedy, position from source_state order by rowid;

-- name: clear_source
delete from source_state where name = $name;

-- name: set_source
insert into source_state values
  ($name, $kind, $status, $as_of, $tried_at, $counts, $detail, $remedy, $position);

-- name: clear_observation
delete from observation where environment = $environment and model = $model;

-- name: save_observation
insert into observation values
  ($environment, $model, $target, $asked_at, $answered, $health, $version, $run_id, $model_id, $latency_ms,
   $address, $since, $by, $detail);
