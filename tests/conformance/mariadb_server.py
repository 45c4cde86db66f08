"""MLflow's store in a MariaDB server of our own, started for the session in a folder that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from conformance.shape import Place
from mlops_dash.sources.base import Source

PASSWORD = "p/w?@#%&"  # with everything that must be escaped in an address


@dataclass(frozen=True)
class Server:
    """A server that runs, and its administrator."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def sql(self, text: str, database: str = "mysql") -> str:
        """Execute SQL as the administrator."""
        socket_file = self.folder / "sql.sock"
        command = [
            "mariadb",
            "--no-defaults",
            f"--socket={socket_file}",
            "--batch",
            "-N",
            database,
            "-e",
            text,
        ]
        done = subprocess.run([*command, f"--user={_user()}"], capture_output=True, text=True, check=True)
        return done.stdout

    def address(self, database: str, user: str = "reader", password: str = PASSWORD) -> str:
        """The address of a database."""
        return f"mysql+pymysql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def server() -> Iterator[Server]:
    """Start a server; its socket's path must be short."""
    folder = Path(tempfile.mkdtemp(prefix="maria-"))
    data, port = folder / "data", _free_port()
    install = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={data}",
        "--skip-test-db",
        f"--user={_user()}",
    ]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    options = [
        f"--datadir={data}", f"--socket={folder}/sql.sock", f"--pid-file={folder}/pid", f"--port={port}",
        f"--user={_user()}", "--bind-address=127.0.0.1", "--skip-log-bin", "--character-set-server=utf8mb4",
        "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=32M",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "--no-defaults", *options], stdout=log, stderr=log)
    try:
        one = Server(folder, port, process)
        _wait(one)
        for name in ("writer", "reader"):
            one.sql(f"create user {name}@'127.0.0.1' identified by '{PASSWORD}'")
        one.sql("grant all on `store%`.* to writer@'127.0.0.1'")
        one.sql("grant select on `store%`.* to reader@'127.0.0.1'")
        yield one
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(one: Server) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            one.sql("select 1")
            return
        except subprocess.CalledProcessError:
            if one.process.poll() is not None or time.monotonic() > until:
                raise AssertionError((one.folder / "log").read_text("utf-8", "replace")[-2000:]) from None
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(0.1)  # it is looked at again, at once where it ended


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """An empty database; MLflow writes it as one user, we read it as another that may only select."""
    with server() as one:
        one.sql("create database store")

        def checksums() -> str:
            tables = one.sql("show tables", "store").split()
            return one.sql("checksum table " + ", ".join(f"`{name}`" for name in tables), "store")

        yield Place(one.address("store", "writer"), one.address("store"), fingerprint=checksums)


def source(address: str) -> Source:
    from mlops_dash.sources.mlflow.sqlalchemy import MlflowDatabase

    return MlflowDatabase(address)
