"""One place's evidence as one line of time: what changed, and what was live at any moment.

Evidence is of two kinds. Records (audit records, tags, commits, stages) say that a version became live at a
moment. Sightings say that a version was there from one moment to another. Both become points on one line;
where two points that follow one another differ, there was a change between them: the record's own, or one
that nobody wrote down. The list of changes and the answer to "what was live then" are read off the same
points, so they agree, and the order in which evidence came in does not matter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from mlops_dash.answers.matching import SKEW, changes_something, concerns, merged, same, with_sights
from mlops_dash.domain.changes import Aspect, Change, Evidence, Sighting
from mlops_dash.domain.plans import Outcome

__all__ = ["SKEW", "Point", "Timeline", "newest_first", "same"]

_STRENGTH = {evidence: rank for rank, evidence in enumerate(Evidence)}


@dataclass(frozen=True, slots=True)
class Point:
    """What one evidence says of one moment.

    Attributes:
        version: that was there; ``None``: none was.
        record: by which it came there at exactly this moment; ``None``: it only was there.
        stint: the sighting that this is an end of.
        unsure: an action ended here of which nobody knows whether it brought ``record.after``.
    """

    at: datetime
    version: str | None
    record: Change | None = None
    stint: Sighting | None = None
    unsure: bool = False

    def may_be(self, version: str | None) -> bool:
        """Tell whether ``version`` may have been there."""
        if self.unsure and self.record is not None and same(version, self.record.after):
            return True
        return same(version, self.version)


class Timeline:
    """All evidence of one (environment, model).

    Args:
        records: those of one source in the order of its own counters, where it has any: clocks differ.
        sightings: in any order.
        primary: the aspect that tells what is live here.
    """

    def __init__(
        self,
        environment: str,
        model: str,
        records: Iterable[Change],
        sightings: Iterable[Sighting],
        primary: Aspect,
    ) -> None:
        self.environment, self.model, self.primary = environment, model, primary
        seen = list(sightings)
        stints = {aspect: _stints(seen, aspect) for aspect in Aspect}
        self.records = with_sights(merged(_in_order(records), primary), stints)
        self.points = {aspect: _points(self.records, stints[aspect], aspect) for aspect in Aspect}

    def changes(self) -> list[Change]:
        """Return all changes, and the actions that were to bring one, newest first."""
        found = [record for record in self.records if record.outcome in (Outcome.FAILED, Outcome.REFUSED)]
        for aspect in (self.primary, *(other for other in Aspect if other is not self.primary)):
            found += reversed(list(self._changes(self.points[aspect], aspect)))
        return newest_first(found)

    def around(self, at: datetime, aspect: Aspect) -> tuple[Sequence[Point], int]:
        """Return an aspect's points, and how many of them are not after ``at``."""
        points = self.points[aspect]
        return points, bisect_right(points, at, key=attrgetter("at"))

    def _changes(self, points: Sequence[Point], aspect: Aspect) -> Iterable[Change]:
        former: Point | None = None
        for point in points:
            if point.record is not None:
                if point.record.aspect is aspect:
                    known = former is not None and not former.unsure and point.record.before is None
                    before = former.version if known and former is not None else point.record.before
                    yield replace(point.record, before=before)
            elif former is None:
                if point.stint is not None:  # else it is what an action found, and that action tells it
                    yield self._seen(None, point, aspect)
            elif not former.may_be(point.version):
                yield self._seen(former, point, aspect)
            former = point

    def _seen(self, former: Point | None, point: Point, aspect: Aspect) -> Change:
        """A change that nobody wrote down, or the first that was ever seen."""
        stint = point.stint if point.stint is not None and same(point.stint.version, point.version) else None
        return Change(
            self.environment,
            self.model,
            aspect,
            former.version if former is not None and not former.unsure else None,
            point.version,
            point.at,
            Evidence.SEEN,
            not_before=former.at if former is not None else None,
            by=stint.by if stint is not None else None,
            healthy=stint.healthy if stint is not None else None,
        )


def newest_first(changes: Iterable[Change]) -> list[Change]:
    """Sort changes; those of one moment keep their order."""
    return sorted(changes, key=lambda change: -change.at.timestamp())


def _in_order(records: Iterable[Change]) -> list[Change]:
    """Sort by strength and time; what one source counts is never earlier than what it counted before."""
    found: list[Change] = []
    latest: dict[Evidence, datetime] = {}
    for record in records:
        if record.evidence in (Evidence.GTO, Evidence.MANIFEST):
            at = latest[record.evidence] = max(record.at, latest.get(record.evidence, record.at))
            record = replace(record, at=at) if at != record.at else record
        found.append(record)
    return sorted(found, key=lambda r: (_STRENGTH[r.evidence], r.at, r.action_id or ""))


def _stints(sightings: Iterable[Sighting], aspect: Aspect) -> list[Sighting]:
    found = {stint for stint in sightings if stint.aspect is aspect and stint.first <= stint.last}
    return sorted(found, key=lambda s: (s.first, s.last, s.version or "", str(s)))


_Ordered = tuple[datetime, int, int, int, Point]


def _points(records: Sequence[Change], stints: Sequence[Sighting], aspect: Aspect) -> list[Point]:
    """Lay all evidence of an aspect on its line."""
    found: list[_Ordered] = []
    ends: dict[datetime, list[Change]] = {}
    for place, record in enumerate(records):
        unsure = record.outcome is Outcome.UNKNOWN
        if not concerns(record, aspect) or not (changes_something(record) or unsure):
            continue
        told = record.aspect is aspect  # what an action found is what was live, not what was declared
        if told and record.before is not None:
            moments = {min(record.begun_at or record.at, record.at), record.at}
            found += [(at, 1, place, 0, Point(at, record.before)) for at in moments]
        if told or not unsure:
            version = record.before if unsure else record.after
            found.append((record.at, 1, place, 1, Point(record.at, version, record, None, unsure)))
            ends.setdefault(record.at, []).append(record)
    for place, stint in enumerate(stints):
        points = [
            Point(stint.first, stint.version, None, stint),
            Point(stint.last, stint.version, None, stint),
        ]
        if stint.not_before is not None:
            points.insert(0, Point(stint.not_before, stint.before, None, stint))
        for number, point in enumerate(points):
            found.append((point.at, _side(point, ends), place, number, point))
    return [item[-1] for item in sorted(found, key=lambda item: item[:4])]


def _side(point: Point, ends: dict[datetime, list[Change]]) -> int:
    """Tell whether a sight at the very moment of a record belongs before it or after it."""
    return 0 if any(not same(record.after, point.version) for record in ends.get(point.at, ())) else 2
