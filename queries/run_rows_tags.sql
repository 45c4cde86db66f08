-- The values of some tags ($everything: of all but MLflow's own) of some runs.
select run_key::varchar as run_key, key, value
from tag
where ($everything and not starts_with(key, 'mlflow.') or list_contains($keys::varchar[], key)) and run_key in (select run_key_of(u) from (select unnest($run_ids::varchar[]) as u));
