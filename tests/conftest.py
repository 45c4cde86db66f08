"""What holds for every test: MLflow's own settings of this shell, or of another test, reach none."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

_SETTINGS = "MLFLOW_TRACKING_"
for _name in [name for name in os.environ if name.startswith(_SETTINGS)]:
    del os.environ[_name]


def _settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}


@pytest.fixture(autouse=True)
def _settings_of_mlflow_leak_into_no_other_test() -> Iterator[None]:
    """MLflow's client sets some itself. What fixtures of the whole session have set stays."""
    kept = _settings()
    yield
    for name in _settings():
        del os.environ[name]
    os.environ.update(kept)
