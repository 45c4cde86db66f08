-- how many runs there are, and how many that were deleted
select count(*) filter (where lifecycle_stage is distinct from 'deleted') as runs,
  count(*) filter (where lifecycle_stage = 'deleted') as deleted
from run
having count(*) > 0
