"""The rows of History: one change, or what was live at one place, in cells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mlops_dash.answers.history_words import interval, reason_line, what_happened
from mlops_dash.domain.changes import Change, Evidence, WasLive
from mlops_dash.domain.plans import Outcome
from mlops_dash.ui.action_words import OUTCOMES
from mlops_dash.ui.widgets.table import DROP, NARROW_GAPS, Cell, Column, Give
from mlops_dash.ui.wording import Line, Span, age, safe, version

COLUMNS = (
    Column("WHEN (UTC)", brief="AGO"),
    Column("ENVIRONMENT", brief="ENV"),
    Column("MODEL"),
    Column("CHANGE"),
    Column("WHAT"),
    Column("BY"),
    Column("WHY"),
    Column("KNOWN BY"),
)
_WHEN, _ENV, _MODEL, _CHANGE, _WHAT, _BY, _WHY, _KNOWN = range(8)
GIVES = (
    Give(_WHY, None, 30), Give(_MODEL, None, 14), Give(_KNOWN, DROP), Give(_WHY, None, 16), NARROW_GAPS,
    Give(_WHEN, 1), Give(_BY, None, 10), Give(_MODEL, DROP), Give(_WHY, None, 10), Give(_ENV, None, 12),
    Give(_CHANGE, None, 14), Give(_WHY, DROP), Give(_BY, DROP), Give(_WHAT, 1), Give(_ENV, None, 6),
    Give(_CHANGE, None, 6),
)  # fmt: skip

WAS_COLUMNS = (
    Column("ENVIRONMENT", brief="ENV"),
    Column("MODEL"),
    Column("LIVE THEN"),
    Column("BASIS"),
    Column("SINCE (UTC)"),
    Column("UNTIL (UTC)"),
)
WAS_GIVES = (
    Give(1, None, 14), NARROW_GAPS, Give(0, None, 12), Give(5, DROP), Give(4, DROP), Give(1, DROP),
    Give(3, DROP), Give(2, None, 8), Give(0, None, 6),
)  # fmt: skip

_KNOWN_BY = {
    Evidence.AUDIT: "audit record", Evidence.GTO: "GTO tag", Evidence.MANIFEST: "commit",
    Evidence.STAGE: "stage", Evidence.SEEN: "seen",
}  # fmt: skip


def row_key(change: Change) -> str:
    """Return the key of a change: the same each time that it is read."""
    parts = (change.environment, change.model, change.aspect, change.before or "", change.after or "")
    return "\n".join((change.action_id or change.commit or f"{change.at:%Y%m%d%H%M%S}", *parts))


def row_text(change: Change) -> str:
    """Return what the filter looks in."""
    parts = (
        change.environment, change.model, from_to(change), what_happened(change),
        change.outcome.value if change.outcome else "", change.by or "unknown", change.reason or "",
        _KNOWN_BY[change.evidence], change.commit or "", change.action_id or "", interval(change),
        change.host or "",
    )  # fmt: skip
    return " ".join(parts)[:4000]


def from_to(change: Change) -> str:
    """Return the versions of a change: ``v6 → v4``."""
    after = version(change.after) if change.after is not None else "none"
    return after if change.before is None else f"{version(change.before)} → {after}"


def row_cells(change: Change, now: datetime) -> Sequence[Cell]:
    """Return the cells of a change."""
    about = "~" if change.not_before is not None else ""
    what = what_happened(change)
    glyph = glyph_of(change)
    done = change.outcome in (None, Outcome.VERIFIED)
    word = what if change.outcome in (None, Outcome.VERIFIED) else f"{what} {change.outcome.value}"
    return [
        (((interval(change), "text"),), ((about + age(change.at, now), "text"),)),
        (((safe(change.environment, 60), "env"),),),
        (((safe(change.model, 60), "model"),),),
        (((from_to(change), "strong" if done else "dim"),),),
        (((f"{glyph[0]} ", glyph[1]), (word, "text")), (glyph,)),
        (((safe(change.by, 60), "text") if change.by else ("unknown", "unknown"),),),
        (((reason_line(change), "dim"),),),
        (((_KNOWN_BY[change.evidence], "dim"),),),
    ]


def glyph_of(change: Change) -> Span:
    """Return what became of an action; for every other change how it is known."""
    if change.outcome is not None:
        return OUTCOMES[change.outcome]
    return ("◌", "dim") if change.evidence is Evidence.SEEN else ("◆", "code")


# -- what was live ------------------------------------------------------------------------------------------


def was_key(was: WasLive) -> str:
    """Return the key of a place."""
    return f"{was.environment}\n{was.model}"


def was_text(was: WasLive) -> str:
    """Return what the filter looks in."""
    return f"{was.environment} {was.model} {''.join(text for text, _ in was_line(was))} {was.basis}"


def was_cells(was: WasLive) -> Sequence[Cell]:
    """Return the cells of what was live at a place."""
    known = was.basis != "unknown"
    glyph: Span = ("●", "good") if was.basis == "observed" else ("○", "dim") if known else ("?", "unknown")
    return [
        (((safe(was.environment, 60), "env"),),),
        (((safe(was.model, 60), "model"),),),
        (was_line(was),),
        (((f"{glyph[0]} ", glyph[1]), (was.basis, "text" if known else "unknown")),),
        ((_bound(was.since),),),
        ((_bound(was.until),),),
    ]


def was_line(was: WasLive) -> Line:
    """Return the version that was live, in words where it is not certain."""
    if was.between is not None:
        names = [version(one) if one is not None else "none" for one in was.between]
        return ((" or ".join(names), "warn"),)
    if was.version is None:
        return (("unknown", "unknown"),) if was.basis == "unknown" else (("none", "dim"),)
    return ((version(was.version), "strong"),)


def _bound(at: datetime | None) -> Span:
    return (f"{at.astimezone(UTC):%Y-%m-%d %H:%M}", "text") if at is not None else ("–", "faint")
