-- the logged models that we hold, created after $low and not after $high (ms)
select model_id from logged_model where creation_time > $low and creation_time <= $high
