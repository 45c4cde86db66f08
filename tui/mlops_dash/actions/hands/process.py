"""The hand of ``process`` steps: the model server of a place is handed over to another version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_dash.actions.handover import Place, dismiss, hand_over, is_version, stop
from mlops_dash.actions.hands import Context, Look, Note, Standing
from mlops_dash.actions.listening import listener
from mlops_dash.actions.serving import Wanted, model_location
from mlops_dash.actions.spawning import locked, settle, state_of
from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError
from mlops_dash.targets.process import Crew, ServerRecord, is_running, read_crew

_LOOKS_WITHIN = 0.3  # seconds for which a server is asked
_SHOWN = 80


class ProcessHand:
    """Changes the version of one place's model server.

    Args:
        arguments: ``environment``, ``model``, ``host``, ``port``, ``before`` and ``after`` (ids; ``before``
            is null where no server ran), ``locations`` of the artifacts of ``after``, ``before_locations``
            of those of ``before``: without these they are where the replaced server had them from.
    """

    def __init__(self, arguments: Mapping[str, Any], context: Context) -> None:
        self._arguments = arguments
        self._context = context
        self._before: Mapping[str, Any] | None = arguments["before"]
        self._after: Mapping[str, Any] = arguments["after"]
        self._place = Place(
            arguments["environment"],
            arguments["model"],
            arguments["host"],
            arguments["port"],
            context.servers,
        )

    def look(self) -> Look:
        """Say which version serves, from the records, the processes and the server's own word."""
        try:
            crew = read_crew(self._place.folder, *self._place.names)
            return self._judge(crew)
        except OSError as error:
            return Look(Standing.UNKNOWN, words=f"the servers' records cannot be read: {error.strerror}")

    def _judge(self, crew: Crew) -> Look:
        current = crew.current if crew.current and is_running(crew.current) else None
        old = [record for record in crew.old if is_running(record)]
        accepting = [
            one for one in old if state_of(self._place.folder, one, _LOOKS_WITHIN).get("state") == "serving"
        ]
        waiting = crew.standby is not None and is_running(crew.standby)
        begun = waiting or bool(accepting)
        if current is None and accepting:  # the one that took over from it ended
            current = accepting[0]
        name = visible(self._place.environment, _SHOWN)
        if current is None:
            return self._judge_nothing(crew, begun)
        words = state_of(self._place.folder, current, _LOOKS_WITHIN)
        evidence = {
            "pid": current.pid,
            "url": current.url,
            "state": words.get("state"),
            "standby": crew.standby.pid if crew.standby and waiting else None,
            "draining": [one.pid for one in old if one not in accepting],
        }
        if not words and _is_stopped(current):
            told = f"the server of {name} (process {current.pid}) is stopped and does not answer"
            return Look(Standing.UNKNOWN, current.version, current.by, told, begun, evidence)
        told = f"{name} serves version {visible(current.version, _SHOWN)}"
        if is_version(current, self._after):
            standing = Standing.AFTER
        elif is_version(current, self._before):
            standing = Standing.BEFORE
        else:
            standing = Standing.OTHER
            told += f", not {self._expected()} as planned"
            if current.by:
                told += f"; {visible(current.by, _SHOWN)} started it at {visible(current.started_at, _SHOWN)}"
        if waiting and crew.standby is not None:
            told += f"; version {visible(crew.standby.version, _SHOWN)} stands by"
        return Look(standing, current.version, current.by, told, begun, evidence)

    def _judge_nothing(self, crew: Crew, begun: bool) -> Look:
        place = self._place
        name = visible(place.environment, _SHOWN)
        if place.port and not crew.old:
            other = listener(place.host, place.port, _LOOKS_WITHIN)
            if other is not None:
                told = f"port {place.port} of {visible(place.host, _SHOWN)} is taken by {other}"
                return Look(Standing.OTHER, words=told, begun=begun)
        return Look(Standing.BEFORE, words=f"no server of {name} is running", begun=begun)

    def _expected(self) -> str:
        return f"version {visible(self._before['version'], _SHOWN)}" if self._before else "nothing"

    def act(self, note: Note) -> Mapping[str, Any]:
        """Have ``after`` serve, see :class:`mlops_dash.actions.hands.Hand`."""
        return self._change(self._after, self._before, note)

    def undo(self, note: Note) -> Mapping[str, Any]:
        """Have ``before`` serve again, see :class:`mlops_dash.actions.hands.Hand`."""
        return self._change(self._before, self._after, note)

    def _change(
        self, wanted: Mapping[str, Any] | None, leaving: Mapping[str, Any] | None, note: Note
    ) -> Mapping[str, Any]:
        place = self._place
        if self._context.read_only:
            raise RefusedError(
                f"Cannot change the server of {place.environment}: mlops-dash was started with --read-only."
            )
        with locked(place.folder, *place.names):
            crew = settle(place.folder, *place.names)
            if crew.standby is not None and not is_version(crew.standby, wanted):
                dismiss(place, crew.standby)
                note(f"the standby of version {visible(crew.standby.version, _SHOWN)} is sent away", {})
                crew = settle(place.folder, *place.names)
            current = crew.current if crew.current and is_running(crew.current) else None
            if current and not is_version(current, wanted) and not is_version(current, leaving):
                raise RefusedError(
                    f"{place.environment} serves version {current.version}"
                    f"{f', started by {current.by}' if current.by else ''}: it was left alone.",
                    "Look again, and make a new plan.",
                )
            if wanted is None:
                if current is not None:
                    stop(place, current, note)
                return {}
            return hand_over(place, self._wanted(wanted, crew), note)

    def _wanted(self, ids: Mapping[str, Any], crew: Crew) -> Wanted:
        name = "locations" if ids is self._after else "before_locations"
        locations: Sequence[str | None] = self._arguments.get(name) or _remembered(ids, crew)
        return Wanted(
            environment=self._place.environment,
            model=self._place.model,
            version=ids["version"],
            location=model_location(locations, self._context.root),
            run_id=ids.get("run_id"),
            model_id=ids.get("model_id"),
            tracking_uri=self._context.tracking_uri,
        )


def _remembered(ids: Mapping[str, Any], crew: Crew) -> list[str | None]:
    """Return where the servers of a version had its artifacts from."""
    records = [record for record in (crew.current, *crew.old) if record is not None]
    found = [record.location for record in records if is_version(record, ids)]
    for record in records:
        former = record.former
        if former is not None and is_version(_as_record(record, former), ids):
            found.append(former.location)
    return found


def _as_record(record: ServerRecord, former: Any) -> ServerRecord:
    import msgspec

    return msgspec.structs.replace(
        record, version=former.version, run_id=former.run_id, model_id=former.model_id
    )


def _is_stopped(record: ServerRecord) -> bool:
    import psutil

    try:
        return psutil.Process(record.pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False
