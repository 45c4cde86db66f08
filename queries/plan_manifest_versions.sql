-- Which versions of a model has a manifest declared on the remote's branch, now or earlier?
select version from (
  select version from manifest where model = $model
  union
  select before from manifest_change where model = $model
  union
  select after from manifest_change where model = $model
)
where version is not null
order by version;
