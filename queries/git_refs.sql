-- Branches and tags as they were read last.
select kind, name, commit_hash
from git_ref
