-- Every name and version in the registry and in GTO tags, to say which one was meant.
select name, version from model_version
union
select model, version from gto_version
order by 1, 2;
