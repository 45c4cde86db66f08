"""Processes of model servers: started so that they can always be found again, ended so that they are gone."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mlops_dash.actions.serving import Wanted, child_environment
from mlops_dash.domain.text import visible
from mlops_dash.errors import OutcomeUnknownError, RefusedError
from mlops_dash.targets import control
from mlops_dash.targets.process import (
    SERVER_MODULE,
    Crew,
    Former,
    ServerRecord,
    is_running,
    old_path,
    read_crew,
    record_path,
    standby_path,
    url_of,
    write_record,
)

NICENESS = 10
LOCK_WITHIN = 3.0  # seconds that one waits for another who starts or stops the same server
_PAUSE = 0.02
_STATE_WITHIN = 2.0
_ENDING = 1.0


@contextmanager
def locked(folder: Path, environment: str, model: str) -> Iterator[None]:
    """Hold the lock of one place's servers; the system frees it when we die.

    Raises:
        RefusedError: another process holds it, or nothing can be written down.
    """
    path = record_path(folder, environment, model).with_suffix(".lock")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")  # noqa: SIM115
    except OSError as error:
        raise RefusedError(
            f"Cannot write down which servers run, in {folder}: {error.strerror}.",
            "MLOPS_DASH_STATE_DIR names another folder.",
        ) from None
    with lock:
        give_up_at = time.monotonic() + LOCK_WITHIN
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > give_up_at:
                    raise RefusedError(
                        f"The server of {environment} is being changed by {_holder(lock.fileno())}.",
                        "Wait for it, look again.",
                    ) from None
                time.sleep(_PAUSE)
        try:
            with suppress(OSError):  # only words for others
                words = f"{user() or 'somebody'} (process {os.getpid()})".encode()
                os.pwrite(lock.fileno(), words, 0)
                os.ftruncate(lock.fileno(), len(words))
            yield
        finally:
            with suppress(OSError):
                os.ftruncate(lock.fileno(), 0)


def _holder(lock: int) -> str:
    """Say who holds a lock: they write it down a moment after they got it."""
    for _ in range(10):
        who = os.pread(lock, 200, 0)
        if who:
            return visible(who.decode("utf-8", "replace"))
        time.sleep(_PAUSE)
    return "another mlops-dash"


def spawn(
    wanted: Wanted,
    folder: Path,
    address: tuple[str, int],
    listening: socket.socket,
    *,
    standby: float | None = None,
    former: ServerRecord | None = None,
) -> ServerRecord:
    """Start a server's process, write down that it runs, and let it go.

    The process waits for that: were we killed before, it would end at once.

    Args:
        address: host and port where it is to serve.
        listening: socket that it accepts from now on: of a standby, a private one.
        standby: seconds after which a standby that nobody speaks to leaves.

    Raises:
        RefusedError: it cannot be written down, or no process can be started.
    """
    import psutil

    token = uuid.uuid4().hex
    host, port = address
    identity = {
        "environment": wanted.environment,
        "model": wanted.model,
        "version": wanted.version,
        "run_id": wanted.run_id,
        "model_id": wanted.model_id,
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "by": user(),
    }
    metadata = json.dumps({"server": "mlops-dash", **identity})
    command = [sys.executable, "-P", "-m", SERVER_MODULE, "--token", token, "--model-path", wanted.location]
    command += ["--metadata", metadata, "--fd", str(listening.fileno()), "--nice", str(NICENESS)]
    if standby is not None:
        command += ["--standby", str(standby)]
    log = _log(folder, wanted, former if standby is not None else None)
    try:
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), "wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=child_environment(os.environ, wanted),
                pass_fds=(listening.fileno(),),
                start_new_session=True,
            )
    except OSError as error:
        raise RefusedError(f"Cannot start a server: {error.strerror}.") from None
    facts = {
        **identity,
        "token": token,
        "pid": process.pid,
        "create_time": psutil.Process(process.pid).create_time(),
        "host": host,
        "port": port,
        "url": url_of(host, port),
        "log": str(log),
        "control": control.control_name(token),
        "location": wanted.location,
        "private": None if standby is None else url_of(*listening.getsockname()[:2]),
    }
    record = msgspec.structs.replace(msgspec.convert(facts, ServerRecord), former=_former(former))
    assert process.stdin is not None
    try:
        names = wanted.environment, wanted.model
        write_record(folder, record, None if standby is None else standby_path(folder, *names))
        process.stdin.write(b"go\n")
        process.stdin.close()
    except OSError as error:
        process.kill()  # a server that nobody could find again
        process.wait()
        raise RefusedError(f"Cannot write down that the server runs: {error.strerror}.") from None
    process.returncode = 0  # it is meant to outlive us; without this Python warns that it still runs
    return record


def _former(record: ServerRecord | None) -> Former | None:
    if record is None:
        return None
    return Former(record.version, record.run_id, record.model_id, record.location)


def _log(folder: Path, wanted: Wanted, former: ServerRecord | None) -> Path:
    """Return a log file that the former server does not write to."""
    first = record_path(folder, wanted.environment, wanted.model).with_suffix(".log")
    return first.with_suffix(".next.log") if former is not None and former.log == str(first) else first


def user() -> str | None:
    """Return the name of the user whom processes belong to."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def state_of(folder: Path, record: ServerRecord, within: float = _STATE_WITHIN) -> control.Message:
    """Return what a server says of itself; nothing where it does not answer."""
    if record.control is None:
        return {}
    try:
        return control.ask(folder, record.control, "state", within)
    except control.NoControlError:
        return {}


