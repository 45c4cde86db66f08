-- Which runs match, in order: put together of the parts below. What was typed is in parameters alone; {n} is
-- the number of a sort key, {direction} one of the two words that SQL has for it.

-- name: index
select r.run_key from run as r {joins} where {conditions} order by {order}, r.start_time desc nulls last, r.run_key;

-- name: join
left join ({source}) as s{n} on s{n}.run_key = r.run_key

-- name: joined
s{n}.v

-- name: index_in_little_room
-- the same without joins, which hold all runs in memory for each sort key: slower, and it spills to the disk
select run_key from (
  select r.run_key, r.start_time, true as matches, {values} from run as r where {conditions}
  {branches})
group by run_key having bool_or(matches)
order by {order}, max(start_time) desc nulls last, run_key;

-- name: branch
union all select run_key, null, null, {values} from ({source})

-- name: gathered
max(k{n})

-- name: not_deleted
r.lifecycle_stage is distinct from 'deleted'

-- name: in_experiments
list_contains($experiments::varchar[], r.experiment_id)

-- name: ordered
{value} {direction} nulls last

-- name: own
r.{column}

-- name: own_text
nullif(r.{column}, '')

-- name: duration
r.end_time - r.start_time

-- name: experiment
(select e.name from experiment as e where e.experiment_id = r.experiment_id)

-- name: metric_asc
select run_key, case when is_nan then 'nan'::double else value end as v from metric where key = $sort{n}

-- name: metric_desc
-- turned around and sorted upwards: NaN, the greatest of all, comes after every number both ways
select run_key, case when is_nan then 'nan'::double else -value end as v from metric where key = $sort{n}

-- name: ranked
-- numbers first, then texts, each in its order; the few values there are, are sorted in place of the many runs
with x as ({source}),
d as (
  select value,
         rank() over (order by n {direction} nulls last, case when n is null then value end {direction})::integer as v
  from (select value, case when isfinite(y) then y end as n
        from (select value, {number} as y from (select distinct value from x where value is not null)))
)
select x.run_key, d.v from x join d on d.value = x.value

-- name: as_number
try_cast(value as double)

-- name: as_text
null::double

-- name: param
select run_key, value from param where key = $sort{n}

-- name: tag
select run_key, value from tag where key = $sort{n}

-- name: code_commit
select run_key, value from tag where key = 'mlflow.source.git.commit'

-- name: code_fact
select t.run_key, coalesce(c.{column}, p.{column}) as value
from tag as t
left join git_commit as c on c.hash = t.value
left join commit_position as p on p.commit_hash = t.value
where t.key = 'mlflow.source.git.commit'

-- name: code_branch
select t.run_key, nullif(p.branches, '') as value
from tag as t join commit_position as p on p.commit_hash = t.value
where t.key = 'mlflow.source.git.commit'

-- name: data
select i.run_key, min(d.{column}) as value from dataset_input as i join dataset as d using (dataset_id) group by i.run_key

-- name: version
select run_key_of(run_id) as run_key, max_by({column}, coalesce(try_cast(version as double), 0)) as value
from (
  select coalesce(nullif(v.run_id, ''), m.run_id) as run_id, v.name, v.version
  from model_version as v
  left join logged_model as m on m.model_id = regexp_extract(v.source, '^models:/(m-[^/]+)$', 1))
where run_id is not null group by run_id

-- name: live
select run_key_of(run_id) as run_key, min(environment) as value
from (select unnest($live_runs::varchar[]) as run_id, unnest($live_environments::varchar[]) as environment)
group by run_id

-- name: has_metric
select 1 from metric where key = $key limit 1

-- name: has_param
select 1 from param where key = $key limit 1

-- name: has_tag
select 1 from tag where key = $key limit 1
