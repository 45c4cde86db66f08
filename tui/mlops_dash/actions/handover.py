"""A model server changes its version without dropping a request: another one takes its address over.

The new server starts beside the old one, as a standby with a private address, and proves itself there. Then
it gets the old one's listening socket, accepts from it, makes its record the one of the place (one rename),
and tells the old one to drain: that one accepts no more, answers what it accepted, and ends. At every moment
somebody accepts from the socket, or its queue waits. Whoever finds a half-done handover finishes it or takes
it back from the records and the servers' own words alone.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mlops_dash.actions import servers
from mlops_dash.actions.hands import Note
from mlops_dash.actions.listening import ANY_PORT, bind, listen
from mlops_dash.actions.listening import private as private_listener
from mlops_dash.actions.proving import LOADS_WITHIN, prove
from mlops_dash.actions.serving import Wanted, check_location
from mlops_dash.actions.spawning import end, forget, settle, spawn, state_of, wait_gone
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError
from mlops_dash.targets import control
from mlops_dash.targets.process import (
    Crew,
    ServerRecord,
    is_running,
    old_path,
    read_crew,
    record_path,
    standby_path,
    write_record,
)

STANDS_BY = 600.0  # seconds after which a standby that nobody speaks to leaves
TAKES_WITHIN = 25.0  # seconds that taking over may take
DRAINS_WITHIN = 10.0  # seconds for which the old server is watched; it ends by itself all the same
_SHARES_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server serves: ``host`` and ``port`` as configured, port 0 meaning any."""

    environment: str
    model: str
    host: str
    port: int
    folder: Path

    @property
    def names(self) -> tuple[str, str]:
        """What records are found by."""
        return self.environment, self.model


def is_version(record: ServerRecord | None, ids: Mapping[str, Any] | None) -> bool:
    """Tell whether a server serves the version with these ids: by number, and by run and model id where both
    sides know them."""
    if record is None or ids is None or record.version != ids["version"]:
        return False
    pairs = ((record.run_id, ids.get("run_id")), (record.model_id, ids.get("model_id")))
    return all(not ours or not theirs or ours == theirs for ours, theirs in pairs)


def hand_over(place: Place, wanted: Wanted, note: Note) -> Mapping[str, Any]:
    """Have the wanted version serve at the place, whatever serves there now; return evidence.

    The caller holds the place's lock and has seen that what serves there may go.

    Raises:
        RefusedError: nothing was changed.
        DashError: it failed; what served before still does.
        OutcomeUnknownError: a process does not end.
    """
    crew = settle(place.folder, *place.names)
    current = _running(crew.current)
    ids = {"version": wanted.version, "run_id": wanted.run_id, "model_id": wanted.model_id}
    if current is not None and is_version(current, ids):
        if crew.standby is not None:
            dismiss(place, crew.standby)
        servers.wait_ready(current, LOADS_WITHIN)
        return {"pid": current.pid, "url": current.url, **_see_off(place, crew, note)}
    if current is not None and current.control is None:
        raise RefusedError(
            f"The server of {place.environment} was started by an older mlops-dash and cannot hand over.",
            f"Stop it and start it again: mlops-dash down {place.environment}, then up.",
        )
    check_location(wanted)
    with ExitStack() as held:
        if current is None:
            for old in crew.old:
                if state_of(place.folder, old).get("state") != "draining":
                    retire(place, old, note)  # it hangs, and may have the address
            remembered = crew.current.port if crew.current else ANY_PORT
            bound = held.enter_context(bind(place.host, place.port, remembered))
            address = place.host, bound.getsockname()[1]
        else:
            bound = None
            address = current.host, current.port
        standby = _standby(place, wanted, ids, crew, address, note)
        try:
            proof = prove(standby, place.folder, note)
            if current is not None and not is_running(current):  # it ended meanwhile
                current = None
                bound = held.enter_context(bind(address[0], address[1]))
            note(f"version {visible(wanted.version, 80)} takes over {standby.url}", {"pid": standby.pid})
            _take(place, current, standby, bound)
        except DashError:
            if not _has_taken(place, standby):
                dismiss(place, standby)
                left = settle(place.folder, *place.names).current
                if current is not None and (left is None or not is_running(left)):
                    raise OutcomeUnknownError(
                        f"The new server of {place.environment} ended when the old one had already let go.",
                        f"Start it again: mlops-dash up {place.environment}",
                    ) from None
                raise
    gone = _see_off(place, settle(place.folder, *place.names), note)
    return {"pid": standby.pid, "url": standby.url, **proof, **gone}


def _running(record: ServerRecord | None) -> ServerRecord | None:
    return record if record is not None and is_running(record) else None


