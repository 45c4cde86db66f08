-- The datasets of these runs, and how many later versions of each have been seen: a version is as old as
-- the first run that used it, deleted runs aside. Two names are one dataset's when they are equal.
with used as (
  select distinct i.run_id, d.name, d.digest, d.source_type, d.source
  from dataset_input i join dataset d using (dataset_id)
  where i.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
),
started as materialized (
  -- by id first: the names and digests of a few hundred datasets are looked at once, not at every input
  select i.dataset_id, min(r.start_time) as ever,
         min(r.start_time) filter (where r.lifecycle_stage is distinct from 'deleted') as first_seen
  from dataset_input i join run r on r.run_key = i.run_key
  group by i.dataset_id
),
seen as materialized (
  select d.name, d.digest, min(s.first_seen) as first_seen, min(s.ever) as ever
  from started s join dataset d using (dataset_id)
  group by d.name, d.digest
)
select u.run_id, u.name, u.digest, u.source_type, u.source,
       count(n.digest) as newer, arg_max(n.digest, n.first_seen) as newest_digest, max(n.first_seen) as newest_at
from used u
left join seen s on s.name = u.name and s.digest = u.digest
left join seen n on n.name = u.name and n.first_seen > coalesce(s.first_seen, s.ever) and n.digest <> u.digest
group by all
order by u.run_id, u.name, u.digest;
