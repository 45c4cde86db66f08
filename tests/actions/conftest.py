from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from mlops_dash.targets.process import ServerRecord, is_running

# a model in MLflow's own format whose loading waits until somebody opens the pipe beside it for writing
_LOADER = """
import pathlib

def _load_pyfunc(path):
    gate = pathlib.Path(__file__).parent.parent / "gate"
    if gate.exists():
        gate.read_bytes()
    return Answer()

class Answer:
    def predict(self, frame, params=None):
        return [42.0] * len(frame)
"""
_MLMODEL = """
flavors:
  python_function:
    code: code
    loader_module: answer_loader
    python_version: 3.11.0
model_uuid: 00000000000000000000000000000000
"""


class Model:
    """A small real model: ``hold`` makes its loading wait for ``release``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "code").mkdir(parents=True)
        (folder / "code" / "answer_loader.py").write_text(_LOADER)
        (folder / "MLmodel").write_text(_MLMODEL)
        self._gate = folder / "gate"

    def hold(self) -> None:
        os.mkfifo(self._gate)

    def release(self) -> None:
        self._gate.write_bytes(b"go")


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path / "model")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Path]:
    """The folder of server records; whatever still runs at the end of the test is ended."""
    folder = tmp_path / "state" / "servers"
    yield folder
    for path in folder.glob("*.json"):  # of servers, standbys and those that drain
        record = msgspec.json.decode(path.read_bytes(), type=ServerRecord)
        if is_running(record):
            with suppress(ProcessLookupError):
                os.killpg(record.pid, signal.SIGKILL)
