-- What does the manifest of an environment hold on the remote's branch, as of the last fetch?
select path, field, branch, version, value, commit_hash from manifest
where environment = $environment and model = $model;
