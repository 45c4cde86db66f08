-- How many runs there are ($everywhere: in all experiments), how many have not ended, and whether
-- the key of some run is not simply its id.
select count(*) filter (
         where ($deleted or lifecycle_stage is distinct from 'deleted')
           and ($everywhere or list_contains($experiments::varchar[], experiment_id))) as total,
       count(*) filter (
         where status in ('RUNNING', 'SCHEDULED') and lifecycle_stage is distinct from 'deleted') as running,
       coalesce(bool_or(replace(run_key::varchar, '-', '') <> run_id), false) as odd
from run having count(*) > 0;
