-- GTO versions by model and version.
select g.model, g.version, g.commit_hash, g.tag, g.created_at, g.author, g.deprecated
from gto_version g
semi join (select unnest($names) as name, unnest($versions) as version) w on g.model = w.name and g.version = w.version;
