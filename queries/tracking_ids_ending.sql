-- how many rows we hold of each id that ends in one of some names, in a table of the tracking store
select id, count(*) as held from held_id
where relation = $relation and list_contains($names::varchar[], right(id, 3))
group by id
