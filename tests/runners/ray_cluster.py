"""A real Ray cluster of one head on this machine, for the tests that ask for it.

Ray listens on every address of the machine whatever it is told: its processes get a network of their own, of
which only the dashboard is handed on, to loopback. Where the machine lets nobody make one, the token keeps
others out. It stands in an environment of its own, made by uv: it is no part of what the dashboard needs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
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
_ALONE = Path(__file__).with_name("alone.py")
_SEPARATE = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--net")
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
        self.separated = subprocess.run([*_SEPARATE, "true"], stderr=subprocess.DEVNULL).returncode == 0

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
        command = [
            str(ray), "start", "--head", "--block", "--disable-usage-stats", "--node-ip-address=127.0.0.1",
            "--num-cpus=2", "--num-gpus=0", '--resources={"slot": 1}', "--object-store-memory=80000000",
            f"--temp-dir={state}", "--dashboard-host=127.0.0.1", f"--dashboard-port={self.port}",
            *(f"--{name}={free_port()}" for name in _PORTS),
        ]  # fmt: skip
        with open(self.folder / "head.out", "ab") as out, socket.socket() as listening:
            if self.separated:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.bind(("127.0.0.1", self.port))
                listening.listen()
                alone = [sys.executable, str(_ALONE), str(listening.fileno()), str(self.port)]
                command = [*_SEPARATE, *alone, *command]
            self._head = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=state,
                start_new_session=True, pass_fds=(listening.fileno(),) if self.separated else (),
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

    def listeners(self) -> set[str]:
        """Return every address that processes of its own listen on in the machine's network: none, but for
        the dashboard's socket, which is made here."""
        ours = os.readlink("/proc/self/ns/net")
        found = set()
        for process in self._processes():
            with suppress(psutil.Error, OSError):
                if os.readlink(f"/proc/{process.pid}/ns/net") == ours:
                    listening = [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
                    found |= {one.laddr.ip for one in listening}
        return found

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
