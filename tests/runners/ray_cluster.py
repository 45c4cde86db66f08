"""A real Ray cluster of one head on this machine, for the tests that ask for it.

Ray's processes listen on every address of the machine whatever they are told, so that they ask for a token.
It stands in an environment of its own, made by uv: it is no part of what the dashboard needs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import httpx
import psutil

from runners.slurm_cluster import free_port

WITHIN = 120.0  # seconds for a head to answer
_PORTS = (
    "port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port",
    "metrics-export-port", "ray-client-server-port", "node-manager-port", "object-manager-port",
)  # fmt: skip


class RayCluster:
    """Its head, and the variables by which a client finds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.token = secrets.token_hex(16)
        self._python = folder / "environment" / "bin" / "python"
        self._head: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> Mapping[str, str]:
        """What a client needs in its environment."""
        return {"RAY_API_SERVER_ADDRESS": self.address, "RAY_AUTH_TOKEN": self.token}

    def install(self) -> None:
        """Make its environment."""
        uv = str(Path(sys.executable).with_name("uv"))
        for words in (
            ["venv", "--python", sys.executable, str(self._python.parents[1])],
            ["pip", "install", "--python", str(self._python), "ray[default]>=2.52"],
        ):
            subprocess.run([uv, "--quiet", *words], check=True, timeout=600)

    def start(self) -> None:
        """Start the head, and wait until it takes jobs."""
        ray = self._python.with_name("ray")
        state = tempfile.mkdtemp(prefix="r", dir=self.folder)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token, "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_TMPDIR": state,
        }  # fmt: skip
        with open(self.folder / "head.out", "ab") as out:
            self._head = subprocess.Popen(
                [
                    str(ray), "start", "--head", "--block", "--disable-usage-stats",
                    "--num-cpus=2", "--num-gpus=0", '--resources={"slot": 1}',
                    "--object-store-memory=80000000", f"--temp-dir={state}", "--dashboard-host=127.0.0.1",
                    f"--dashboard-port={self.port}", *(f"--{name}={free_port()}" for name in _PORTS),
                ],
                env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=state,
                start_new_session=True,
            )  # fmt: skip
        for _ in range(int(WITHIN / 0.1)):
            with suppress(httpx.HTTPError):
                answer = self.ask("GET", "/api/jobs/none")
                if answer.status_code == 404:
                    return
            assert self._head.poll() is None, self._said()
            Event().wait(0.1)
        raise AssertionError(self._said())

    def ask(self, method: str, path: str, token: str | None = None) -> httpx.Response:
        """Ask its dashboard."""
        headers = {"authorization": f"Bearer {token or self.token}"}
        return httpx.request(method, f"{self.address}{path}", headers=headers, timeout=30, trust_env=False)

    def freeze_dashboard(self, frozen: bool) -> None:
        """The dashboard takes connections and answers nothing, or goes on."""
        for process in self._processes():
            with suppress(psutil.Error):
                if any("dashboard" in word for word in process.cmdline()[:4]):
                    process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def stop(self) -> None:
        """Stop all that it started, its jobs too, at once: none can say a word."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in self._processes():
                with suppress(psutil.Error):
                    process.send_signal(number)
        if self._head is not None:
            self._head.kill()
            self._head.wait()
            self._head = None

    def _processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("RAY_AUTH_TOKEN") == self.token and process.pid != os.getpid():
                    found.append(process)
        return found

    def _said(self) -> str:
        return (self.folder / "head.out").read_text(errors="replace")[-4000:]


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """Start a cluster; stop it at the end. Its folder's name is short: Unix sockets' names have a limit."""
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    cluster = RayCluster(folder)
    try:
        cluster.install()
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
