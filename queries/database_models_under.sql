-- the logged models that we hold whose ids start with these prefixes
select model_id from logged_model where left(model_id, $width) in (select unnest($prefixes::varchar[]))
