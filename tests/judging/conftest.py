"""Runs that are judged: each test trains what it needs, into one store."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from judging.trainings import EXPERIMENT, Train, Training, side_of
from mlops_dash.actions.judging.sides import Side


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Train]:
    """Trains, and returns what the run recorded."""
    import mlflow

    folder = tmp_path_factory.mktemp("judged")
    kept = mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/store.db")
    mlflow.create_experiment(EXPERIMENT, (folder / "artifacts").as_uri())
    yield lambda training: side_of(training)
    mlflow.set_tracking_uri(kept[0])
    if kept[1] is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture(scope="module")
def original(train: Train) -> Side:
    return train(Training())
