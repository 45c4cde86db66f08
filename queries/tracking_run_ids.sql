-- the runs that we hold in a range of the tracking store's row numbers
select run_id from run where rowno between $low and $high
