-- Which actions stand in the audit experiment, by whomever and on whatever machine? One row for each record;
-- kinds are those of its steps.
with audited as (
  select r.run_id, r.run_key, r.start_time, r.end_time
  from run as r join experiment as e using (experiment_id)
  where e.name = 'mlops-dash'
),
told as (
  select a.run_id, a.start_time, a.end_time, t.key[12:] as key, t.value
  from audited as a join tag as t using (run_key)
  where starts_with(t.key, 'mlops_dash.') and t.key <> 'mlops_dash.plan'
)
select run_id, start_time, end_time,
  max(value) filter (key = 'action_id') as action_id, max(value) filter (key = 'kind') as kind,
  max(value) filter (key = 'environment') as environment, max(value) filter (key = 'model') as model,
  max(value) filter (key = 'before') as before, max(value) filter (key = 'after') as after,
  max(value) filter (key = 'outcome') as outcome, max(value) filter (key = 'reason') as reason,
  max(value) filter (key = 'actor') as actor, max(value) filter (key = 'host') as host,
  max(value) filter (key = 'begun_at') as begun_at, max(value) filter (key = 'ended_at') as ended_at,
  max(value) filter (key = 'undoes') as undoes, bool_or(key = 'unserved' and value = '1') as unserved,
  regexp_extract_all(max(value) filter (key = 'steps'), '"kind": ?"(\w+)"', 1) as kinds
from told
group by run_id, start_time, end_time
having bool_or(key = 'audit') and max(value) filter (key = 'kind') is distinct from 'rebuild'
order by start_time, run_id;
