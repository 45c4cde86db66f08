"""What does a table show of some runs, and which columns can it have?"""

from __future__ import annotations

import math

import pytest

from known_facts import KnownFacts, sha
from mlops_dash.answers.run_columns import run_columns
from mlops_dash.answers.run_names import resolve_columns
from mlops_dash.answers.run_rows import run_rows
from mlops_dash.domain.metrics import MetricRules
from mlops_dash.errors import UsageError


def test_rows_come_in_the_order_asked_for_without_those_that_are_gone(given: KnownFacts) -> None:
    for name in "abc":
        given.run(name)
    rows = run_rows(given.store, ["c", "gone", "a", "b"], [], {})
    assert [row.run_id for row in rows] == ["c", "a", "b"]
    assert run_rows(given.store, [], ["metrics.x"], {}) == ()


def test_values_are_as_logged_and_missing_ones_are_not_there(given: KnownFacts) -> None:
    long = "x" * 6000
    given.run("a", metrics={"rmse": 0.1 + 0.2, "bad": None, "most": math.inf}, params={"p": long, "e": ""})
    given.run("b", metrics={"rmse": -0.0})
    columns = ["metrics.rmse", "metrics.bad", "metrics.most", "params.p", "params.e"]
    a, b = run_rows(given.store, ["a", "b"], columns, {})
    assert a.values["metrics.rmse"] == 0.1 + 0.2
    assert math.isnan(float(a.values["metrics.bad"]))
    assert a.values["metrics.most"] == math.inf
    assert (a.values["params.p"], a.values["params.e"]) == (long, "")
    assert str(b.values["metrics.rmse"]) == "-0.0"
    assert set(b.values) == {"metrics.rmse"}


def test_only_what_was_asked_for_is_there_or_everything(given: KnownFacts) -> None:
    given.run("a", metrics={"m": 1.0, "n": 2.0}, params={"p": "1"}, tags={"t": "x", "mlflow.user": "ada"})
    assert run_rows(given.store, ["a"], ["metrics.n"], {})[0].values == {"metrics.n": 2.0}
    (row,) = run_rows(given.store, ["a"], [], {}, everything=True)
    assert row.values == {"metrics.m": 1.0, "metrics.n": 2.0, "params.p": "1", "tags.t": "x"}
    assert run_rows(given.store, ["a"], ["tags.mlflow.user"], {})[0].values == {"tags.mlflow.user": "ada"}


def test_facts_of_code_data_versions_and_environments_are_joined(given: KnownFacts) -> None:
    given.repository(sha(1))
    given.run("a", commit=sha(1), data=(("wine", "d2"), ("wine", "d1"), ("beer", "d3")))
    given.version("wine", "4", "a")
    columns = ["code.commit", "code.author", "code.subject", "code.branch", "data.digest", "data.name",
               "version.name", "version.number", "live.environment"]  # fmt: skip
    (row,) = run_rows(given.store, ["a"], columns, {"production": ["a"], "canary": ["z", "a"]})
    assert row.values == {
        "code.commit": sha(1), "code.author": "Ada", "code.subject": "Commit 1", "code.branch": "main",
        "data.digest": "d3, d1, d2", "data.name": "beer, wine", "version.name": "wine",
        "version.number": "4", "live.environment": "production, canary",
    }  # fmt: skip
    assert (row.versions, row.live) == ((("wine", "4"),), ("production", "canary"))


def test_attributes_are_told_in_words_and_seconds(given: KnownFacts) -> None:
    given.put(
        "run",
        {"run_id": "a", "experiment_id": "7", "user_id": "ada", "start_time": 1_500, "end_time": 4_000,
         "status": "KILLED"},
        {"run_id": "b", "start_time": 99_000_000_000_000_000, "lifecycle_stage": "deleted"},
    )  # fmt: skip
    columns = ["attributes.user", "start_time", "attributes.duration", "attributes.run_name", "created"]
    a, b = run_rows(given.store, ["a", "b"], columns, {})
    assert a.values == {
        "attributes.user": "ada", "attributes.start_time": "1970-01-01T00:00:01.500Z",
        "attributes.duration": 2.5, "attributes.run_name": "a",
    }  # fmt: skip
    assert (a.experiment, a.status, a.deleted) == ("7", "KILLED", False)
    assert (b.values, b.started_at, b.deleted) == ({"attributes.run_name": "b"}, None, True)


