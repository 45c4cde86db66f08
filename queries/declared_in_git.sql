-- Which versions do manifests and GTO's tags declare, each by itself?
select environment, model, version, 'manifest' as via, path as label, since, author as "by", commit_hash
from manifest
where version is not null
union all
select stage, model, version, 'gto', stage, assigned_at, author, commit_hash
from gto_assignment
where active;
