-- The data tracked with DVC at these commits, and how many later versions the main branch has.
with wanted as (
  select o.*, c.committed_at from dvc_output o
  left join git_commit c on c.hash = o.commit_hash
  where o.commit_hash in (select unnest($commits))
),
placed as (
  -- the last place of this version on the main branch; for one that is not there, what was there at its time
  select w.*, coalesce(
      (select max(h.seq) from dvc_history h where h.path = w.path and h.digest = w.digest),
      (select max(h.seq) from dvc_history h where h.path = w.path and h.committed_at <= w.committed_at)) as seq
  from wanted w
)
select p.commit_hash, p.path, p.digest, p.tracked_in, p.size,
       count(distinct h.digest) as newer, arg_max(h.digest, h.seq) as newest_digest, max(h.committed_at) as newest_at
from placed p
left join dvc_history h on h.path = p.path and h.seq > coalesce(p.seq, -1) and h.digest <> p.digest
group by all
order by p.commit_hash, p.path;
