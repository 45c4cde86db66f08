"""A metric's history comes from the tracking store when a person looks, and from nowhere before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mlops_dash import demo
from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.project import Project, open_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    return open_project(demo.unpack(tmp_path / "demo"))


def test_the_history_of_what_is_live_comes_with_its_versions(project: Project) -> None:
    with project:
        project.refresh()
        answer = project.versions("progression", "production")
    assert (answer.metric, answer.logged) == ("rmse", 50)
    assert 2 <= len(answer.curve) <= 24
    assert answer.curve[0] > answer.curve[-1]


def test_a_store_that_is_gone_costs_the_history_only(project: Project) -> None:
    with project:
        project.refresh()
        (project.located.folder / "mlflow.db").unlink()
        answer = project.versions("progression", "production")
    assert len(answer.rows) == 6
    assert (answer.curve, answer.logged) == ((), 0)


def runs_of(project: Project, metric: str = "rmse") -> list[str]:
    """Runs that logged a metric more than once."""
    found = project.store.sql(f"select run_id from metric where key = '{metric}' and step > 0 order by all")
    return [row[0] for row in found[1]]


def write(project: Project, text: str, *values: object) -> None:
    with closing(sqlite3.connect(project.located.folder / "mlflow.db")) as database:
        database.execute(text, values)
        database.commit()


def test_curves_of_several_runs_are_as_they_were_logged(project: Project) -> None:
    with project:
        project.refresh()
        runs = runs_of(project)[:3]
        answer = project.curves([*runs, "0" * 32], ["rmse", "no such metric"])
        with closing(sqlite3.connect(project.located.folder / "mlflow.db")) as database:
            logged = [
                database.execute(
                    "select step, timestamp, value from metrics where run_uuid = ? and key = 'rmse' "
                    "order by step, timestamp",
                    (run,),
                ).fetchall()
                for run in runs
            ]
    assert [(curve.run_id, curve.key) for curve in answer.curves] == [(run, "rmse") for run in runs]
    told = [[(point.step, point.time, point.value) for point in curve.points] for curve in answer.curves]
    assert told == logged
    assert [curve.logged for curve in answer.curves] == [len(points) for points in logged]
    assert answer.problem is None


def log_one_more(project: Project, run: str) -> None:
    write(
        project, "insert into metrics (key, value, timestamp, run_uuid, step, is_nan) "
        "values ('rmse', 1.5, 1900000000000, ?, 100000, 0)", run,
    )  # fmt: skip


def test_an_ended_run_is_read_once_and_again_when_its_metric_changes(project: Project) -> None:
    with project:
        project.refresh()
        run = runs_of(project)[0]
        before = project.curves([run], ["rmse"]).curves
        log_one_more(project, run)
        assert project.curves([run], ["rmse"]).curves == before
        write(
            project, "update latest_metrics set value = 1.5, step = 100000, timestamp = 1900000000000 "
            "where run_uuid = ? and key = 'rmse'", run,
        )  # fmt: skip
        project.refresh()
        (curve,) = project.curves([run], ["rmse"]).curves
    assert curve.logged == before[0].logged + 1


def test_a_running_run_is_read_each_time(project: Project) -> None:
    with project:
        project.refresh()
        run = runs_of(project)[0]
        write(project, "update runs set status = 'RUNNING', end_time = null where run_uuid = ?", run)
        project.refresh(thorough=True)
        (before,) = project.curves([run], ["rmse"]).curves
        log_one_more(project, run)
        (after,) = project.curves([run], ["rmse"]).curves
    assert after.logged == before.logged + 1
    assert (after.points[-1].step, after.points[-1].value) == (100_000, 1.5)


def test_a_store_that_is_gone_leaves_the_curves_that_were_read_and_says_why(project: Project) -> None:
    with project:
        project.refresh()
        first, second = runs_of(project)[:2]
        before = project.curves([first], ["rmse"]).curves
        (project.located.folder / "mlflow.db").unlink()
        answer = project.curves([first, second], ["rmse"])
    assert answer.curves == before
    assert answer.problem is not None
    assert "there is no tracking store" in answer.problem


def test_curves_can_be_cancelled(project: Project) -> None:
    token = CancelToken()
    token.cancel()
    with project:
        project.refresh()
        with pytest.raises(Cancelled):
            project.curves(runs_of(project), ["rmse"], cancel=token)
        assert project.curves(runs_of(project), ["rmse"]).problem is None


def test_curves_of_nothing_are_none(project: Project) -> None:
    with project:
        project.refresh()
        assert project.curves([], ["rmse"]).curves == ()
        assert project.curves(runs_of(project), []).curves == ()
        assert project.curves(["'; drop table run; --", "\0", "x" * 10_000], ["\x1b[0m"]).curves == ()
