"""A model that MLflow itself trained on, logged and registered, served from where MLflow keeps it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from mlops_dash.actions.servers import down, up, wait_ready
from mlops_dash.actions.serving import Wanted, model_location
from mlops_dash.config import ProcessTarget
from mlops_dash.domain.environments import Health
from mlops_dash.targets.base import Place
from mlops_dash.targets.observe import ask_all, make_target

pytestmark = pytest.mark.campaign

_TRAIN = """
import mlflow
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

mlflow.set_tracking_uri("sqlite:///tracking.db")
x, y = load_diabetes(return_X_y=True, as_frame=True)
with mlflow.start_run():
    fitted = LinearRegression().fit(x, y)
    mlflow.sklearn.log_model(fitted, name="model", registered_model_name="progression")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    subprocess.run([sys.executable, "-c", _TRAIN], cwd=folder, env=environ, check=True, capture_output=True)
    return folder


def test_a_registered_sklearn_model_is_served_and_its_store_left_alone(project: Path, servers: Path) -> None:
    database = project / "tracking.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
        source, run_id, location = store.execute(
            "select v.source, v.run_id, m.artifact_location from model_versions v"
            " join logged_models m on v.source = 'models:/' || m.model_id"
        ).fetchone()
    model_id = source.removeprefix("models:/")
    before = hashlib.sha256(database.read_bytes()).digest()
    where = model_location([location, source], project)
    started = up(Wanted("production", "progression", "1", where, run_id, model_id), ProcessTarget(), servers)
    wait_ready(started.record, 240)

    target = make_target(Place("production", "progression", "production"), ProcessTarget(timeout=30), servers)
    assert target is not None
    (seen,) = ask_all([target], 60)
    assert (seen.version, seen.run_id, seen.model_id) == ("1", run_id, model_id)
    assert seen.health is Health.HEALTHY

    patient = dict.fromkeys(["age", "sex", "bmi", "bp", *(f"s{number}" for number in range(1, 7))], 0.0)
    request = urllib.request.Request(
        f"{started.record.url}/invocations",
        json.dumps({"dataframe_records": [patient]}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        (prediction,) = json.load(answer)["predictions"]
    assert prediction == pytest.approx(152.13, abs=0.01)  # the mean, at the mean of every feature

    assert down("production", "progression", servers) is not None
    assert hashlib.sha256(database.read_bytes()).digest() == before
    assert sorted(path.name for path in project.iterdir()) == ["mlruns", "tracking.db"]
    assert not [path for path in servers.iterdir() if path.suffix not in {".json", ".lock", ".log"}]
