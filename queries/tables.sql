-- what can be asked with `mlops-dash sql`: each view, its columns, what it holds
select v.view_name as name, string_agg(c.column_name, ', ' order by c.column_index) as columns, v.comment as holds
from duckdb_views() as v
join duckdb_columns() as c on c.table_name = v.view_name and c.schema_name = v.schema_name
where not v.internal and v.comment is not null
group by all
order by name
