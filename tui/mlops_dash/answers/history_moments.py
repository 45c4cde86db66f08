"""What was live at a place at one moment, on what basis, and where evidence ends?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mlops_dash.answers.timeline import Point, Timeline, same
from mlops_dash.domain.changes import PAUSE, Aspect, Evidence, WasLive

_BASIS = {Aspect.SERVED: "observed", Aspect.DECLARED: "declared"}


def was_live(line: Timeline, at: datetime) -> WasLive:
    """Answer what was live at a place at ``at`` (UTC).

    What the target served decides; where nobody had asked it then, what was declared is told, as such.
    """
    found = _on(line, at, line.primary)
    if found.basis != "unknown" or found.between is not None or line.primary is Aspect.DECLARED:
        return found
    declared = _on(line, at, Aspect.DECLARED)
    if declared.basis == "unknown":
        return found if line.points[Aspect.SERVED] else declared
    return replace(declared, words=f"declared {declared.words}; what was served is not known: {found.words}")


def _on(line: Timeline, at: datetime, aspect: Aspect) -> WasLive:
    points, after = line.around(at, aspect)
    unknown = WasLive(line.environment, line.model, at, None, "unknown")
    if not points:
        nothing = "nobody asked what it serves" if aspect is Aspect.SERVED else "nothing is known of it"
        return replace(unknown, words=nothing)
    begin, end = points[0], points[-1]
    unknown = replace(unknown, evidence_from=begin.at, evidence_until=end.at)
    if not after:
        return replace(unknown, words=f"evidence begins at {told(begin.at)}, with {version(begin.version)}")
    former, following = points[after - 1], points[after] if after < len(points) else None
    if following is None and at > end.at:
        last = _unsure(end) if end.unsure else f"{version(end.version)} was there at {told(end.at)}"
        return replace(unknown, words=f"evidence ends: {last}")
    if former.unsure and former.record is not None:
        return replace(unknown, between=(former.version, former.record.after), words=_unsure(former))
    if following is not None and following.record is None and not same(former.version, following.version):
        one, other = (
            f"{version(point.version)} was there at {told(point.at)}" for point in (former, following)
        )
        words = f"{one}, {other}: either may have been live"
        return replace(unknown, between=(former.version, following.version), words=words)
    return _held(unknown, points, after, aspect)


def _held(found: WasLive, points: Sequence[Point], after: int, aspect: Aspect) -> WasLive:
    """The version is known: it was there before and after, or until a change that has an exact time."""
    version_then = points[after - 1].version
    begin = after - 1
    while begin and _holds(points[begin - 1], version_then):
        begin -= 1
    end = after
    while end < len(points) and _holds(points[end], version_then):
        end += 1
    first = points[begin]
    words = _since(points, begin)
    former, following = points[after - 1], points[after] if after < len(points) else None
    if following is not None and not _watched(former, following):
        pause = f"between {told(former.at)} and {told(following.at)}"
        words += f"; nobody looked {pause}, when it was there still"
    if end < len(points):
        exact = points[end].record is not None
        words += f"; until {told(points[end].at)}" if exact else f"; {_left(points, end)}"
    return replace(
        found,
        version=version_then,
        basis=_BASIS[aspect],
        since=first.at if begin or first.record is not None else None,
        until=points[end].at if end < len(points) else None,
        evidence=first.record.evidence if first.record is not None else Evidence.SEEN,
        words=words,
    )


def _watched(former: Point, following: Point) -> bool:
    """Tell whether nothing can have been there and gone between two points that say the same."""
    stint = following.stint
    one_stint = stint is not None and former.stint is stint and former.at >= stint.first
    return one_stint or following.record is not None or following.at - former.at <= PAUSE


def _holds(point: Point, version_then: str | None) -> bool:
    return same(point.version, version_then) and not point.unsure


def _since(points: Sequence[Point], begin: int) -> str:
    first = points[begin]
    record = first.record
    if record is not None:
        by = f" by {record.by}" if record.by else ""
        what = {
            Evidence.AUDIT: record.kind or "action", Evidence.GTO: "tag", Evidence.MANIFEST: "commit",
            Evidence.STAGE: "stage",
        }.get(record.evidence, "record")  # fmt: skip
        return f"since {told(first.at)}: {what}{by}"
    if not begin:
        return f"seen first at {told(first.at)}: evidence begins there"
    return f"since some time between {told(points[begin - 1].at)} and {told(first.at)}, by unknown"


def _left(points: Sequence[Point], end: int) -> str:
    return f"until some time between {told(points[end - 1].at)} and {told(points[end].at)}"


def _unsure(point: Point) -> str:
    after = version(point.record.after) if point.record is not None else "another"
    return (
        f"an action from {version(point.version)} to {after} ended at {told(point.at)}, "
        "and what became of it is not known"
    )


def told(at: datetime) -> str:
    """Return a moment for a sentence, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def version(value: str | None) -> str:
    """Return a version for a sentence."""
    if value is None:
        return "nothing"
    return f"v{value}" if value.isascii() and value.isdigit() else value
