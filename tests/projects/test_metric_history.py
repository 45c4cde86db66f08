"""A metric's history comes from the tracking store when a person looks, and from nowhere before."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_dash import demo
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
