"""Plans and actions in words and glyphs: what Jobs, the plan screen and notifications say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct

from mlops_dash.domain.plans import Action, ActionKind, Event, EventKind, Outcome, Plan, Step, Tick
from mlops_dash.domain.rebuilds import Verdict
from mlops_dash.ui.wording import Line, Span, safe, version

OUTCOMES: dict[Outcome, Span] = {
    Outcome.VERIFIED: ("●", "good"),
    Outcome.FAILED: ("✗", "bad"),
    Outcome.REFUSED: ("⊘", "warn"),
    Outcome.UNKNOWN: ("?", "unknown"),
}
UNDER_WAY: Span = ("◌", "accent")
INTERRUPTED: Span = ("◐", "warn")
TICKS: dict[Tick, Span] = {
    Tick.OPEN: ("○", "dim"),
    Tick.HOLDS: ("✓", "good"),
    Tick.FAILS: ("✗", "bad"),
    Tick.UNKNOWN: ("?", "unknown"),
}
WARNED: Span = ("!", "warn")

_KINDS = {
    ActionKind.ROLLBACK: "Rollback",
    ActionKind.PROMOTE: "Promotion",
    ActionKind.REBUILD: "Rebuild",
}
VERDICTS: dict[str, Span] = {
    Verdict.IDENTICAL: ("●", "good"),
    Verdict.EQUIVALENT: ("●", "good"),
    Verdict.DIVERGED: ("✗", "bad"),
    Verdict.FAILED: ("✗", "bad"),
}
_EVENTS: dict[EventKind, Span] = {
    EventKind.INTENT: ("begun", "strong"),
    EventKind.CHECKED: ("checked", "dim"),
    EventKind.SENT: ("sent", "accent"),
    EventKind.NOTE: ("", "dim"),
    EventKind.ACCEPTED: ("accepted", "good"),
    EventKind.SEEN: ("asked", "dim"),
    EventKind.UNDOING: ("undoing", "warn"),
    EventKind.UNDONE: ("undone", "warn"),
    EventKind.RESUMED: ("resumed", "warn"),
    EventKind.OUTCOME: ("outcome", "strong"),
    EventKind.AUDITED: ("recorded", "dim"),
}


class Stand(StrEnum):
    """How far a step is."""

    OPEN = "to do"
    UNDER_WAY = "under way"
    DONE = "done"
    UNDOING = "being undone"
    UNDONE = "undone"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_BEGUN = "not begun"


STANDS: dict[Stand, Span] = {
    Stand.OPEN: ("○", "dim"),
    Stand.UNDER_WAY: ("◌", "accent"),
    Stand.DONE: ("✓", "good"),
    Stand.UNDOING: ("◌", "warn"),
    Stand.UNDONE: ("↺", "warn"),
    Stand.FAILED: ("✗", "bad"),
    Stand.UNKNOWN: ("?", "unknown"),
    Stand.NOT_BEGUN: ("–", "dim"),
}


class StepState(Struct, frozen=True):
    """A step of an action, how far it is, and what was last said of it.

    Attributes:
        seconds: from its being sent to its being accepted, where both are known.
    """

    step: Step
    stand: Stand
    words: str = ""
    at: datetime | None = None
    seconds: float | None = None


def kind_word(plan: Plan) -> str:
    """Return what sort of action it is: ``Rollback``, ``Promotion``, ``Rebuild``, ``Undo``."""
    return "Undo" if plan.undoes is not None else _KINDS[plan.kind]


def subject(plan: Plan) -> str:
    """Return an action in a few words: ``Rollback of production v6 → v4``, ``Rebuild of wine v4``."""
    if plan.kind is ActionKind.REBUILD:
        return f"Rebuild of {what_rebuilt(plan)}"
    return f"{kind_word(plan)} of {safe(plan.environment, 40)} {from_to(plan)}"


def from_to(plan: Plan) -> str:
    """Return ``v6 → v4``; of a rebuild the version, or the run where there is none."""
    if plan.kind is ActionKind.REBUILD:
        named = plan.after.version
        return version(named, 30) if named else f"run {(plan.after.run_id or '')[:8]}"
    before = version(plan.before.version, 30) if plan.before is not None else "?"
    return f"{before} → {version(plan.after.version, 30)}"


def what_rebuilt(plan: Plan) -> str:
    """Return what a rebuild makes again: ``wine v4``, or the run."""
    return f"{safe(plan.model, 40)} {from_to(plan)}" if plan.after.version else from_to(plan)


def verdict_of(action: Action) -> Mapping[str, Any] | None:
    """Return the verdict that a rebuild ended with, with its evidence; ``None`` where there is none."""
    event = last(action, EventKind.OUTCOME) if action.outcome is not None else None
    proof = event.evidence.get("proof") if event is not None else None
    return proof if isinstance(proof, Mapping) and proof.get("verdict") in VERDICTS else None


def badge(verdict: Verdict | None) -> Line:
    """Return a rebuild's verdict as it stands beside a version; nothing where there is none."""
    if verdict is None:
        return ()
    glyph, role = VERDICTS[verdict]
    return ((f"{glyph} {verdict.value}", role),)


