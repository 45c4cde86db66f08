"""How fresh a fact is: what was read, when, and why not since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Freshness(StrEnum):
    """State of a source's facts.

    ``OK``: the last reading succeeded. ``STALE``: the last reading failed and facts of an earlier one
    are shown. ``FAILED``: it never could be read. ``ABSENT``: there is no such source here, which is no
    error. ``READING``: the first reading is under way.
    """

    OK = "ok"
    STALE = "stale"
    FAILED = "failed"
    ABSENT = "absent"
    READING = "reading"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source's line in the source strip.

    Attributes:
        name: ``tracking``, ``git``, ``data``, ``gto`` or ``targets``.
        kind: the kind of system, for example ``mlflow-sqlite``.
        as_of: when the facts shown were read (UTC), ``None`` if never.
        tried_at: when reading was last tried (UTC).
        counts: what was read, for a person: ``43 runs``, ``14 commits``.
        detail: why it is not ok, in plain words.
        remedy: what to do about it.
    """

    name: str
    kind: str
    status: Freshness
    as_of: datetime | None = None
    tried_at: datetime | None = None
    counts: str = ""
    detail: str | None = None
    remedy: str | None = None


def by_cause(sources: Iterable[SourceStatus]) -> list[tuple[SourceStatus, ...]]:
    """Return the sources of each cause together, in order: what is one repository's fault is told once."""
    causes: dict[object, list[SourceStatus]] = {}
    for source in sources:
        cause = (source.status, source.detail) if source.detail else source.name
        causes.setdefault(cause, []).append(source)
    return [tuple(alike) for alike in causes.values()]


def names_of(sources: Iterable[SourceStatus]) -> str:
    """Return the names of sources in a sentence: ``git``, ``git and data``, ``git, data and gto``."""
    *first, last = (source.name for source in sources)
    return f"{', '.join(first)} and {last}" if first else last


def newest(told: Iterable[SourceStatus], known: Iterable[SourceStatus]) -> tuple[SourceStatus, ...]:
    """Return the sources that are told of, each as it was seen last: answers may be older than readings."""
    seen = {(source.name, source.kind): source for source in known}

    def last(source: SourceStatus) -> SourceStatus:
        other = seen.get((source.name, source.kind), source)
        later = other.tried_at and source.tried_at and other.tried_at > source.tried_at
        return other if later else source

    return tuple(last(source) for source in told)
