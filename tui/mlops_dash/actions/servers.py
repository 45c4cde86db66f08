"""Starting and stopping the model servers of ``process`` targets. They outlive whoever starts them."""

from __future__ import annotations

import fcntl
import getpass
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from mlops_dash.actions.serving import Wanted, check_location, child_environment
from mlops_dash.config import ProcessTarget
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError
from mlops_dash.targets.process import (
    SERVER_MODULE,
    ServerRecord,
    is_running,
    last_words,
    read_record,
    record_path,
    url_of,
    write_record,
)

NICENESS = 10
GRACE = 8.0  # seconds that a server gets to end by itself
_ANY_PORT = 0


@dataclass(frozen=True, slots=True)
class Started:
    """A server that runs; ``fresh`` is false where it ran already."""

    record: ServerRecord
    fresh: bool


def up(wanted: Wanted, settings: ProcessTarget, folder: Path, *, read_only: bool = False) -> Started:
    """Start the server of one environment and return at once; it loads its model in the background.

    Args:
        folder: the project's ``servers_folder``.

    Raises:
        RefusedError: nothing was started: another version runs, the port is taken, the artifacts are gone.
    """
    _check_writable(read_only, f"start the server of {wanted.environment}")
    check_location(wanted)
    with _locked(folder, wanted.environment, wanted.model):
        record = read_record(folder, wanted.environment, wanted.model)
        if record is not None and is_running(record):
            if record.version == wanted.version:
                return Started(record, fresh=False)
            raise RefusedError(
                f"{wanted.environment} already serves version {record.version} of {wanted.model}.",
                f"To serve version {wanted.version}: mlops-dash down {wanted.environment}, then up.",
            )
        listening = _listen(settings.host, settings.port, record.port if record else _ANY_PORT)
        with listening:
            record = _spawn(wanted, settings.host, listening, folder)
        return Started(record, fresh=True)


def down(environment: str, model: str, folder: Path, *, read_only: bool = False) -> ServerRecord | None:
    """Stop the server of one environment and see it gone; ``None`` where none ran.

    Raises:
        RefusedError: not allowed here.
        OutcomeUnknownError: it was told to end, and lives.
    """
    _check_writable(read_only, f"stop the server of {environment}")
    if not record_path(folder, environment, model).exists():
        return None
    with _locked(folder, environment, model):
        record = read_record(folder, environment, model)
        if record is None:
            return None
        ran = is_running(record)
        if ran:
            _end(record)
        write_record(folder, msgspec.structs.replace(record, pid=0))
        return record if ran else None


def wait_ready(record: ServerRecord, timeout: float) -> None:
    """Return when a started server serves its model.

    Raises:
        DashError: it ended; the message holds its last words.
        OutcomeUnknownError: it still loads after ``timeout`` seconds.
    """
    parts = urlsplit(record.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", "/ready")
        if connection.getresponse().status == http.client.OK:
            return
    except TimeoutError:
        raise OutcomeUnknownError(
            f"{record.environment} still loads version {record.version} after {timeout:g} s.",
            f"mlops-dash live shows when it serves; its log is {record.log}.",
        ) from None
    except (OSError, http.client.HTTPException):
        pass  # it ended: told below
    finally:
        connection.close()
    words = last_words(record) or "it wrote nothing"
    raise DashError(f"The server of {record.environment} ended: {words}", f"Its log is {record.log}.")


def _check_writable(read_only: bool, what: str) -> None:
    if read_only:
        raise RefusedError(f"Cannot {what}: mlops-dash was started with --read-only.")


@contextmanager
def _locked(folder: Path, environment: str, model: str) -> Iterator[None]:
    """Hold the lock of one server; the system frees it when we die."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(record_path(folder, environment, model).with_suffix(".lock"), "ab")  # noqa: SIM115
    except OSError as error:
        raise RefusedError(
            f"Cannot write down which servers run, in {folder}: {error.strerror}.",
            "MLOPS_DASH_STATE_DIR names another folder.",
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _listen(host: str, port: int, remembered: int) -> socket.socket:
    """Return a listening socket: the server inherits it, so that its port answers from now on."""
    for candidate in (port,) if port else (remembered, _ANY_PORT):
        try:
            return socket.create_server((host, candidate), family=_family(host), backlog=64)
        except OSError as error:
            problem = error
    if port and not isinstance(problem, socket.gaierror):
        raise RefusedError(
            f"Port {port} of {host} is taken by {_listener(host, port)}.",
            "Stop it, or set another port for this environment (0 takes a free one).",
        )
    raise RefusedError(f"Cannot listen on {host}: {problem.strerror}.", "Set another host.")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _listener(host: str, port: int) -> str:
    """Say what listens on a port, as well as can be found out."""
    parts = urlsplit(url_of(host, port))
    connection = http.client.HTTPConnection(parts.hostname or "", port, timeout=1)
    try:
        connection.request("GET", "/metadata")
        answer = json.loads(connection.getresponse().read(100_000))
        if answer["server"] == "mlops-dash":
            return f"the mlops-dash server of {answer['environment']} (version {answer['version']})"
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, RecursionError):
        pass  # not one of ours
    finally:
        connection.close()
    return _program(port) or "another program"


def _program(port: int) -> str | None:
    import psutil

    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr:
                continue
            if connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return None


def _spawn(wanted: Wanted, host: str, listening: socket.socket, folder: Path) -> ServerRecord:
    """Start the process, write down that it runs, and let it go."""
    import psutil

    token = uuid.uuid4().hex
    port = listening.getsockname()[1]
    log = record_path(folder, wanted.environment, wanted.model).with_suffix(".log")
    identity = {
        "environment": wanted.environment,
        "model": wanted.model,
        "version": wanted.version,
        "run_id": wanted.run_id,
        "model_id": wanted.model_id,
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "by": _user(),
    }
    metadata = json.dumps({"server": "mlops-dash", **identity})
    command = [sys.executable, "-P", "-m", SERVER_MODULE, "--token", token, "--model-path", wanted.location]
    command += ["--metadata", metadata, "--fd", str(listening.fileno()), "--nice", str(NICENESS)]
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=child_environment(os.environ, wanted),
            pass_fds=(listening.fileno(),),
            start_new_session=True,
        )
    record = msgspec.convert(
        {
            **identity,
            "token": token,
            "pid": process.pid,
            "create_time": psutil.Process(process.pid).create_time(),
            "host": host,
            "port": port,
            "url": url_of(host, port),
            "log": str(log),
        },
        ServerRecord,
    )
    try:
        write_record(folder, record)
    except OSError as error:
        process.kill()  # a server that nobody could find again
        process.wait()
        raise RefusedError(f"Cannot write down that the server runs: {error.strerror}.") from None
    _forget(process)
    return record


def _forget(process: subprocess.Popen[bytes]) -> None:
    """Let go of a process that is meant to outlive us; without this Python warns that it still runs."""
    process.returncode = 0


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def _end(record: ServerRecord) -> None:
    """End a running server with all that it started, and see it gone."""
    import psutil

    process = psutil.Process(record.pid)
    for sign, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        if not is_running(record):
            return
        with suppress(ProcessLookupError):
            os.killpg(record.pid, sign)  # it leads a session of its own
        with suppress(psutil.TimeoutExpired):
            process.wait(timeout=patience)
    if is_running(record):
        raise OutcomeUnknownError(
            f"The server of {record.environment} (process {record.pid}) does not end.",
            f"See what holds it: ps -o stat,wchan -p {record.pid}",
        )
