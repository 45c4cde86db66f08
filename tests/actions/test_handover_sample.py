"""The sample project's models, as MLflow logged them, are handed over with the examples saved beside them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from actions.served_models import LOADS_WITHIN, listen_in
from mlops_dash import demo
from mlops_dash.actions.hands import Context, Standing
from mlops_dash.actions.hands.process import ProcessHand
from mlops_dash.actions.servers import up, wait_ready
from mlops_dash.actions.serving import Wanted
from mlops_dash.config import ProcessTarget

pytestmark = pytest.mark.campaign


def test_models_that_mlflow_logged_are_handed_over(tmp_path: Path, servers: Path) -> None:
    project = demo.unpack(tmp_path / "sample")
    four, six = (_ids(project, version) for version in ("4", "6"))
    asked = Wanted("production", demo.MODEL, "4", four.pop("location"), four["run_id"], four["model_id"])
    wait_ready(up(asked, ProcessTarget(), servers).record, LOADS_WITHIN)
    step = {
        "environment": "production",
        "model": demo.MODEL,
        "host": "127.0.0.1",
        "port": 0,
        "locations": [six.pop("location")],
        "before": four,
        "after": six,
    }
    changing = ProcessHand(step, Context(None, project, servers, project))
    _, note = listen_in()
    evidence = changing.act(note)
    assert evidence["predicted"] is True
    assert (changing.look().standing, changing.look().found) == (Standing.AFTER, "6")


def _ids(project: Path, version: str) -> dict[str, str]:
    with closing(sqlite3.connect(f"file:{project / 'mlflow.db'}?mode=ro", uri=True)) as store:
        run_id, source, location = store.execute(
            "select run_id, source, storage_location from model_versions where name = ? and version = ?",
            (demo.MODEL, int(version)),
        ).fetchone()
    model_id = source.removeprefix("models:/")
    return {"version": version, "run_id": run_id, "model_id": model_id, "location": location}
