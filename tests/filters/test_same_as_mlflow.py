"""The same filter finds the same runs as ``mlflow.search_runs`` on the same store."""

from __future__ import annotations

import pytest

from filters.conftest import LONG, Tracked
from mlops_dash.answers.filters import check_filter
from mlops_dash.errors import FilterError

SAME = f"""
metrics.rmse < 0.8
metrics.rmse <= 0.5
metrics.rmse > 0.5
metrics.rmse >= 0.5
metrics.rmse = 0.5
metrics.rmse != 0.5
metric.rmse = 0.3
metrics.rmse = 0.30000000000000004
metrics.rmse>-1e308
metrics.rmse < -1E3
metrics.rmse = 1.7976931348623157e308
metrics.rmse < 1e999
metrics.rmse > -1e999
metrics.zero = 0
metrics.zero != 0
metrics.zero >= -.5
metrics.zero < 1.
metrics.mae != 100000000000000000000
metrics.a.b.c = 3
metrics.`val/loss` < 1
metrics."val loss" = 2
metrics.'val loss' > 1
metrics.größe = 1.5
metrics.名前 < 3
metrics.`a"b` = 7
metrics."it's" = 7
metrics."a`b" = 7
metrics.`a''b` = 7
metrics."`rmse`" = 0.5
`metrics`.rmse < 0.5
metrics.missing != 1
metrics.RMSE < 1
metrics.rmse > 0.1 and metrics.rmse < 0.6
metrics.rmse < 0.8 AND params.alpha = "0.5"
metrics.rmse < 0.8 and params.alpha = '0.5' aNd tags.team = 'red'
params.alpha = "0.5"
params.alpha != "0.5"
param.alpha = '0.50'
parameter.depth = '3'
parameters.depth = '３'
params.depth != 'none'
params.solver = 'l-bfgs'
params.solver LIKE 'l-%'
params.solver like 'L-%'
params.solver iLike 'l-B%'
params.solver ILIKE '_-bfgs'
params.solver LIKE '_'
params.empty = ''
params.empty = ""
params.empty LIKE '%'
params.optimizer.lr = '0.1'
params.`optimizer.lr` = '0.1'
params.名前 = '値'
params.名前 LIKE '_'
params.straße ILIKE 'ärger'
params.straße ILIKE 'ÄRGER'
params.long = '{LONG}'
params.long LIKE '%y'
params.percent LIKE '100\\%'
params.percent LIKE '%\\%'
params.percent = '100%'
params.under LIKE 'a_b'
params.under LIKE 'a\\_b'
params.slash = 'a\\b'
params.slash LIKE 'a\\b'
params.lines LIKE 'one%two'
params.lines = 'one
two'
params.doubled = 'it''s'
params.doubled = "it''s" and params.percent = "100%"
params.doubled = 'it''s' and params.percent = '100%'
tags."team" = "red" and params."solver" = "l-bfgs" and tags.note = "it's"
params.spoken = "say ""hi"" now"
params.spoken2 = "say \\"hi\\" now"
params.spoken2 = "say \\"hi\\" now" and params.percent = "100%"
params.slash = "a\\b" and params.percent = "100%"
params.escaped = 'it\\'s'
params.blank = '1'
params.blank = ' 1 '
params.bool = 'True'
params.select = '1'
params.and = 'or'
params.class = 'x'
params.is = 'null'
params.1st = 'first'
params.`a"b` = "quoted"
params."it's" = 'quoted'
params.alpha IS NULL
params.alpha is not null
params.empty IS NOT NULL
params.empty IS NULL AND metrics.rmse > 0
params.missing IS NULL
tags.team = 'red'
tag.team != 'red'
tags.team ILIKE 'RED'
tags.note = "it's"
tags.note = 'say "hi"'
tags.mlflow.source.name = 'train.py'
tags.`mlflow.source.name` LIKE '%.py'
tags."a b" = 'blank'
tags.`a-b` = 'dash'
tags.'a:b' = 'colon'
tags.Ort ILIKE 'kÖln'
tags.Ort ILIKE 'köln'
tags.emoji LIKE '🍷%'
tags.emoji LIKE '_ wine'
tags.team IS NULL
tags.empty IS NOT NULL
tags.number = '3'
attributes.status = 'FINISHED'
attribute.status = 'finished'
attr.status != 'FINISHED'
run.status LIKE 'F%'
status ILIKE 'f%'
status = "RUNNING"
run_name = 'plain'
attributes.run_name != 'plain'
attributes.`run name` LIKE 'L%'
attributes."Run name" = 'Läufer'
"run name" = 'odd'
`Run Name` ILIKE 'LÄUFER'
attributes.user_id = 'ada'
user_id ILIKE 'ada'
user_id != 'eve'
artifact_uri LIKE 'mlflow-artifacts:/wine/%'
attributes.artifact_uri LIKE '%/artifacts'
start_time = 1700000000000
start_time > 1700172800000
start_time >= 1700172800000.5
attributes.start_time < 1.7e12
created <= 1700172800000
attributes.Created > 1700500000000
start_time > 9000000000000000000
end_time > 0
end_time != 1700000005000
attributes.end_time <= 1700172805000
run_id = 'nothing'
run_id != 'nothing'
run_id LIKE '%a%'
run_id ILIKE 'A%'
run_id IN ('nothing', 'else')
run_id NOT IN ('nothing')
attributes.run_id not in ("x", 'y',)
datasets.name = 'wine.csv'
dataset.name != 'wine.csv'
datasets.name LIKE 'wine%'
datasets.name ILIKE 'WEIN, %'
datasets.name IN ('wine.csv', 'x')
datasets.name NOT IN ('wine.csv')
datasets.digest = 'd1'
datasets.digest != 'd1'
datasets.digest in ('é1', 'd2')
datasets.context = 'training'
datasets.context != 'training'
datasets.context IN ('eval')
datasets.name = 'wine.csv' AND datasets.context = 'eval'
datasets.digest = 'd1' and metrics.rmse < 1 and params.solver IS NOT NULL

   metrics.rmse   <   0.8   and\ttags.team='red'
"""

