"""MLflow's tracking server over an SQLite store; runs are written and read through it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from conformance.shape import Place
from mlops_dash.sources.base import Source

REFRESHES = 6
"""A refresh reads one window again; the suite's store is a few of them."""


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A server of the installed MLflow."""
    database = f"sqlite:///{folder}/mlflow.db"
    with server(folder, database) as address:
        yield Place(address, address, backend=database)


def source(address: str) -> Source:
    from mlops_dash.sources.mlflow.http import MlflowServer

    return MlflowServer(address)


@contextmanager
def server(folder: Path, database: str, python: Path = Path(sys.executable), *options: str) -> Iterator[str]:
    """Run ``mlflow server`` over a store, and yield its address.

    Args:
        python: of the environment whose MLflow it is.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    artifacts = ["--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"]
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            [python, "-m", "mlflow", "server", "--backend-store-uri", database, *where, *artifacts, *options],
            cwd=folder,
            env={
                **os.environ,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_TRACKING_URI": database,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        while not _answers(address):
            if process.poll() is not None:
                raise RuntimeError((folder / "server.log").read_text()[-3000:])
            Event().wait(0.1)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return True  # it asks for credentials
    except OSError:
        return False
