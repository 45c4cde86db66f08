-- The commits of some runs, with what the repository says of them.
select t.run_key::varchar as run_key, t.value as commit, coalesce(c.author, p.author) as author, coalesce(c.subject, p.subject) as subject,
       p.branches as branch
from tag as t
left join git_commit as c on c.hash = t.value
left join commit_position as p on p.commit_hash = t.value
where t.key = 'mlflow.source.git.commit' and t.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u));