def test_columns_say_how_many_runs_have_them_and_whether_they_differ(given: KnownFacts) -> None:
    given.run("a", metrics={"rmse": 1.0, "same": 2.0}, params={"alpha": "1", "seed": "7"}, tags={"t": "x"})
    given.run("b", metrics={"rmse": None, "same": 2.0}, params={"alpha": "2", "seed": "7"}, commit=sha(1))
    gone = {"only-deleted": "1"}
    given.run("c", metrics={"only-deleted": 1.0, "rmse": 1.0}, params=gone, tags=gone, deleted=True)
    found = {column.id: column for column in run_columns(given.store, MetricRules()).columns}
    told = {name: (found[name].runs, found[name].varies) for name in found}
    assert told["metrics.rmse"] == (2, True)
    assert told["metrics.same"] == (2, False)
    assert told["params.alpha"] == (2, True)
    assert told["params.seed"] == (2, False)
    assert told["tags.t"] == (1, False)
    assert told["code.commit"] == (1, False)
    assert not [name for name in found if "only-deleted" in name]
    assert "tags.mlflow.source.git.commit" not in found
    assert (found["metrics.rmse"].better, found["metrics.same"].better) == ("min", None)
    assert (found["metrics.rmse"].kind, found["metrics.rmse"].key) == ("metric", "rmse")


def test_what_is_shown_by_default_tells_runs_apart(given: KnownFacts) -> None:
    for number in range(3):
        metrics: dict[str, float | None] = {f"other{n}": float(number) for n in range(40)}
        metrics |= {"val_rmse": float(number), "same": 1.0}
        params = {f"p{n}": str(number) for n in range(9)} | {"fixed": "1"}
        given.run(f"r{number}", start=number, metrics=metrics, params=params, commit=sha(number))
    default = run_columns(given.store, MetricRules()).default
    assert default[:2] == ("attributes.start_time", "metrics.val_rmse")
    assert [c.partition(".")[0] for c in default[1:]] == ["metrics"] * 4 + ["params"] * 4 + [
        "code", "attributes",
    ]  # fmt: skip
    assert not {"metrics.same", "params.fixed"} & set(default)
    assert run_columns(given.store, MetricRules(primary="same")).default[1] == "metrics.same"


def test_a_run_with_thousands_of_metrics_has_few_columns_by_default(given: KnownFacts) -> None:
    given.run("a", metrics={f"loss/{n}": float(n) for n in range(5000)})
    given.run("b", metrics={f"loss/{n}": float(n + 1) for n in range(5000)})
    found = run_columns(given.store, MetricRules())
    assert len([column for column in found.columns if column.kind == "metric"]) == 5000
    assert len(found.default) < 12


def test_an_empty_store_has_columns_and_shows_none_of_them(given: KnownFacts) -> None:
    found = run_columns(given.store, MetricRules())
    assert found.default == ()
    assert {column.runs for column in found.columns} == {0}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("metrics.rmse", "metrics.rmse"),
        ("metric.rmse", "metrics.rmse"),
        ("rmse", "metrics.rmse"),
        ("params.`my key`", "params.my key"),
        ('parameters."my key"', "params.my key"),
        ("user", "attributes.user"),
        ("attr.user_id", "attributes.user"),
        ("Created", "attributes.start_time"),
        ("run.status", "attributes.status"),
        ("datasets.digest", "data.digest"),
    ],
)
def test_columns_may_be_typed_as_users_of_mlflow_do(typed: str, meant: str) -> None:
    known = ["metrics.rmse", "params.my key", "attributes.user", "attributes.start_time",
             "attributes.status", "data.digest"]  # fmt: skip
    assert resolve_columns([typed, meant], known) == (meant,)


def test_a_key_that_several_columns_have_is_ambiguous() -> None:
    with pytest.raises(UsageError, match="ambiguous") as raised:
        resolve_columns(["size"], ["metrics.size", "params.size"])
    assert raised.value.remedy == "write metrics.size or params.size"
