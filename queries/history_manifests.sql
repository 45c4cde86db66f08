-- Every commit that changed what a manifest declares, the oldest first.
select environment, model, before, after, commit_hash, author, changed_at, subject
from manifest_change
order by environment, model, seq desc;