REJECTED = """
metrics.rmse < '0.8'
metrics.rmse < inf
metrics.rmse > 0x1A
metrics.rmse > 1_000
metrics.rmse > +1
metrics.rmse > - 1
metrics.rmse == 1
metrics.rmse <> 1
metrics.rmse => 1
metrics.rmse LIKE '1'
metrics.rmse in (1, 2)
metrics.rmse BETWEEN 1 AND 2
metrics.rmse >
metrics.rmse
metrics.val/loss > 1
metrics.val-loss > 1
metrics.val:loss > 1
metrics .rmse > 1
> 1
1 < metrics.rmse
metrics = 1
Metrics.rmse > 1
"metrics.rmse" > 1
`metrics.rmse` > 1
foo.rmse > 1
.rmse > 1
metrics.rmse > 1;
metrics.rmse > 1 -- all
metrics.rmse > 1 /* all */
metrics.rmse > 1 # all
metrics.rmse > 1 && metrics.mae > 1
metrics.rmse>1and metrics.mae>2
params.alpha = 0x5
params.alpha = half
params.alpha = `half`
params.alpha > '0.5'
params.alpha RLIKE 'x'
params.alpha ! = 'x'
params.alpha !== 'x'
params.alpha = 'x
params.alpha = "x
params.alpha = 'x' 'y'
params.alpha = 'x')
(params.alpha = 'x'
'run name' = 'x'
attributes.run name = 'x'
Status = 'FINISHED'
status = FINISHED
user_id = 5
lifecycle_stage = 'active'
attributes.missing = 'x'
start_time > 'yesterday'
start_time LIKE '1%'
run_id IN ()
run_id IN (1)
run_id IN ('x', 1)
run_id IN 'x'
run_id IN ('x'
datasets.profile = 'x'
datasets.name > 'x'
datasets.name = 5
"""


def _filters(text: str) -> list[str]:
    lines = text.strip("\n").split("\n")
    merged: list[str] = []
    for line in lines:
        if merged and merged[-1].count("'") % 2 and line.startswith("two'"):
            merged[-1] += "\n" + line
        else:
            merged.append(line)
    return merged


ALIKE = _filters(SAME)


def test_there_are_many() -> None:
    assert len(set(ALIKE)) >= 120


@pytest.mark.parametrize("text", ALIKE, ids=lambda text: text[:60])
def test_a_filter_finds_what_mlflow_finds(tracked: Tracked, text: str) -> None:
    assert tracked.ours(text) == tracked.theirs(text)


def test_the_filters_tell_runs_apart(tracked: Tracked) -> None:
    found = {frozenset(tracked.ours(text)) for text in ALIKE}
    assert len(found) >= 35
    assert not any("gone" in names for names in found)


def test_ids_are_found_as_mlflow_finds_them(tracked: Tracked) -> None:
    first, second, *_ = sorted(tracked.names)
    for text in (
        f"run_id = '{first}'",
        f"run_id != '{first}'",
        f"run_id = '{first.upper()}'",
        f"run_id IN ('{first}', '{second}')",
        f"run_id NOT IN ('{first}', \"{second}\")",
        f"attributes.run_id LIKE '{first[:8]}%'",
        f"run_id IN ('{first[:4]}\\x{ord(first[4]):x}{first[5:]}')",
    ):
        assert tracked.ours(text) == tracked.theirs(text), text


@pytest.mark.parametrize("text", _filters(REJECTED), ids=lambda text: text[:60])
def test_what_mlflow_refuses_is_refused(tracked: Tracked, text: str) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException):
        tracked.theirs(text)
    with pytest.raises(FilterError):
        check_filter(text)
