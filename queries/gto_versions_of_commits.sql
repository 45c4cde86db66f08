-- GTO versions that name these commits.
select model, version, commit_hash from gto_version where commit_hash in (select unnest($commits)) order by 1, 2;
