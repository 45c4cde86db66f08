-- How many runs there are of each experiment, deleted or not, by how they stand.
select experiment_id, coalesce(lifecycle_stage = 'deleted', false) as deleted, status, count(*) as runs
from run group by all;
