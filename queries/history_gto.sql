-- Every assignment of a version to a stage that GTO's tags record, in the order of their counters.
select a.model, a.stage, a.n, a.version, a.commit_hash, a.tag, a.assigned_at, a.author, r.message
from gto_assignment as a
left join (select name, any_value(message) as message from git_ref where kind = 'tag' group by name) as r on r.name = a.tag
order by a.model, a.stage, a.n, a.assigned_at, a.tag;
