-- Commits at which these data versions are tracked with DVC.
select commit_hash, digest from dvc_output where digest in (select unnest($digests))
union
select commit_hash, digest from dvc_history where digest in (select unnest($digests));
