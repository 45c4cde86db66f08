-- How many runs have a commit of which each fact is known, and does it differ between two of them?
with used as (
  select value as hash, count(*) as runs from tag
  where key = 'mlflow.source.git.commit'
    and run_key not in (select run_key from run where lifecycle_stage = 'deleted')
  group by value
),
known as (
  select u.hash, u.runs, coalesce(c.author, p.author) as author, coalesce(c.subject, p.subject) as subject,
         nullif(p.branches, '') as branches
  from used as u
  left join git_commit as c on c.hash = u.hash
  left join commit_position as p on p.commit_hash = u.hash
)
select {'runs': sum(runs)::bigint, 'varies': coalesce(min(hash) <> max(hash), false)} as commit,
       {'runs': coalesce(sum(runs) filter (where author is not null), 0)::bigint,
        'varies': coalesce(min(author) <> max(author), false)} as author,
       {'runs': coalesce(sum(runs) filter (where subject is not null), 0)::bigint,
        'varies': coalesce(min(subject) <> max(subject), false)} as subject,
       {'runs': coalesce(sum(runs) filter (where branches is not null), 0)::bigint,
        'varies': coalesce(min(branches) <> max(branches), false)} as branch
from known having count(*) > 0;
