"""Follows an action in its journal: each event as it comes, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NoReturn

from mlops_dash.cli.output import has_colour, stderr
from mlops_dash.domain.plans import Action, Event, EventKind
from mlops_dash.domain.text import visible
from mlops_dash.errors import OutcomeUnknownError

if TYPE_CHECKING:
    from mlops_dash.project import Project

_EVERY = 0.05  # seconds between two looks
_UNTENDED = 15.0  # seconds for which an action may be without a process that is at work on it
_MARKS = {
    EventKind.INTENT: "begun",
    EventKind.CHECKED: "checked",
    EventKind.SENT: "sent",
    EventKind.NOTE: "…",
    EventKind.ACCEPTED: "accepted",
    EventKind.SEEN: "seen",
    EventKind.UNDOING: "undoing",
    EventKind.UNDONE: "undone",
    EventKind.RESUMED: "resumed",
    EventKind.OUTCOME: "outcome",
    EventKind.AUDITED: "audited",
}


def follow(project: Project, action_id: str) -> Action:
    """Tell what happens until there is an outcome, and return the action.

    Where the process that carries it out is gone, another one goes on with it.

    Raises:
        OutcomeUnknownError: nobody is at work on it, and nobody can be.
    """
    told, untended = 0, 0.0
    while True:
        action = project.action(action_id)
        if action is None:
            raise OutcomeUnknownError(
                f"the journal of {action_id} is gone", "mlops-dash live tells what is live now"
            )
        for event in action.events[told:]:
            stderr(event_line(event))
        told = len(action.events)
        if action.outcome is not None:
            return action
        if action.running:
            untended = 0.0
        elif not untended:
            untended = time.monotonic()
            project.resume_unfinished()
        elif time.monotonic() - untended > _UNTENDED:
            return action
        time.sleep(_EVERY)


def goes_on(action_id: str) -> NoReturn:
    """Say that an action goes on, though nobody follows it any more."""
    raise OutcomeUnknownError(
        "it goes on without you: nothing was stopped", f"mlops-dash jobs {action_id} tells what became of it"
    )


def event_line(event: Event) -> str:
    """Return one event of a journal on one line."""
    at = f"{event.at:%H:%M:%S}.{event.at.microsecond // 1000:03d}"
    mark = _MARKS[event.kind]
    if has_colour(sys.stderr):
        mark = f"\x1b[1m{mark}\x1b[0m" + " " * (9 - len(mark))
    step = f"{visible(event.step, 40)}: " if event.step else ""
    return f"{at}  {mark:<9} {step}{visible(event.words, 500)}"
