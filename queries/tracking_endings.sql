-- how many rows we hold of a table of the tracking store, by the last three characters of their ids
select right(id, 3) as ending, count(*) as held from held_id where relation = $relation group by ending
