"""Small real models in MLflow's own format, one for each version: they predict their version's number."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlops_dash.actions.hands import Context
from mlops_dash.actions.hands.process import ProcessHand
from mlops_dash.actions.servers import up, wait_ready
from mlops_dash.actions.serving import Wanted
from mlops_dash.config import ProcessTarget
from mlops_dash.targets.process import ServerRecord

ENVIRONMENT, MODEL = "production", "progression"
LOADS_WITHIN = 240.0  # seconds, on a machine that does much else

# a fifo beside the code holds the loading, or a prediction, until somebody writes to it
_CODE = """
import pathlib

HERE = pathlib.Path(__file__).parent.parent

def _load_pyfunc(path):
    {load}
    return Answer()

class Answer:
    def predict(self, frame, params=None):
        if (HERE / "slow").exists():
            (HERE / "slow").read_bytes()
        {predict}
        return [float({version})] * len(frame)
"""
_MLMODEL = """
flavors:
  python_function:
    code: code
    loader_module: model_of_{version}
    python_version: 3.11.0
model_uuid: 00000000000000000000000000000000
"""
_EXAMPLE = """
saved_input_example_info:
  artifact_path: input_example.json
  serving_input_path: serving_input_example.json
  type: dataframe
"""
REQUEST = json.dumps({"dataframe_records": [{"x": 1}]})


def make_model(
    folder: Path, version: str, *, load: str = "pass", predict: str = "pass", example: str | None = REQUEST
) -> Path:
    """Write a model; ``load`` and ``predict`` are lines of its code."""
    (folder / "code").mkdir(parents=True)
    code = _CODE.format(version=version, load=load, predict=predict)
    (folder / "code" / f"model_of_{version}.py").write_text(code)
    description = _MLMODEL.format(version=version)
    if example is not None:
        description += _EXAMPLE
        (folder / "serving_input_example.json").write_text(example)
    (folder / "MLmodel").write_text(description)
    return folder


def ids(version: str) -> dict[str, Any]:
    """Return the immutable ids of a version."""
    return {"version": version, "run_id": version.zfill(32), "model_id": f"m-{version}"}


def start(folder: Path, model: Path, version: str, port: int = 0) -> ServerRecord:
    """Start the place's server as ``mlops-dash up`` does, and wait until it serves."""
    told = ids(version)
    asked = Wanted(ENVIRONMENT, MODEL, version, str(model), told["run_id"], told["model_id"])
    record = up(asked, ProcessTarget(port=port), folder).record
    wait_ready(record, LOADS_WITHIN)
    return record


def arguments(model: Path, before: str | None, after: str, *, port: int = 0, **more: Any) -> dict[str, Any]:
    """Return the arguments of a step that brings the place from one version to another."""
    return {
        "environment": ENVIRONMENT,
        "model": MODEL,
        "host": "127.0.0.1",
        "port": port,
        "before": ids(before) if before else None,
        "after": ids(after),
        "locations": [str(model)],
        "answers": 3,
        **more,
    }


def hand(folder: Path, step: Mapping[str, Any], *, read_only: bool = False) -> ProcessHand:
    """Return the hand of a step; relative paths start beside the folder."""
    return ProcessHand(step, Context(None, None, folder, folder.parent, read_only))


def listen_in() -> tuple[list[str], Callable[[str, Mapping[str, Any]], None]]:
    """Return a list, and a function that a hand can tell things: they are appended to it."""
    told: list[str] = []
    return told, lambda words, _: told.append(words)
