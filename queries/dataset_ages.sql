-- When each version of each dataset was first used, deleted runs aside, and by any run at all. Two names are
-- one dataset's when they are equal, whatever experiments hold it.
with started as materialized (
  -- by id first: the names and digests of a few hundred datasets are looked at once, not at every input
  select i.dataset_id, min(r.start_time) as ever,
         min(r.start_time) filter (where r.lifecycle_stage is distinct from 'deleted') as first_seen
  from dataset_input i join run r on r.run_key = i.run_key
  group by i.dataset_id
)
select d.name, d.digest, min(s.first_seen) as first_seen, min(s.ever) as ever
from started s join dataset d using (dataset_id)
where d.name is not null and d.digest is not null
group by d.name, d.digest;
