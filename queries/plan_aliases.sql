-- Which aliases does a model have in the registry, and which version does each name?
select alias, version from model_alias where name = $name order by alias;
