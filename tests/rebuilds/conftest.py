"""A project of its own for each test, with its own folders for what mlops-dash keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from rebuilds.making import POINTS, TRAIN, Making


@pytest.fixture
def making(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Making:
    """An empty project."""
    made = Making(tmp_path)
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(made.state))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(made.cache))
    return made


@pytest.fixture
def script(making: Making) -> Making:
    """A plain script with argparse, and its data in Git."""
    making.git.commit("A script", {"train.py": TRAIN, "points.csv": POINTS})
    return making
