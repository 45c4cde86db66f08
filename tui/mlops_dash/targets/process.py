"""The ``process`` target: a local model server of ours, one for each (environment, model).

What runs is written down in one file per server, so that any dashboard of the same user finds it:
``NAME.json`` is the server of the place, ``NAME.next.json`` a standby that may take its address over, and
``NAME.TOKEN.old.json`` one that handed it over and drains.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mlops_dash import paths
from mlops_dash.config import ProcessTarget
from mlops_dash.domain.environments import Health, Observation
from mlops_dash.domain.text import storable
from mlops_dash.targets.base import Place
from mlops_dash.targets.http import Address, Questioner, observation, unasked
from mlops_dash.targets.judging import short
from mlops_dash.targets.presets import PRESETS

SERVER_MODULE = "mlops_dash.targets.scoring"
_LOG_TAIL = 4096  # bytes of a log that are looked at for its last words
_FIRST_WORDS = 60.0  # seconds that a server may be silent after its start: it imports before it answers
_LONGEST_PROMISE = 120.0  # seconds; a longer one was made before the clock was set
_CLOCK_STEP = 2.0  # seconds by which a process's start time may move when the system clock is set


class Former(msgspec.Struct, frozen=True):
    """What a server took over from: enough to go back to it."""

    version: str
    run_id: str | None = None
    model_id: str | None = None
    location: str | None = None


class ServerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down of a server.

    Attributes:
        token: stands in the process's command line: proves that a pid is still this server.
        pid: 0 where it was stopped.
        create_time: of the process, in seconds since the epoch.
        url: where it serves; its port is taken again at the next start.
        started_at: ISO 8601, UTC.
        log: file with its output.
        control: file name of its control socket; ``None``: a release without one started it.
        location: where its model was loaded from.
        private: where a standby is asked while another server has the address.
        former: the server that it took over from.
    """

    token: str
    environment: str
    model: str
    version: str
    run_id: str | None = None
    model_id: str | None = None
    pid: int
    create_time: float
    host: str
    port: int
    url: str
    started_at: str
    by: str | None = None
    log: str
    control: str | None = None
    location: str | None = None
    private: str | None = None
    former: Former | None = None


@dataclass(frozen=True, slots=True)
class Crew:
    """All servers that are written down for one place, running or not."""

    current: ServerRecord | None
    standby: ServerRecord | None
    old: tuple[ServerRecord, ...]


def servers_folder(project: str) -> Path:
    """Return the folder of a project's server records; ``project`` is its identity, any string."""
    return paths.state_dir() / "servers" / hashlib.sha256(storable(project).encode()).hexdigest()[:16]


def record_path(folder: Path, environment: str, model: str) -> Path:
    """Return the file of one server: readable, and distinct for any two (environment, model)."""
    digest = hashlib.sha256(storable(f"{environment}\n{model}").encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9]+", "-", f"{environment}-{model}").strip("-")[:48]
    return folder / f"{name}-{digest}.json"


def standby_path(folder: Path, environment: str, model: str) -> Path:
    """Return the file of the standby of a server."""
    return record_path(folder, environment, model).with_suffix(".next.json")


def old_path(folder: Path, record: ServerRecord) -> Path:
    """Return the file of a server that handed its address over."""
    path = record_path(folder, record.environment, record.model)
    return path.with_suffix(f".{re.sub('[^0-9a-f]', '', record.token)[:16]}.old.json")


def read_record(folder: Path, environment: str, model: str) -> ServerRecord | None:
    """Return what is written down of a server; ``None`` where nothing readable is."""
    return _read(record_path(folder, environment, model), environment, model)


def read_crew(folder: Path, environment: str, model: str) -> Crew:
    """Return all that is written down for a place, as it was at one moment."""
    path = record_path(folder, environment, model)
    while True:
        current = _read(path, environment, model)
        standby = _read(standby_path(folder, environment, model), environment, model)
        found = (_read(file, environment, model) for file in sorted(folder.glob(f"{path.stem}.*.old.json")))
        old = tuple(record for record in found if record is not None and record != current)
        if _read(path, environment, model) == current:  # no standby took over meanwhile
            return Crew(current, standby, old)


def _read(path: Path, environment: str, model: str) -> ServerRecord | None:
    try:
        record = msgspec.json.decode(path.read_bytes(), type=ServerRecord)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return record if (record.environment, record.model) == (environment, model) else None


