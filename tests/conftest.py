"""What holds for every test: MLflow's own settings of this shell, or of another test, reach none."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_settings_of_mlflow() -> Iterator[None]:
    """Take MLflow's variables away; MLflow's client sets some itself, which the next test must not see."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("MLFLOW_TRACKING_")}
    yield
    for name in [name for name in os.environ if name.startswith("MLFLOW_TRACKING_")]:
        del os.environ[name]
    os.environ.update(kept)
