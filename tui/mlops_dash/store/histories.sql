-- The statements of histories.py. {source} is one of our tables, {where} a condition of ours.

-- name: create
-- values of metrics, thinned where there are many; places count from 1 in the order of steps, then times;
-- value is null where MLflow stored NaN
create table point (curve integer, place integer, step bigint, time bigint, value double);

-- name: stage
create temp table staged (curve integer, step bigint, time bigint, value double);

-- name: take
insert into staged
select w.curve, i.step, i.time, i.value
from incoming as i
join (
  select unnest($curves::integer[]) as curve, unnest($run_ids::varchar[]) as run_id, unnest($keys::varchar[]) as key
) as w on w.run_id = i.run_id and w.key = i.key{where};

-- name: unstage
truncate staged;

-- name: extents
select curve, count(*), approx_count_distinct(step) from staged group by curve;

-- name: placed
select curve, row_number() over (partition by curve order by step, time, rowid)::integer as place, step, time, value
from staged where curve in (select unnest($curves::integer[]));

-- name: keep
insert into point {placed};

-- name: place
create or replace temp table placed as {placed};

-- name: keep_thinned
insert into point
select curve, row_number() over (partition by curve order by place), step, time, value from ({thinned});

-- name: drop
delete from point where curve in (select unnest($curves::integer[]));

-- name: thinned
-- A curve is cut into $stretches of equal length in steps, or in points where too few steps tell them apart.
-- Of each stretch are kept: its first and last point, the lowest and the highest finite one, the first NaN and
-- the first infinity.
with cut as (
  select curve, steps >= $stretches as by_steps, max(place) as points, min(step)::double as low,
    max(step)::double - min(step)::double as span
  from {source} join (select unnest($curves::integer[]) as curve, unnest($steps::bigint[]) as steps) using (curve)
  group by curve, steps
), kept as (
  select curve, unnest([
    min(place), max(place),
    arg_min(place, value) filter (where isfinite(value)), arg_max(place, value) filter (where isfinite(value)),
    min(place) filter (where value is null), min(place) filter (where isinf(value))
  ]) as place
  from {source} join cut using (curve)
  group by curve, case
    when by_steps then least(floor((step - low) / span * $stretches), $stretches - 1)
    else floor((place - 1) * $stretches / points) end
)
select p.curve, p.place, p.step, p.time, p.value
from {source} as p semi join kept using (curve, place);

-- name: points
select curve, step, time, value from (
  select curve, place, step, time, value from point where curve in (select unnest($whole::integer[]))
  union all
  select curve, place, step, time, value from ({thinned})
)
order by curve, place;
