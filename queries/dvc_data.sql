-- The data tracked with DVC at these commits, and how many later versions the main branch has; none are
-- counted where neither the main branch nor the commit's time tells which are later.
with wanted as (
  select o.*, coalesce(c.committed_at, p.committed_at) as committed_at
  from dvc_output o
  left join git_commit c on c.hash = o.commit_hash
  left join commit_position p on p.commit_hash = o.commit_hash
  where o.commit_hash in (select unnest($commits))
),
placed as (
  -- the last place of this version on the main branch; for one that is not there, what was there at its time
  select w.*, coalesce(
      (select max(h.seq) from dvc_history h where h.path = w.path and h.digest = w.digest),
      (select max(h.seq) from dvc_history h where h.path = w.path and h.committed_at <= w.committed_at),
      case when w.committed_at is not null then -1 end) as seq
  from wanted w
)
select p.commit_hash, p.path, p.digest, p.tracked_in, p.size,
       count(distinct h.digest) as newer, arg_max(h.digest, h.seq) as newest_digest, max(h.committed_at) as newest_at
from placed p
left join dvc_history h on h.path = p.path and h.seq > p.seq and h.digest <> p.digest
group by all
order by p.commit_hash, p.path;