def badge_told(verdict: Verdict | None) -> Line:
    """Return :func:`badge` with who says it, for where there is room."""
    return (*badge(verdict), (", as the tag mlops-dash.rebuilt says", "dim")) if verdict is not None else ()


def state(action: Action) -> tuple[Span, str]:
    """Return the glyph of an action's state, and the word."""
    if action.running:
        return UNDER_WAY, "under way"
    if action.outcome is None:
        return INTERRUPTED, "interrupted"
    if (found := verdict_of(action)) is not None:
        return VERDICTS[found["verdict"]], str(found["verdict"])
    return OUTCOMES[action.outcome], action.outcome.value


def last(action: Action, *kinds: EventKind) -> Event | None:
    """Return the last event of some kinds."""
    return next((event for event in reversed(action.events) if event.kind in kinds), None)


def begun_at(action: Action) -> datetime:
    """Return when it was begun."""
    return action.events[0].at if action.events else action.plan.made_at


def ended_at(action: Action) -> datetime | None:
    """Return when its outcome was known; ``None`` while it is not."""
    event = last(action, EventKind.OUTCOME) if action.outcome is not None else None
    return event.at if event is not None else None


def ended_words(action: Action) -> str:
    """Return how an action ended, for a notification."""
    event = last(action, EventKind.OUTCOME)
    word = state(action)[1]
    words = event.words.removeprefix(f"{word}: ") if event is not None else ""
    why = f": {safe(words, 200)}" if words else ""
    return f"{subject(action.plan)} {word}{why}"


def steps_of(action: Action) -> Iterator[StepState]:
    """Yield every step with how far it is, as the journal tells it."""
    ended = action.outcome
    for step in action.plan.steps:
        stand, words, at, sent, seconds = Stand.OPEN, "", None, None, None
        for event in action.events:
            if event.step != step.id:
                continue
            words, at = event.words or words, event.at
            if event.kind is EventKind.SENT:
                stand, sent = Stand.UNDER_WAY, event.at
            elif event.kind is EventKind.ACCEPTED:
                stand = Stand.DONE
                seconds = (event.at - sent).total_seconds() if sent is not None else None
            elif event.kind is EventKind.UNDOING:
                stand = Stand.UNDOING
            elif event.kind is EventKind.UNDONE:
                stand = Stand.UNDONE
        if ended is not None and stand in (Stand.UNDER_WAY, Stand.UNDOING):
            stand = Stand.UNKNOWN if ended is Outcome.UNKNOWN else Stand.FAILED
        elif ended is not None and stand is Stand.OPEN:
            stand = Stand.NOT_BEGUN
        yield StepState(step, stand, words, at, seconds)


def event_span(event: Event) -> Span:
    """Return the word for what an event is."""
    return _EVENTS[event.kind]


def clock(at: datetime) -> str:
    """Return a time of day in UTC to the tenth: ``08:15:02.4``."""
    return f"{at:%H:%M:%S}.{at.microsecond // 100_000}"


def lasted(seconds: float | None) -> str:
    """Return how long it took: ``0.3 s``, ``42 s``, ``4 min 10 s``, ``2 d``; nothing where it is unknown."""
    if seconds is None or seconds < 0:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        rest = f" {whole % 60} s" if whole < 600 and whole % 60 else ""
        return f"{whole // 60} min{rest}"
    hours = timedelta(seconds=whole) // timedelta(hours=1)
    return f"{hours} h" if hours < 48 else f"{hours // 24:,} d"
