-- Which version does this alias of this model name?
select version from model_alias where name = $name and alias = $alias;
