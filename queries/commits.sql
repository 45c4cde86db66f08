-- Commits by hash, with where they stand against the main branch. A commit that no ref leads to has only a position.
select coalesce(c.hash, p.commit_hash) as hash, coalesce(c.subject, p.subject) as subject,
       coalesce(c.author, p.author) as author, coalesce(c.committed_at, p.committed_at) as committed_at,
       c.hash is not null as listed, p.in_repository, p.behind, p.ahead, p.branches, p.on_remote
from (select * from git_commit where hash in (select unnest($commits))) c
full join (select * from commit_position where commit_hash in (select unnest($commits))) p on p.commit_hash = c.hash;
