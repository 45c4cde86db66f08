-- Dataset versions whose digest begins so, from the tracking store and from DVC; exactly this one first.
select digest, name, source_type, source, kind from (
  select distinct digest, name, source_type, source, 'mlflow' as kind from dataset where starts_with(digest, $prefix)
  union all
  select distinct digest, path, null, path, 'dvc' from (
    select digest, path from dvc_output union select digest, path from dvc_history
  ) where starts_with(digest, $prefix)
) order by digest <> $prefix, kind desc, digest, name limit 50;
