-- Where the artifacts of these runs are, and the models that each logged, the newest first.
select r.run_id, r.artifact_uri, m.model_id, m.name, m.artifact_location, m.status
from run r
left join logged_model m on m.run_id = r.run_id
where r.run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u))
order by r.run_id, m.creation_time desc nulls last, m.model_id;
