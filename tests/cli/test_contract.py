"""``live --json`` and ``trace --json`` are exactly what is promised."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.answers.shapes import (
    Attention,
    CodeFacts,
    DataFacts,
    EnvironmentRow,
    LiveAnswer,
    Rebuildable,
    RunFacts,
    TableAnswer,
    TraceAnswer,
    TraceEdge,
    TraceNode,
)
from mlops_dash.cli.contract import live_object, table_object, trace_object
from mlops_dash.cli.output import csv_text, json_text
from mlops_dash.cli.reports import live_rows, live_text, trace_text
from mlops_dash.domain.environments import Basis, CodeStatus, Declared, Health, Observation
from mlops_dash.domain.freshness import Freshness, SourceStatus
from replacing import replace
from saying import harmless, strict

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ROW = EnvironmentRow(
    environment="production",
    model="wine-quality",
    target="process",
    protected=True,
    declared=Declared("8", "alias", "production"),
    observed=Observation("production", "wine-quality", "process", NOW, True, Health.HEALTHY, "7", "a" * 32),
    live="7",
    basis=Basis.OBSERVED,
    drift=True,
    health=Health.HEALTHY,
    since=NOW,
    by="dev1",
    run=RunFacts("a" * 32, "fit-7", "wine", metrics={"rmse": 0.61, "r2": math.nan}, params={"alpha": "0.5"}),
    code=CodeFacts("b" * 40, CodeStatus.OK, "Scale", "Ada", NOW, behind=4, main="main"),
    data=(DataFacts("winequality", "8d1e", "wine.csv", "mlflow", newer=2),),
    rebuildable=Rebuildable(False, ("packages not pinned",)),
    attention=(Attention("behind", "4 commits behind main", "promote", "production", "wine-quality"),),
    primary_metric="rmse",
)
LIVE = LiveAnswer(
    NOW, (SourceStatus("tracking", "mlflow-sqlite", Freshness.OK, NOW, NOW, "43 runs"),), (ROW,), "wine"
)


def test_live_is_exactly_the_contract():
    assert strict(json_text(live_object(LIVE))) == {
        "as_of": "2026-11-23T08:00:00Z",
        "sources": [
            {
                "name": "tracking",
                "kind": "mlflow-sqlite",
                "status": "ok",
                "as_of": "2026-11-23T08:00:00Z",
                "detail": None,
            }
        ],
        "environments": [
            {
                "environment": "production",
                "model": "wine-quality",
                "target": "process",
                "declared": {"version": "8", "alias": "production"},
                "observed": {"version": "7", "run_id": "a" * 32},
                "live": "7",
                "basis": "observed",
                "drift": True,
                "health": "healthy",
                "since": "2026-11-23T08:00:00Z",
                "by": "dev1",
                "run": {
                    "run_id": "a" * 32,
                    "name": "fit-7",
                    "experiment": "wine",
                    "metrics": {"rmse": 0.61, "r2": "NaN"},
                    "params": {"alpha": "0.5"},
                },
                "code": {
                    "commit": "b" * 40,
                    "subject": "Scale",
                    "author": "Ada",
                    "committed_at": "2026-11-23T08:00:00Z",
                    "behind": 4,
                    "status": "ok",
                },
                "data": [
                    {
                        "name": "winequality",
                        "digest": "8d1e",
                        "source": "wine.csv",
                        "kind": "mlflow",
                        "newer": 2,
                    }
                ],
                "rebuildable": {"ready": False, "missing": ["packages not pinned"], "checks": []},
                "attention": [{"code": "behind", "message": "4 commits behind main", "action": "promote"}],
            }
        ],
    }


def test_what_is_unknown_is_null():
    silent = Observation("production", "wine-quality", "process", NOW, False, Health.UNKNOWN)
    for observed in (None, silent):
        row = replace(
            ROW, declared=None, observed=observed, live=None, run=None, code=None, since=None, by=None
        )
        answer = live_object(replace(LIVE, environments=(row,)))
        (environment,) = answer["environments"]
        for key in ("declared", "observed", "live", "run", "code", "since", "by"):
            assert environment[key] is None


def test_facts_of_the_declared_version_are_not_said_of_what_is_live_in_text_and_csv():
    row = replace(ROW, live=None, basis=Basis.UNKNOWN, drift=False, of_declared=True)
    answer = replace(LIVE, environments=(row,))
    text = live_text(answer, room=None).splitlines()[1]
    assert "unknown, v8 declared" in text
    columns, (cells,) = live_rows(answer)
    found = dict(zip(columns, cells, strict=True))
    assert (found["declared"], found["live"], found["rebuildable"]) == ("8", None, False)
    for column in ("run_id", "value", "commit", "code_status", "behind"):
        assert found[column] is None
    for fact in ("0.61", "bbbbbbb", "8d1e"):
        assert fact not in text
        assert fact not in csv_text(columns, [cells])


TRACE = TraceAnswer(
    NOW,
    "production",
    "env:production/wine",
    (
        TraceNode("env:production/wine", "environment", "production", {"model": "wine", "kind": "process"}),
        TraceNode("models:/wine/7", "version", "wine v7", {"metrics": {"rmse": math.inf}, "created_at": NOW}),
    ),
    (TraceEdge("env:production/wine", "models:/wine/7", "serves"),),
    (("production", "wine"),),
)


def test_trace_is_exactly_the_contract():
    assert strict(json_text(trace_object(TRACE))) == {
        "ref": "production",
        "nodes": [
            {"id": "env:production/wine", "kind": "environment", "label": "production", "model": "wine"},
            {
                "id": "models:/wine/7",
                "kind": "version",
                "label": "wine v7",
                "metrics": {"rmse": "Infinity"},
                "created_at": "2026-11-23T08:00:00Z",
            },
        ],
        "edges": [{"from": "env:production/wine", "to": "models:/wine/7", "kind": "serves"}],
        "live_in": [{"environment": "production", "model": "wine"}],
    }
    assert trace_object(replace(TRACE, omitted={"run": 3}))["omitted"] == {"run": 3}


def test_columns_of_the_same_name_are_told_apart():
    answer = TableAnswer(("id", "id", "id_2", "id"), ((1, 2, 3, 4),))
    assert table_object(answer)["rows"] == [{"id": 1, "id_2": 2, "id_2_2": 3, "id_3": 4}]


def test_live_as_text_tells_both_versions_where_they_differ():
    text = live_text(LIVE, None)
    assert "v7 observed ≠ v8 declared" in text
    assert "rmse 0.61" in text
    assert "bbbbbbb ↓4 main" in text
    assert "4 commits behind main" in text


def test_live_as_text_says_where_there_is_nothing():
    assert "no environments" in live_text(replace(LIVE, environments=()), 80)


def test_live_as_a_table_has_a_cell_for_each_column():
    columns, rows = live_rows(LIVE)
    assert [len(row) for row in rows] == [len(columns)]
    assert dict(zip(columns, rows[0], strict=True))["data"] == "winequality:8d1e"


hostile = st.text() | st.sampled_from(
    ["\x1b]52;c;eA==\x07", "\x9b2J", "a\u202eb", "[/b]", "=1+1", "\r\x1b[2K"]
)


@given(hostile, hostile, hostile)
def test_hostile_names_can_do_nothing_in_any_form(one, two, three):
    run = RunFacts("a" * 32, one, two, metrics={three: math.nan}, params={one: two})
    code = CodeFacts("b" * 40, CodeStatus.OK, one, two, None, 0, main=three)
    row = replace(
        ROW,
        environment=one,
        model=two,
        by=three,
        live=one,
        run=run,
        code=code,
        data=(DataFacts(one, two, three, "dvc"),),
        attention=(Attention(one, two, three, one, two),),
        primary_metric=three,
    )
    answer = replace(LIVE, environments=(row,))
    node = TraceNode(one, "run", two, {three: one, "more": {one: two}, "list": [three]})
    lineage = TraceAnswer(NOW, one, one, (node,), (TraceEdge(one, two, three),), ((one, two),))
    strict(json_text(live_object(answer)))
    strict(json_text(trace_object(lineage)))
    for text in (live_text(answer, 100), trace_text(lineage), json_text(live_object(answer))):
        assert harmless(text)
    assert harmless(csv_text(*live_rows(answer)).replace("\t", ""))
