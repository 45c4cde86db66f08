"""Changes in words, the same on the screen and on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from mlops_dash.domain.changes import Aspect, Change, Evidence
from mlops_dash.domain.text import visible

_SHOWN = 400  # characters of a reason


def interval(change: Change) -> str:
    """Return when it happened, in UTC: a moment, or two that it lies between."""
    if change.not_before is None:
        return f"{'before ' if _first_sight(change) else ''}{stamp(change.at)}"
    first, last = change.not_before.astimezone(UTC), change.at.astimezone(UTC)
    if (last - first).total_seconds() < 1:
        return stamp(last)
    same_minute = f"{first:%Y-%m-%d %H:%M}" == f"{last:%Y-%m-%d %H:%M}"
    begin = f"{first:%Y-%m-%d %H:%M:%S}" if same_minute else stamp(first)
    end = (
        f"{last:%H:%M:%S}" if same_minute else f"{last:%H:%M}" if first.date() == last.date() else stamp(last)
    )
    return f"{begin} … {end}"


def stamp(at: datetime) -> str:
    """Return a moment to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def what_happened(change: Change) -> str:
    """Return what kind of change it was, in two words at most."""
    if change.kind is not None:
        return f"undo {change.kind}" if change.undoes else change.kind
    if _first_sight(change):
        return "first seen"
    if change.after is None:
        return "taken away"
    return "declared" if change.aspect is Aspect.DECLARED else "served"


def how_known(change: Change) -> str:
    """Return how a change is known, as a sentence's end."""
    if change.evidence is Evidence.AUDIT:
        return "the audit record in the tracking store" if change.audit_run else "the journal of this machine"
    if change.evidence is Evidence.GTO:
        return "a GTO tag"
    if change.evidence is Evidence.MANIFEST:
        return "a commit that changed the manifest"
    if change.evidence is Evidence.STAGE:
        return "the registry: the version's stage, by when it was there"
    return "looks of this machine" if change.not_before is not None else "the first look of this machine"


def reason_line(change: Change) -> str:
    """Return the first line of why, as it can be drawn."""
    lines = [line.strip() for line in (change.reason or "").splitlines() if line.strip()]
    return visible(lines[0], _SHOWN) if lines else ""


def _first_sight(change: Change) -> bool:
    return change.evidence is Evidence.SEEN and change.not_before is None
