"""Writes the small tracking stores beside it. Run with the Python of the MLflow version to write with:

    python tests/sources/stores/make.py FOLDER

makes ``mlflow-VERSION.db.xz`` there. What is in it is known to the tests: see ``EXPECTED`` in
``test_mlflow_versions.py``. ``write`` is also used by the tests for the installed version.
"""

from __future__ import annotations

import lzma
import math
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any


def write(database: Path) -> None:
    """Create a tracking store in a file and log what the tests expect, through MLflow's own client."""
    write_to(f"sqlite:///{database}")


def write_to(uri: str) -> None:
    """As :func:`write`, into the store at an address."""
    import mlflow
    from mlflow.tracking import MlflowClient

    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri, uri)
    experiment = client.create_experiment("wine", artifact_location="mlflow-artifacts:/1")
    empty = client.create_experiment("gone", artifact_location="mlflow-artifacts:/2")
    client.delete_experiment(empty)
    runs = [_log(client, experiment, number) for number in range(6)]
    client.set_terminated(runs[4], "FAILED")
    client.delete_run(runs[5])
    if hasattr(mlflow, "data") and hasattr(client, "log_inputs"):
        _log_dataset(client, runs[0])
    _register(client, runs)


def _log(client: Any, experiment: str, number: int) -> str:
    from mlflow.entities import Metric, Param, RunTag

    tags = {
        "mlflow.runName": f"fit-{number}",
        "mlflow.user": "dev1",
        "mlflow.source.git.commit": f"{number}" * 40,
    }
    run_id: str = client.create_run(experiment, start_time=1_700_000_000_000 + number, tags=tags).info.run_id
    metrics = [Metric("rmse", 1.0 / (step + number + 1), 1_700_000_001_000 + step, step) for step in range(5)]
    if number == 1:
        metrics += [
            Metric("undefined", math.nan, 1_700_000_002_000, 0),
            Metric("above", math.inf, 1_700_000_002_000, 0),
            Metric("below", -math.inf, 1_700_000_002_000, 0),
        ]
    params = [Param("depth", str(number)), Param("solver", "l-bfgs")]
    client.log_batch(run_id, metrics, params, [RunTag("note", f"note {number}")])
    if number < 4:
        client.set_terminated(run_id, "FINISHED", 1_700_000_009_000 + number)
    return run_id


def _log_dataset(client: Any, run_id: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset("wine.csv", "8d1e77aa", "local", '{"uri": "wine.csv"}', None, '{"num_rows": 10}')
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])


def _register(client: Any, runs: list[str]) -> None:
    client.create_registered_model("quality", description="how good a wine is")
    for number in range(3):
        client.create_model_version("quality", f"mlflow-artifacts:/1/{number}/model", runs[number])
    client.set_model_version_tag("quality", "1", "approved", "yes")
    client.transition_model_version_stage("quality", "2", "Production")
    if hasattr(client, "set_registered_model_alias"):
        client.set_registered_model_alias("quality", "champion", "3")


def _main() -> None:
    import mlflow

    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        database = Path(scratch) / "mlflow.db"
        write(database)
        connection = sqlite3.connect(database, isolation_level=None)
        connection.execute(
            "update experiments set artifact_location = 'mlflow-artifacts:/0' where experiment_id = 0"
        )
        connection.execute("vacuum")
        connection.close()
        (folder / f"mlflow-{mlflow.__version__}.db.xz").write_bytes(lzma.compress(database.read_bytes()))


if __name__ == "__main__":
    _main()
