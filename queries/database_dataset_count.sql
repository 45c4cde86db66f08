-- how many datasets we hold
select count(*) as datasets from dataset having count(*) > 0