def _standby(
    place: Place,
    wanted: Wanted,
    ids: Mapping[str, Any],
    crew: Crew,
    address: tuple[str, int],
    note: Note,
) -> ServerRecord:
    """Return a standby that serves the wanted version: the one that an earlier attempt left, or a new one."""
    left = crew.standby
    version = visible(wanted.version, 80)
    if left is not None:
        words = state_of(place.folder, left).get("state")
        fits = is_version(left, ids) and (left.host, left.port) == address
        if fits and words != "leaving":
            note(f"version {version} already stands by", {"pid": left.pid})
            return left
        dismiss(place, left)
    with private_listener() as listening:
        standby = spawn(wanted, place.folder, address, listening, standby=STANDS_BY, former=crew.current)
    serving = crew.current if _running(crew.current) else None
    beside = f" beside version {visible(serving.version, 80)}" if serving else ""
    note(f"version {version} starts{beside}", {"pid": standby.pid, "log": standby.log})
    return standby


def _take(
    place: Place, current: ServerRecord | None, standby: ServerRecord, bound: socket.socket | None
) -> None:
    """Have a standby take the address over.

    Raises:
        DashError: it did not, or did not say so.
    """
    assert standby.control is not None
    stem = record_path(place.folder, *place.names).stem
    try:
        with ExitStack() as held:
            if bound is not None:
                listen(bound)
                sockets = [bound]
            else:
                assert current is not None
                assert current.control is not None
                former = held.enter_context(control.call(place.folder, current.control, _SHARES_WITHIN))
                reply, shared = former.ask("share")
                if len(shared) != 1:
                    raise DashError(f"The old server does not share its address: {_error(reply)}")
                held.enter_context(shared[0])
                write_record(place.folder, current, old_path(place.folder, current))
                sockets = [shared[0], former.connection]
            line = held.enter_context(control.call(place.folder, standby.control, TAKES_WITHIN))
            reply, _ = line.ask("take", sockets, record=stem)
            if reply.get("state") != "serving":
                raise DashError(f"The new server did not take over: {_error(reply)}")
    except control.NoControlError as error:
        raise DashError(
            f"The servers of {place.environment} do not answer ({error}).",
            f"Where the old one hangs, mlops-dash down {place.environment} ends it; then do this again.",
        ) from None
    except OSError as error:
        raise DashError(
            f"Cannot write down that {place.environment} is handed over: {error.strerror}."
        ) from None


def _error(reply: control.Message) -> str:
    return visible(str(reply.get("error", "it does not say why")), 300)


def _has_taken(place: Place, standby: ServerRecord) -> bool:
    current = _running(read_crew(place.folder, *place.names).current)
    return current is not None and current.token == standby.token


def _see_off(place: Place, crew: Crew, note: Note) -> Mapping[str, Any]:
    """Watch the servers that handed over until they have ended; one that still answers ends later."""
    left = [old for old in crew.old if not retire(place, old, note)]
    return {"still_draining": [old.pid for old in left]} if left else {}


def retire(place: Place, old: ServerRecord, note: Note) -> bool:
    """See that a server which handed over drains and ends; tell whether it has.

    Raises:
        OutcomeUnknownError: it neither drains nor ends.
    """
    if is_running(old):
        words = {}
        if old.control is not None:
            try:
                words = dict(control.ask(place.folder, old.control, "drain", _SHARES_WITHIN))
            except control.NoControlError:
                words = {}
        if words.get("state") not in {"draining", "leaving"} and not wait_gone(old, 0.5):
            end(old, place.folder, servers.GRACE)  # it does not listen to us, and would go on accepting
        elif not wait_gone(old, DRAINS_WITHIN):
            note(
                f"the server of version {visible(old.version, 80)} still answers requests; it ends with them",
                {"pid": old.pid},
            )
            return False
    forget(place.folder, old, old_path(place.folder, old))
    note(
        f"the server of version {visible(old.version, 80)} has answered its requests and ended",
        {"pid": old.pid},
    )
    return True


def dismiss(place: Place, standby: ServerRecord) -> None:
    """End a standby. One that took over a moment before stays: it is the server then.

    Raises:
        OutcomeUnknownError: it does not end.
    """
    words: Mapping[str, Any] = {}
    if standby.control is not None and is_running(standby):
        try:
            words = control.ask(place.folder, standby.control, "leave", _SHARES_WITHIN)
        except control.NoControlError:
            words = {}  # it has not come so far, or hangs
    if "error" in words and _has_taken(place, standby):
        return
    if words.get("state") != "leaving" or not wait_gone(standby, servers.GRACE):
        end(standby, place.folder, servers.GRACE)
    forget(place.folder, standby, standby_path(place.folder, *place.names))


def stop(place: Place, current: ServerRecord, note: Note) -> None:
    """Stop the server of a place: it answers what it accepted first.

    Raises:
        OutcomeUnknownError: it does not end.
    """
    if current.control is not None:
        try:
            control.ask(place.folder, current.control, "drain", _SHARES_WITHIN)
            wait_gone(current, servers.GRACE)
        except control.NoControlError:
            pass
    end(current, place.folder, servers.GRACE)
    write_record(place.folder, msgspec.structs.replace(current, pid=0))
    forget(place.folder, current, None)
    note(f"the server of version {visible(current.version, 80)} is stopped", {"pid": current.pid})
