-- Commits whose hash begins so: in the repository, named by a run or a GTO tag, or with data tracked at them.
select hash from (
  select hash from git_commit where starts_with(hash, $prefix)
  union select value from tag where key = 'mlflow.source.git.commit' and starts_with(value, $prefix)
  union select commit_hash from gto_version where starts_with(commit_hash, $prefix)
  union select commit_hash from gto_assignment where starts_with(commit_hash, $prefix)
  union select commit_hash from dvc_output where starts_with(commit_hash, $prefix)
  union select commit_hash from commit_position where in_repository and starts_with(commit_hash, $prefix)
) order by hash limit 6;