def _serves(folder: Path, record: ServerRecord) -> bool:
    return state_of(folder, record).get("state") == "serving"


def settle(folder: Path, environment: str, model: str) -> Crew:
    """Put what is written down in order, and return it: a standby or an old server that ended is forgotten.

    A server that had begun to hand over and still serves, because the other one ended, is the server again.
    The caller holds the lock.
    """
    path = record_path(folder, environment, model)
    for left in folder.glob(f"{path.stem}*.part"):
        left.unlink(missing_ok=True)
    crew = read_crew(folder, environment, model)
    current, old = crew.current, []
    known = {old_path(folder, record) for record in crew.old}
    for file in folder.glob(f"{path.stem}.*.old.json"):
        if file not in known:  # a copy of what serves, or unreadable
            file.unlink(missing_ok=True)
    for record in crew.old:
        if not is_running(record):
            forget(folder, record, old_path(folder, record))
        elif (current is None or not is_running(current)) and _serves(folder, record):
            if current is not None:
                forget(folder, current, None)
            write_record(folder, record)
            old_path(folder, record).unlink(missing_ok=True)
            current = record
        else:
            old.append(record)
    standby = crew.standby
    if standby is not None and not is_running(standby):
        forget(folder, standby, standby_path(folder, environment, model))
        standby = None
    elif standby is None:
        standby_path(folder, environment, model).unlink(missing_ok=True)  # unreadable
    return Crew(current, standby, tuple(old))


def forget(folder: Path, record: ServerRecord, path: Path | None) -> None:
    """Take away what a server that ended left: its control socket, and its record at ``path``."""
    if record.control is not None:
        (folder / control.control_name(record.token)).unlink(missing_ok=True)
    if path is not None:
        path.unlink(missing_ok=True)


def end(record: ServerRecord, folder: Path, grace: float) -> None:
    """End a running server with all that it started, and see it gone.

    Args:
        grace: seconds that it gets to end by itself.

    Raises:
        OutcomeUnknownError: it lives.
    """
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if not is_running(record):
            break
        with suppress(ProcessLookupError):
            os.killpg(record.pid, sign)  # it leads a session of its own
        wait_gone(record, grace)
    if is_running(record):
        raise OutcomeUnknownError(
            f"The server of {record.environment} (process {record.pid}) does not end.",
            f"See what holds it: ps -o stat,wchan -p {record.pid}",
        )
    forget(folder, record, None)


def wait_gone(record: ServerRecord, within: float) -> bool:
    """Wait until a server has ended; tell whether it has."""
    import psutil

    give_up_at = time.monotonic() + within
    while is_running(record):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(_PAUSE)
    with suppress(psutil.Error):  # it is ending: it has let go of its memory, perhaps not yet of its sockets
        psutil.Process(record.pid).wait(timeout=_ENDING)
    return True
