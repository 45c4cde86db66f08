"""The journal of one action: its lines, written durably by whoever is at work on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

from mlops_dash.actions.durable import release, write_whole
from mlops_dash.actions.plan_json import decoded, encoded, event_of, event_to_json, plan_of, without_secrets
from mlops_dash.domain.plans import Action, Event, EventKind, Outcome, Plan
from mlops_dash.domain.secrets import scrub
from mlops_dash.errors import DashError


class JournalError(DashError):
    """The journal of an action that was begun cannot be written: nothing more is sent, and whoever finds
    the action unfinished goes on by looking at the systems."""


class Log:
    """The journal of one action that this process is at work on. Closing it lets others take it up.

    Attributes:
        events: all that it tells, in order.
    """

    def __init__(
        self,
        plan: Plan,
        path: Path,
        file: IO[bytes],
        locks: tuple[IO[bytes] | None, ...],
        events: list[Event],
    ) -> None:
        self.plan = plan
        self.path = path
        self.events = events
        self._file = file
        self._locks = locks
        self._end = file.seek(0, os.SEEK_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(
        self,
        kind: EventKind,
        step: str | None = None,
        words: str = "",
        evidence: Mapping[str, Any] | None = None,
    ) -> Event:
        """Write down what happened; it is on the disk when this returns.

        Raises:
            JournalError: it could not be written; half a line is left to no one.
        """
        told = dict(evidence or {})
        if kind is not EventKind.INTENT:  # a plan stays as it is: its steps are done from it
            told = without_secrets(told)
        event = Event(datetime.now(UTC), kind, step, scrub(words), told)
        try:
            self._file.seek(self._end)
            write_whole(self._file, encoded(event_to_json(event)) + b"\n")
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._end)
            raise JournalError(
                f"The journal of this action cannot be written: {error.strerror}.",
                f"Make room for {self.path}; the next start of mlops-dash goes on with the action.",
            ) from None
        self._end = self._file.tell()
        self.events.append(event)
        return event

    def close(self) -> None:
        """Let go of the action."""
        with suppress(OSError):
            self._file.close()
        release(*self._locks)


def told_by(events: list[Event], path: Path) -> Action | None:
    """Return what a journal tells, as of an action that nobody is at work on.

    Returns:
        ``None`` where its intent is not in it: nothing was begun.
    """
    if not events or events[0].kind is not EventKind.INTENT:
        return None
    try:
        plan = plan_of(events[0].evidence["plan"])
    except (KeyError, ValueError, TypeError):
        return None
    outcome: Outcome | None = None
    audit: str | None = None
    for event in events:
        if event.kind is EventKind.OUTCOME:
            with suppress(ValueError):
                outcome = Outcome(str(event.evidence.get("outcome")))
            audit = None  # of an earlier outcome
        elif event.kind is EventKind.RESUMED:
            outcome = None
        elif event.kind is EventKind.AUDITED:
            audit = str(event.evidence.get("run")) if event.evidence.get("run") else None
    return Action(plan, tuple(events), outcome, running=False, audit_run=audit, log=str(path))


def events_of(content: bytes) -> list[Event]:
    """Return the events of a file; a last line without an end, and what is no event, are passed over."""
    found = []
    for line in content.split(b"\n")[:-1]:
        with suppress(ValueError, TypeError):
            found.append(event_of(decoded(line)))
    return found
