"""A comparison that does not wait for Git and artifacts says so, and loses nothing by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from mlops_dash import demo
from mlops_dash.project import open_project


def test_what_is_left_out_in_a_hurry_is_there_when_it_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    with open_project(demo.unpack(tmp_path / "demo")) as project:
        project.refresh()
        hurried = project.compare("production", "staging", within=0)
        whole = project.compare("production", "staging")
        known = project.compare("production", "staging", within=5)
    assert hurried.reading
    assert (hurried.code[0].status, hurried.code[0].reason) == ("unknown", "being read …")
    assert hurried.metrics == whole.metrics
    assert not whole.reading
    assert whole.code[0].status == "ahead"
    assert whole.packages
    assert structs.replace(known, as_of=whole.as_of) == whole
