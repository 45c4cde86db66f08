"""Questions about runs, asked of a whole project: the sample, and stores that MLflow writes."""

from __future__ import annotations

import math
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import mlops_dash
from mlops_dash import demo
from mlops_dash.answers.run_shapes import RunsRequest
from mlops_dash.errors import UsageError
from mlops_dash.project import Project
from mlops_dash.project.run_facts import facts_of


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.unpack(tmp_path_factory.mktemp("sample") / "diabetes")


@pytest.fixture
def project(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with mlops_dash.open_project(sample) as opened:
        yield opened


def test_a_notebook_needs_one_line(project: Project) -> None:
    frame = project.runs("metrics.rmse < 56").to_pandas()
    assert len(frame) > 0
    assert (frame["metrics.rmse"] < 56).all()
    assert str(frame["metrics.rmse"].dtype) == "float64"
    assert frame["started_at"].is_monotonic_decreasing
    assert "params.model" in frame.columns
    best = project.runs(sort=[("metrics.rmse", False)], columns=["rmse"], limit=1)
    assert best.columns == ("metrics.rmse",)
    assert best.rows[0].values["metrics.rmse"] == frame["metrics.rmse"].min()


def test_the_screen_has_an_index_and_rows_of_it(project: Project) -> None:
    project.refresh()
    index = project.run_index(RunsRequest(sort=(("metrics.rmse", False),)))
    columns = project.run_columns()
    rows = project.run_rows(index.run_ids(0, 10), columns.default)
    assert [row.run_id for row in rows] == list(index.run_ids(0, 10))
    errors = [float(row.values["metrics.rmse"]) for row in rows]
    assert errors == sorted(errors)
    assert (len(index), index.total, index.running) == (46, 46, 0)
    assert "metrics.rmse" in columns.default
    assert project.run_columns() is columns  # nothing has changed


def test_a_run_is_told_whole(project: Project) -> None:
    (run,) = project.runs("version.name = 'progression' and version.number = '6'").rows
    whole = project.run_whole(run.run_id)
    assert whole is not None
    assert whole.run.metrics == {key.partition(".")[2]: value for key, value in run.values.items()
                                 if key.startswith("metrics.")}  # fmt: skip
    assert whole.code == run.commit
    assert whole.tags["mlflow.source.git.commit"] == whole.code
    assert {data.kind for data in whole.data} == {"mlflow", "dvc"}
    assert whole.versions == (("progression", "6"),)
    assert 2 <= len(whole.curves["rmse"]) <= 24
    assert project.run_whole("f" * 32) is None


def test_a_branch_has_the_commits_that_git_says(project: Project, sample: Path) -> None:
    listed = subprocess.run(
        ["git", "-C", sample, "rev-list", "interactions"], capture_output=True, text=True, check=True
    )
    facts = facts_of(project)
    assert list(facts.commits_on("interactions")) == listed.stdout.split()
    with pytest.raises(UsageError, match="no branch") as raised:
        facts.commits_on("interaction")
    assert raised.value.remedy == "did you mean interactions?"
    for hostile in ("--output=x", "", "main..interactions", "main^", "\x00"):
        with pytest.raises(UsageError):
            facts.commits_on(hostile)


def test_environments_are_known_where_nothing_is_known_to_be_live(project: Project) -> None:
    project.refresh()
    live = facts_of(project).live_runs()
    assert {"production", "staging", "canary"} <= set(live)
    assert not any(live.values())  # their servers do not run
    assert len(project.run_index(RunsRequest(filter="live.environment = 'production'"))) == 0


def test_without_targets_what_is_declared_is_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    folder = demo.unpack(tmp_path / "demo")
    (folder / "mlops-dash.toml").unlink(missing_ok=True)
    with mlops_dash.open_project(folder) as project:
        (row,) = project.runs("live.environment = 'production'", columns=["live.environment"]).rows
    assert (row.live, row.versions) == (("production",), (("progression", "4"),))
    assert row.values == {"live.environment": "production"}


def test_a_run_that_is_deleted_while_it_is_shown_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    folder = demo.unpack(tmp_path / "demo")
    with mlops_dash.open_project(folder) as project:
        project.refresh()
        index = project.run_index(RunsRequest())
        gone = index.run_id(3)
        with closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
            for table in ("latest_metrics", "metrics", "tags", "params", "runs"):
                connection.execute(f"delete from {table} where run_uuid = ?", (gone,))
        project.refresh(thorough=True)
        assert gone not in [row.run_id for row in project.run_rows(index.run_ids(0, 10), ["metrics.rmse"])]
        assert project.run_whole(gone) is None
        assert project.run_index(RunsRequest()).place(gone) is None


VALUES = [0.1 + 0.2, 5e-324, -0.0, 1e308, math.nan, math.inf, -math.inf, 123456789.123456789, 1 / 3]


@pytest.mark.campaign
def test_metrics_agree_with_mlflow_to_the_last_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("bits", artifact_location=str(tmp_path / "artifacts"))
    for number, value in enumerate(VALUES):
        run = client.create_run(experiment, run_name=f"run {number}")
        client.log_metric(run.info.run_id, "m", value)
        client.log_param(run.info.run_id, "long", "p" * 6000)
        client.set_terminated(run.info.run_id)
    found = client.search_runs([experiment], order_by=["metrics.m ASC"])
    with mlops_dash.open_project(tmp_path, tracking_uri=uri) as project:
        rows = project.runs(sort=[("metrics.m", False)]).rows
        index = project.run_index(RunsRequest(sort=(("metrics.m", True),)))
        descending = list(index.run_ids(0, 99))
    assert [row.run_id for row in rows] == [run.info.run_id for run in found]
    theirs = client.search_runs([experiment], order_by=["metrics.m DESC"])
    assert descending == [run.info.run_id for run in theirs]
    for row, run in zip(rows, found, strict=True):
        assert bits(float(row.values["metrics.m"])) == bits(logged(run.data.metrics["m"]))
        assert row.values["params.long"] == run.data.params["long"]


def logged(value: float) -> float:
    """Return what was logged: MLflow stores an infinity as the greatest number there is."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def bits(value: float) -> bytes:
    """Return a number's bits; there are many NaN, and which one it was is not kept."""
    return b"NaN" if math.isnan(value) else struct.pack("<d", value)
