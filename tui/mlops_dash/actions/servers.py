"""Starting and stopping the model servers of ``process`` targets. They outlive whoever starts them."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from mlops_dash.actions.listening import ANY_PORT, bind, listen
from mlops_dash.actions.serving import Wanted, check_location
from mlops_dash.actions.spawning import end, forget, locked, settle, spawn
from mlops_dash.config import ProcessTarget
from mlops_dash.errors import NotServedError, OutcomeUnknownError, RefusedError
from mlops_dash.targets.process import (
    ServerRecord,
    is_running,
    last_words,
    old_path,
    record_path,
    standby_path,
    write_record,
)

GRACE = 8.0  # seconds that a server gets to end by itself


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
    with locked(folder, wanted.environment, wanted.model):
        record = settle(folder, wanted.environment, wanted.model).current
        if record is not None and is_running(record):
            if record.version == wanted.version:
                return Started(record, fresh=False)
            raise RefusedError(
                f"{wanted.environment} already serves version {record.version} of {wanted.model}.",
                f"To change it: mlops-dash promote {wanted.environment} --to {wanted.version}",
            )
        with bind(settings.host, settings.port, record.port if record else ANY_PORT) as bound:
            listen(bound)  # the server inherits it, so that its port answers from now on
            started = spawn(wanted, folder, (settings.host, bound.getsockname()[1]), bound)
        if record is not None:
            forget(folder, record, None)
        return Started(started, fresh=True)


def down(environment: str, model: str, folder: Path, *, read_only: bool = False) -> ServerRecord | None:
    """Stop the server of one environment and see it gone, with any that was to take over from it or has
    handed over to it; ``None`` where none ran.

    Raises:
        RefusedError: not allowed here.
        OutcomeUnknownError: it was told to end, and lives.
    """
    _check_writable(read_only, f"stop the server of {environment}")
    files = record_path(folder, environment, model), standby_path(folder, environment, model)
    if not any(file.exists() for file in files):
        return None
    with locked(folder, environment, model):
        crew = settle(folder, environment, model)
        if crew.standby is not None:
            end(crew.standby, folder, GRACE)
            crew = settle(folder, environment, model)  # it may have taken over a moment before
        for old in crew.old:
            end(old, folder, GRACE)
            forget(folder, old, old_path(folder, old))
        record = crew.current
        if record is None:
            return None
        ran = is_running(record)
        if ran:
            end(record, folder, GRACE)
        write_record(folder, msgspec.structs.replace(record, pid=0))
        forget(folder, record, None)
        return record if ran else None


def wait_ready(record: ServerRecord, timeout: float) -> None:
    """Return when a started server serves its model.

    Raises:
        NotServedError: it ended; the message holds its last words.
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
    raise NotServedError(f"The server of {record.environment} ended: {words}", f"Its log is {record.log}.")


def _check_writable(read_only: bool, what: str) -> None:
    if read_only:
        raise RefusedError(f"Cannot {what}: mlops-dash was started with --read-only.")
