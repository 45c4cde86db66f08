"""The sample project's production model is made again from what its run recorded."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event

import pytest

from mlops_dash import demo
from mlops_dash.project import Project, open_project
from rebuilds.making import awaited, begin

pytestmark = pytest.mark.campaign


def version_of(project: Project, run_id: str) -> tuple[str, str]:
    """Read until the store has the version: its record is being written just now."""
    for _ in range(600):
        project.refresh()
        for row in project.store.records("versions_of_runs", run_ids=[run_id], model_ids=[]):
            return row["name"], row["version"]
        Event().wait(0.1)
    raise AssertionError("it is not registered")


def test_production_comes_out_the_same_and_again_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the machine that trained it the first is identical; on another one the last bit may differ, and
    then the second, made on this one like the first, is identical with the first."""
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    folder = demo.unpack(tmp_path / "diabetes")
    with open_project(folder) as project:
        project.refresh()
        ready = {row.environment: row.rebuildable for row in project.live().environments}
        assert (ready["production"].ready, ready["production"].held) == (True, 7)  # it has no remote
        first = awaited(project, begin(project, "production", registers=True))
        assert first.verdict in ("identical", "equivalent"), first.journal
        monkeypatch.setenv("UV_OFFLINE", "1")
        (new,) = first.found["runs"]
        assert version_of(project, new) == ("progression", "7")
        began = time.monotonic()
        second = awaited(project, begin(project, "production" if first.verdict == "identical" else new))
        print(f"a second rebuild: {time.monotonic() - began:.1f} s")
        assert second.verdict == "identical", second.journal
