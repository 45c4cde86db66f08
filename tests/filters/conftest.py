"""A tracking store that MLflow wrote, and what our store knows of it."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.board import Board
from mlops_dash.answers.filters import compile_filter
from mlops_dash.sources.mlflow.sqlite import MlflowSqlite
from mlops_dash.store.database import Store

LONG = "x" * 5999 + "y"


class NoFacts:
    """For filters that ask the store alone."""

    def live_runs(self) -> Mapping[str, Sequence[str]]:
        raise AssertionError("nobody asked what is live")

    def commits_on(self, branch: str) -> Sequence[str]:
        raise AssertionError(f"nobody asked for the branch {branch}")


def found(store: Store, text: str, facts: Any = None) -> set[str]:
    """The ids of the runs that are not deleted and that a filter lets through, as our store has them."""
    compiled = compile_filter(text, facts or NoFacts())
    question = f"select r.run_id from run as r where r.lifecycle_stage = 'active' and ({compiled.where})"
    rows = store.composed("run_filter", question, compiled.parameters)
    assert len(rows) == len({row[0] for row in rows})
    return {row[0] for row in rows}


@dataclass(frozen=True)
class Tracked:
    """The same runs in MLflow's store and in ours; ``names`` are the runs' by id."""

    address: str
    store: Store
    names: dict[str, str]

    def ours(self, text: str) -> set[str]:
        return {self.names[run_id] for run_id in found(self.store, text)}

    def theirs(self, text: str) -> set[str]:
        import mlflow

        with pytest.MonkeyPatch.context() as settings:
            settings.setenv("MLFLOW_TRACKING_URI", self.address)
            runs = mlflow.search_runs(
                filter_string=text, search_all_experiments=True, max_results=1000, output_format="list"
            )
        return {self.names[run.info.run_id] for run in runs}


@pytest.fixture(scope="session")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    """Runs of all sorts. Never write to them."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("filters") / "mlflow.db"
    address = f"sqlite:///{path}"
    names = _fill(MlflowClient(address, address))
    _plant(path, {name: run_id for run_id, name in names.items()}["plain"])
    with closing(Board(MlflowSqlite(path))) as board:
        board.refresh()
        yield Tracked(address, board.store, names)


_RUNS: dict[str, dict[str, Any]] = {
    "plain": {
        "metrics": {"rmse": 0.5, "mae": 1.0, "val/loss": 0.25, "a.b.c": 3.0},
        "params": {"alpha": "0.5", "depth": "3", "solver": "l-bfgs", "optimizer.lr": "0.1"},
        "tags": {"team": "red", "note": "it's", "mlflow.source.name": "train.py"},
        "data": [("wine.csv", "d1", "training")],
        "user": "ada",
    },
    "spelled": {
        "metrics": {"rmse": 0.1 + 0.2, "val loss": 2.0, "zero": 0.0},
        "params": {"alpha": "0.50", "depth": "10", "solver": "L-BFGS", "empty": ""},
        "tags": {"team": "Red", "note": 'say "hi"', "empty": ""},
        "data": [("wine.csv", "d2", "training"), ("wine-test.csv", "d1", "eval")],
        "user": "bob",
    },
    "nan": {
        "metrics": {"rmse": math.nan, "mae": math.nan, "zero": math.nan},
        "params": {"alpha": "nan", "depth": "NaN"},
        "tags": {"team": "blue"},
        "status": "FAILED",
    },
    "above": {"metrics": {"rmse": math.inf, "mae": 2.0}, "params": {"alpha": "inf", "depth": "-inf"}},
    "below": {"metrics": {"rmse": -math.inf}, "params": {"alpha": "-1e3", "depth": "none"}},
    "Läufer": {
        "metrics": {"größe": 1.5, "名前": 2.0, "rmse": 0.75},
        "params": {"名前": "値", "straße": "Ärger", "depth": "３"},
        "tags": {"Ort": "KÖLN", "emoji": "🍷 wine"},
        "data": [("Wein, rot.csv", "é1", None)],
    },
    "odd": {
        "params": {
            "long": LONG, "blank": " 1 ", "percent": "100%", "under": "a_b", "slash": "a\\b",
            "lines": "one\ntwo", "doubled": "it''s", "escaped": "it\\'s", "alpha": "1_000",
            "spoken": 'say ""hi"" now', "spoken2": 'say \\"hi\\" now',
            "bool": "True", "select": "1", "and": "or", "class": "x", "is": "null", "1st": "first",
        },
        "tags": {"a b": "blank", "a-b": "dash", "a:b": "colon"},
        "status": "KILLED",
    },
    "going": {"metrics": {"rmse": 0.4}, "params": {"alpha": "0.7"}, "status": None, "experiment": 1},
    "waiting": {"status": "SCHEDULED", "experiment": 1, "user": "Ada"},
    "gone": {
        "metrics": {"rmse": 0.5}, "params": {"alpha": "0.5"}, "tags": {"team": "red"}, "deleted": True,
    },
}  # fmt: skip


def _fill(client: Any) -> dict[str, str]:
    experiments = [client.create_experiment(name, artifact_location=f"mlflow-artifacts:/{name}") for name in
                   ("wine", "other")]  # fmt: skip
    return {
        _log(client, experiments[facts.get("experiment", 0)], number, name, facts): name
        for number, (name, facts) in enumerate(_RUNS.items())
    }


def _log(client: Any, experiment: str, number: int, name: str, facts: dict[str, Any]) -> str:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    start = 1_700_000_000_000 + number * 86_400_000
    tags = {"mlflow.user": facts.get("user", "eve")} | facts.get("tags", {})
    run_id: str = client.create_run(experiment, start_time=start, run_name=name, tags=tags).info.run_id
    metrics = [Metric(key, value, start, 0) for key, value in facts.get("metrics", {}).items()]
    params = [Param(key, value) for key, value in facts.get("params", {}).items()]
    client.log_batch(run_id, metrics, params, [RunTag("number", str(number))])
    inputs = [
        DatasetInput(
            Dataset(data, digest, "local", "{}"), [InputTag("mlflow.data.context", used)] if used else []
        )
        for data, digest, used in facts.get("data", ())
    ]
    if inputs:
        client.log_inputs(run_id, inputs)
    status = facts.get("status", "FINISHED")
    if status is not None:
        client.set_terminated(run_id, status, start + 5000)
    if facts.get("deleted"):
        client.delete_run(run_id)
    return run_id


def _plant(path: Path, run_id: str) -> None:
    """Put in what MLflow's client refuses and its older versions took: quotes in keys."""
    with closing(sqlite3.connect(path)) as database, database:
        for key in ('a"b', "it's", "a`b", "a''b"):
            database.execute(
                "insert into params (key, value, run_uuid) values (?, 'quoted', ?)", (key, run_id)
            )
            database.execute("insert into tags (key, value, run_uuid) values (?, 'quoted', ?)", (key, run_id))
            database.execute(
                "insert into latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
                " values (?, 7.0, 0, 0, 0, ?)",
                (key, run_id),
            )