def write_record(folder: Path, record: ServerRecord, path: Path | None = None) -> None:
    """Write a record so that a reader sees the old one or the new one, never half of it.

    Args:
        path: default: the file of the place's server.

    Raises:
        OSError: it could not be written.
    """
    place = record_path(folder, record.environment, record.model)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=place.stem, suffix=".part")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(record)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path or place)
    except OSError:
        os.unlink(name)
        raise
    sync_folder(folder)
    if path is None:
        _promise_path(place).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # a file system that cannot; the rename stands
    finally:
        os.close(descriptor)


def promise(folder: Path, environment: str, model: str, seconds: float) -> None:
    """Say that a server is started within ``seconds``: until then it is called starting, not down.

    Raises:
        OSError: it could not be written down.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = _promise_path(record_path(folder, environment, model))
    path.touch(mode=0o600)
    until = time.time() + seconds
    os.utime(path, (until, until))


def is_promised(folder: Path, environment: str, model: str) -> bool:
    """Tell whether a server is about to be started."""
    try:
        left = _promise_path(record_path(folder, environment, model)).stat().st_mtime - time.time()
    except OSError:
        return False
    return 0 < left < _LONGEST_PROMISE


def _promise_path(record: Path) -> Path:
    return record.with_suffix(".soon")


def is_running(record: ServerRecord) -> bool:
    """Tell whether the recorded process lives: pids are reused, so start time and token must fit too."""
    if record.pid <= 0:
        return False
    import psutil

    try:
        process = psutil.Process(record.pid)
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and abs(process.create_time() - record.create_time) <= _CLOCK_STEP
            and record.token in process.cmdline()
        )
    except psutil.Error:
        return False


def last_words(record: ServerRecord) -> str | None:
    """Return the last line that a server wrote to its log."""
    try:
        with open(record.log, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LOG_TAIL))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return None
    return next((short(line.strip()) for line in reversed(lines) if line.strip()), None)


def url_of(host: str, port: int) -> str:
    """Return where a server that listens on ``host`` is asked from this machine."""
    local = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"


class ProcessServer:
    """The model server of one place, running or not."""

    kind = "process"

    def __init__(self, place: Place, settings: ProcessTarget, folder: Path) -> None:
        self.place = place
        self._settings = settings
        self._folder = folder
        self._questioner = Questioner(place.model)

    async def observe(self) -> Observation:
        """Ask the recorded server, or whoever answers at the configured port."""
        record, running, promised = await asyncio.to_thread(self._look)
        if record is not None and running:
            url = record.url
        elif promised:
            return unasked(self.kind, self.place, Health.DEGRADED, "starting: it is about to be started")
        elif self._settings.port:
            url = url_of(self._settings.host, self._settings.port)
        else:
            return unasked(self.kind, self.place, Health.DOWN, self._absence(record))
        address = Address(url, PRESETS["mlops-dash"], self._settings.timeout, {})
        verdict = await self._questioner.ask(address)
        if verdict.health is Health.DOWN and not running:
            return unasked(self.kind, self.place, Health.DOWN, self._absence(record), url)
        if verdict.health is Health.UNKNOWN and running and record is not None:
            age = time.time() - record.create_time
            if verdict.identity.version is None and 0 <= age < _FIRST_WORDS:
                words = f"starting: for {age:.0f} s"
                return unasked(self.kind, self.place, Health.DEGRADED, words, url)
        return observation(self.kind, self.place, verdict, url)

    def _look(self) -> tuple[ServerRecord | None, bool, bool]:
        names = self.place.environment, self.place.model
        record = read_record(self._folder, *names)
        running = record is not None and is_running(record)
        if record is not None and record.pid and not running:
            # it may have ended while it took the address over: then the former server still answers there
            old = next(filter(is_running, read_crew(self._folder, *names).old), None)
            record, running = (old, True) if old is not None else (record, False)
        return record, running, not running and is_promised(self._folder, *names)

    def _absence(self, record: ServerRecord | None) -> str:
        start = f"mlops-dash up {self.place.environment}"
        if record is None or record.pid == 0:
            return f"no server is running: {start}"
        words = last_words(record)
        return short(f"the server has ended{f' ({words})' if words else ''}: {start}")
