-- Where the commits that matter were found to stand.
select commit_hash, in_repository, behind, ahead, branches, on_remote
from commit_position
