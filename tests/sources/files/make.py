"""Writes the small file stores beside it. Run with the Python of the MLflow version to write with:

    python tests/sources/files/make.py FOLDER

makes ``mlruns-VERSION.tar.xz`` there. What is in it is known to the tests: see ``test_old_layouts.py``.
"""

from __future__ import annotations

import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any


def write(store: Path) -> None:
    """Log what the tests expect, through MLflow's own client."""
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    client: Any = MlflowClient(store.as_uri())
    wine = client.create_experiment("wine", artifact_location="mlflow-artifacts:/1")
    gone = client.create_experiment("gone", artifact_location="mlflow-artifacts:/2")
    client.create_run(gone, start_time=5, tags={"mlflow.runName": "buried", "mlflow.user": "dev1"})
    client.delete_experiment(gone)
    for number in range(3):
        tags = {"mlflow.runName": f"fit-{number}", "mlflow.user": "dev1"}
        run_id = client.create_run(wine, start_time=10 + number, tags=tags).info.run_id
        metrics = [Metric("val/loss", 1 / (step + 1), 20 + step, step) for step in range(3)]
        metrics += [Metric("auc", float("nan"), 30, 0)]
        client.log_batch(run_id, metrics, [Param("a/depth", str(number))], [RunTag("note", "é\n")])
        if number:
            client.set_terminated(run_id, "FAILED", 40)
    client.delete_run(run_id)


def _main() -> None:
    import mlflow

    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    packed = Path(sys.argv[1]) / f"mlruns-{mlflow.__version__}.tar.xz"
    with tempfile.TemporaryDirectory() as scratch:
        store = Path(scratch) / "mlruns"
        write(store)
        meta = store / "0" / "meta.yaml"  # names the scratch folder
        meta.write_text(meta.read_text().replace(store.as_uri(), "mlflow-artifacts:"))
        with tarfile.open(packed, "w:xz") as archive:
            archive.add(store, "mlruns", filter=_nobodys)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    _main()
