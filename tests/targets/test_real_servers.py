"""Presets against the real servers, each in an environment of its own: their dependencies hold MLflow's back.

The environments are kept below the system's folder for temporary files, so that the next run is quick.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from mlops_dash.domain.environments import Health
from mlops_dash.targets.http import HttpServer
from mlops_dash.targets.observe import ask_all

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900)]

_MODEL = """
from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse

class Echo(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        return InferenceResponse(model_name=self.name, outputs=[])
"""
_SERVICE = """
import bentoml

@bentoml.service
class Progression:
    @bentoml.api
    def predict(self, x: float) -> float:
        return x
"""


def environment(requirement: str, *others: str) -> Path:
    """Return the folder of programs of a virtual environment with some requirements installed."""
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    folder = (
        Path(tempfile.gettempdir())
        / f"mlops-dash-tests-{os.getuid()}"
        / "-".join((requirement, *others, python))
    )
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True)
            pip = [folder / "venv" / "bin" / "python", "-m", "pip", "install", "-q"]
            subprocess.run([*pip, requirement, *others], check=True, stdin=subprocess.DEVNULL)
            (folder / "complete").touch()
    return folder / "venv" / "bin"


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def listening(port: int, process: subprocess.Popen[str]) -> None:
    """Return when something accepts connections on a port: servers print before they do."""
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        threading.Event().wait(0.02)
    pytest.fail(f"it ended with {process.returncode} before it listened on {port}")


Run = Callable[..., None]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start a program and return when it has printed ``until`` and a port listens; it ends with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(command: list[str | Path], folder: Path, until: str, port: int, **environ: str) -> None:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if until in line:
                threading.Thread(target=process.stdout.read, daemon=True).start()  # never block its pipe
                listening(port, process)
                return
        pytest.fail("it ended:\n" + "".join(printed[-30:]))

    yield start
    for process in running:
        started = psutil.Process(process.pid).children(recursive=True)  # workers may lead groups of their own
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for one in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def test_the_mlserver_preset_follows_a_real_mlserver(
    tmp_path: Path, run: Run, target: Callable[..., HttpServer]
) -> None:
    programs = environment("mlserver>=1.7,<2")
    http_port, grpc_port, metrics_port = free_ports(3)
    ports = {"http_port": http_port, "grpc_port": grpc_port, "metrics_port": metrics_port}
    (tmp_path / "settings.json").write_text(
        json.dumps({"host": "127.0.0.1", "parallel_workers": 0, "debug": False, **ports})
    )
    (tmp_path / "echo_model.py").write_text(_MODEL)
    settings = tmp_path / "progression" / "model-settings.json"
    settings.parent.mkdir()

    def write(version: str) -> None:
        model = {
            "name": "progression",
            "implementation": "echo_model.Echo",
            "parameters": {"version": version},
        }
        settings.write_text(json.dumps(model))

    write("3")
    run(
        [programs / "mlserver", "start", "."],
        tmp_path,
        "Loaded model 'progression'",
        http_port,
        PYTHONPATH=str(tmp_path),
    )
    url = f"http://127.0.0.1:{http_port}"
    asked = target(url, preset="mlserver", timeout=60.0)
    (seen,) = ask_all([asked], 60)
    assert (seen.version, seen.health, seen.detail) == ("3", Health.HEALTHY, None)

    write("4")  # another version is loaded under the same name, and seen at the next question
    load = urllib.request.Request(f"{url}/v2/repository/models/progression/load", method="POST")
    urllib.request.urlopen(load).close()
    (seen,) = ask_all([asked], 60)
    assert (seen.version, seen.health) == ("4", Health.HEALTHY)

    unload = urllib.request.Request(f"{url}/v2/repository/models/progression/unload", method="POST")
    urllib.request.urlopen(unload).close()
    (seen,) = ask_all([asked], 60)
    assert (seen.answered, seen.version) == (False, None)
    assert seen.health is not Health.HEALTHY


def test_the_bentoml_preset_reads_a_real_bento(
    tmp_path: Path, run: Run, target: Callable[..., HttpServer]
) -> None:
    programs = environment("bentoml>=1.4,<2")
    (tmp_path / "service.py").write_text(_SERVICE)
    (tmp_path / "bentofile.yaml").write_text('service: "service:Progression"\n')
    home = {"BENTOML_HOME": str(tmp_path / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    subprocess.run(
        [programs / "bentoml", "build", "--version", "7"],
        cwd=tmp_path,
        env={**os.environ, **home},
        check=True,
        capture_output=True,
    )
    built, unbuilt = free_ports(2)
    for what, port in (("progression:7", built), ("service:Progression", unbuilt)):
        serve = [programs / "bentoml", "serve", what, "--host", "127.0.0.1", "--port", str(port)]
        run([*serve, "--working-dir", "."], tmp_path, "initialized", port, **home)
    asked = [target(f"http://127.0.0.1:{port}", preset="bentoml", timeout=60.0) for port in (built, unbuilt)]
    bento, service = ask_all(asked, 60)
    assert (bento.version, bento.health, bento.detail) == ("7", Health.HEALTHY, None)
    assert (service.answered, service.health) == (False, Health.HEALTHY)
    assert service.detail == "does not say which version it serves"
