-- Commits whose hash begins so: in the repository, named by a run, or by a GTO tag.
select hash from (
  select hash from git_commit where starts_with(hash, $prefix)
  union select value from tag where key = 'mlflow.source.git.commit' and starts_with(value, $prefix)
  union select commit_hash from gto_version where starts_with(commit_hash, $prefix)
) order by hash limit 6;
