-- the newest blocks of rows, $rows_per_block each, that hold runs which have not ended
select distinct rowno // $rows_per_block as block from run
where status in ('RUNNING', 'SCHEDULED') and rowno is not null
order by block desc limit 8
