"""Real MLflow runs in some milliseconds: a process that has MLflow imported forks for each training.

``python -S -c CLIENT SOCKET`` is the command that is rebuilt: it hands its environment over and exits as the
training does.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

TESTS = Path(__file__).parent.parent
CLIENT = (
    "import json, os, socket, sys\n"
    "with socket.socket(socket.AF_UNIX) as one:\n"
    "    one.connect(sys.argv[1])\n"
    "    one.sendall(json.dumps([dict(os.environ), os.getcwd(), sys.argv[2:]]).encode() + b'\\n')\n"
    "    sys.exit(int(one.makefile().readline() or 9))\n"
)


def train(code: int = 0) -> None:
    """Log one run to the store that the environment names."""
    import mlflow

    with mlflow.start_run():
        mlflow.log_param("alpha", 0.5)
        mlflow.log_metric("rmse", 0.25)
        mlflow.log_text("the same each time\n", "note.txt")
    if code:
        raise SystemExit(code)


class Trainer:
    """The process that forks; ``address`` is where it listens."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "trainer"
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "actions.quick_training", str(self.address)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"},
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def argv(self, *words: str) -> list[str]:
        """The command, as the recorder notes it."""
        return ["-c", CLIENT, str(self.address), *words]


def _serve(address: str) -> None:
    import sqlalchemy.orm
    from mlflow.store.model_registry import sqlalchemy_store as _registry  # noqa: F401
    from mlflow.store.tracking import sqlalchemy_store as _tracking  # noqa: F401

    sqlalchemy.orm.configure_mappers()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(16)
        print("ready", flush=True)
        while True:
            one, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _train_for(one)
            one.close()
            while True:  # let go of those that have ended
                try:
                    if os.waitpid(-1, os.WNOHANG)[0] == 0:
                        break
                except ChildProcessError:
                    break


def _train_for(one: socket.socket) -> None:
    code = 1
    try:
        environment, folder, words = json.loads(one.makefile().readline())
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        train(*(int(word) for word in words))
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        one.sendall(f"{code}\n".encode())
        os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
