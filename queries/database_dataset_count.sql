-- how many datasets we hold
select count(*) as datasets from dataset
