-- The tags that begin with a prefix, and where a branch of a remote stood at the last fetch.
select kind, name, commit_hash from git_ref
where (kind = 'tag' and starts_with(name, $prefix)) or (kind = 'remote' and name = $branch)
order by name;
