-- The data tracked with DVC at these commits.
select commit_hash, path, digest, size, files, tracked_in
from dvc_output
where commit_hash in (select unnest($commits))
order by commit_hash, path;
