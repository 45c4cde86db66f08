"""The lines of a file of sightings: one JSON object each; whatever else stands there is passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from mlops_dash.domain.changes import PAUSE, Aspect, Sighting
from mlops_dash.domain.text import storable

if TYPE_CHECKING:
    from mlops_dash.project.sightings import Look

Key = tuple[str, str, str, str]
"""(sources, environment without regard to case, model, aspect)."""

_MOST = 2000  # changes of one place from which on its oldest go
_KEPT = 1000
_LONGEST = 100_000  # bytes of a line
_MILLISECONDS = range(253_402_300_799_000)


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change that was seen. Times are milliseconds since the epoch.

    Attributes:
        of: the sources that declare it; empty for what is served.
        at: when the version was seen first; ``seen``: begin of the look that saw it.
        before, last: the version before it, and when that was seen last.
        same: nothing changed but what is known of its health.
    """

    env: str
    model: str
    what: Aspect
    at: int
    seen: int
    of: str = ""
    version: str | None = None
    before: str | None = None
    last: int | None = None
    healthy: bool | None = None
    by: str | None = None
    via: str | None = None
    same: bool = False


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """When the version that is there was seen last."""

    of: str
    env: str
    model: str
    what: Aspect
    version: str | None
    last: int

    def moment(self) -> datetime | None:
        """Return ``last`` as a time; ``None`` where it is none."""
        return _moment(self.last)


_DECODER = msgspec.json.Decoder(Line)


def key_of(of: str, environment: str, model: str, aspect: Aspect) -> Key:
    """Return what a place's sightings are known by."""
    return of, environment.casefold(), model, aspect.value


def line_of(
    of: str,
    environment: str,
    model: str,
    look: Look,
    first: datetime,
    *,
    before: Sighting | None = None,
    same: bool = False,
) -> Line:
    """Return the line that tells of a look."""
    return Line(
        env=storable(environment), model=storable(model), what=look.aspect, at=_stamp(first),
        seen=max(_stamp(look.began), _stamp(first)) if not same else _stamp(look.began), of=of,
        version=None if look.version is None else storable(look.version),
        before=before.version if before is not None else None,
        last=_stamp(before.last) if before is not None else None,
        healthy=look.healthy, by=None if look.by is None else storable(look.by), via=look.via, same=same,
    )  # fmt: skip


def fold(seen: dict[Key, list[Sighting]], lines: Iterable[bytes], now: datetime) -> None:
    """Add what lines tell to what was seen before, passing over what is none of ours or still to come."""
    latest = now + PAUSE
    for data in lines:
        line = _read(data)
        if line is None:
            continue
        many = seen.setdefault(key_of(line.of, line.env, line.model, line.what), [])
        sighting = _sighting(line)
        if sighting is None or sighting.last > latest or (many and sighting.first < many[-1].first):
            continue
        current = many[-1] if many else None
        if line.same and current is not None and current.version == line.version:
            healthy = bool(current.healthy or line.healthy)
            many[-1] = replace(current, healthy=healthy, last=max(current.last, sighting.last))
            continue
        if current is not None and sighting.not_before is not None and current.version == sighting.before:
            many[-1] = replace(current, last=max(current.last, min(sighting.not_before, sighting.first)))
        many.append(sighting)


def pruned(lines: Sequence[bytes]) -> list[bytes] | None:
    """Return the lines that are kept where some place has very many; ``None`` where none has."""
    keys = [
        key_of(line.of, line.env, line.model, line.what) if (line := _read(data)) else None for data in lines
    ]
    counts = Counter(key for key in keys if key is not None)
    excess = {key: count - _KEPT for key, count in counts.items() if count > _MOST}
    if not excess:
        return None
    kept = []
    for key, data in zip(keys, lines, strict=True):
        if key is None:
            continue
        if excess.get(key, 0) > 0:
            excess[key] -= 1
            continue
        kept.append(data)
    return kept


def _read(data: bytes) -> Line | None:
    try:
        return _DECODER.decode(data) if len(data) <= _LONGEST else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _sighting(line: Line) -> Sighting | None:
    first, seen, before = _moment(line.at), _moment(line.seen), _moment(line.last)
    if first is None or seen is None:
        return None
    if before is not None and before > first:
        before = first
    return Sighting(
        line.env, line.model, line.what, line.version, first, max(first, seen),
        before=line.before if before is not None else None, not_before=before,
        healthy=line.healthy, by=line.by, via=line.via,
    )  # fmt: skip


def _stamp(at: datetime) -> int:
    return int(at.timestamp() * 1000)  # never later than it was: what came just after stays after it


def _moment(milliseconds: int | None) -> datetime | None:
    if milliseconds is None or milliseconds not in _MILLISECONDS:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
