"""The same event known from several evidences: which tag an action made, which record a sighting is of."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter

from mlops_dash.answers.serving import plain_version
from mlops_dash.domain.changes import Aspect, Change, Evidence, Proof, Sighting
from mlops_dash.domain.plans import Outcome

SKEW = timedelta(minutes=5)
"""By how much clocks of two machines may differ for one event to be known as the same."""


def same(one: str | None, other: str | None) -> bool:
    """Tell whether two versions are the same, a leading ``v`` aside; nothing is the same as nothing."""
    if one is None or other is None:
        return one is other
    return plain_version(one) == plain_version(other)


def changes_something(record: Change) -> bool:
    """Tell whether a record says that its version became live: it is no action, or one that was verified."""
    return record.outcome in (None, Outcome.VERIFIED)


def concerns(record: Change, aspect: Aspect) -> bool:
    """Tell whether a record changed this aspect: an action may change both."""
    return record.aspect is aspect or any(
        proof.evidence is Evidence.AUDIT and proof.aspect is aspect for proof in record.also
    )


def merged(records: Sequence[Change], primary: Aspect) -> list[Change]:
    """Let each event that an action made be told by the action alone, however else it is known.

    Args:
        records: the actions first.
        primary: the aspect that tells what is live: an action's own.
    """
    actions = [_of_action(record, primary) for record in records if record.evidence is Evidence.AUDIT]
    others = [record for record in records if record.evidence is not Evidence.AUDIT]
    made: dict[int, list[Change]] = {}
    for record in others:
        near = [
            (gap, place) for place, one in enumerate(actions) if (gap := _made_by(record, one)) is not None
        ]
        if near:
            made.setdefault(min(near)[1], []).append(record)
    told: set[int] = set()
    for place, found in made.items():
        action = actions[place]
        if action.outcome is Outcome.FAILED and not same(found[-1].after, action.before):
            continue  # it was not taken back
        told |= {id(record) for record in found}
        proofs = (Proof(record.evidence, record.aspect, record.at) for record in found)
        actions[place] = replace(action, also=(*action.also, *proofs))
    return [*actions, *(record for record in others if id(record) not in told)]


def _of_action(record: Change, primary: Aspect) -> Change:
    """Put an action's change on the line that tells what is live; what else it changed stays known."""
    also = tuple(proof for proof in record.also if proof.aspect is not primary)
    return replace(record, aspect=primary, also=also)


def _made_by(record: Change, action: Change) -> timedelta | None:
    """Return how far apart a record and the end of the action that made it are; ``None``: it did not."""
    if action.outcome is Outcome.VERIFIED:
        versions: tuple[str | None, ...] = (action.after,)
    elif action.outcome is Outcome.FAILED:
        versions = (action.after, action.before)
    else:
        return None
    if not any(same(record.after, version) for version in versions):
        return None
    within = (action.begun_at or action.at) - SKEW <= record.at <= action.at + SKEW
    return abs(record.at - action.at) if within else None


def with_sights(records: Sequence[Change], stints: Mapping[Aspect, list[Sighting]]) -> list[Change]:
    """Return the records with the sightings of their changes as other evidence.

    The stints of each aspect, in order of time, are put around the records' times: clocks differ.
    """
    found = list(records)
    for aspect, seen in stints.items():
        for record in found:
            if record.outcome is Outcome.FAILED and concerns(record, aspect):
                _forget_undone(record, seen)
        for place, stint in sorted(_pairs(found, seen, aspect), key=lambda pair: found[pair[0]].at):
            sight = seen[stint]
            proof = Proof(Evidence.SEEN, aspect, sight.first, sight.not_before)
            record = found[place]
            healthy = True if record.healthy or sight.healthy else sight.healthy
            found[place] = replace(record, also=(*record.also, proof), healthy=healthy)
            _put_around(record.at, seen, stint)
    return found


def _pairs(
    records: Sequence[Change], stints: Sequence[Sighting], aspect: Aspect
) -> Iterable[tuple[int, int]]:
    """Yield (record, stint) where the stint's begin is the record's change; the nearest in time first."""
    near: list[tuple[timedelta, int, int]] = []
    for place, record in enumerate(records):
        if not concerns(record, aspect) or record.outcome in (Outcome.FAILED, Outcome.REFUSED):
            continue
        earliest = min(record.begun_at or record.at, record.at) - SKEW
        for number in range(bisect_left(stints, earliest, key=attrgetter("first")), len(stints)):
            if (stints[number].not_before or stints[number].first) > record.at + SKEW:
                break
            if (apart := _apart(record, stints[number])) is not None:
                near.append((apart, place, number))
    taken: set[tuple[str, int]] = set()
    for _, place, number in sorted(near):
        if not {("record", place), ("stint", number)} & taken:
            taken |= {("record", place), ("stint", number)}
            yield place, number


def _apart(record: Change, stint: Sighting) -> timedelta | None:
    """Return by how much a record lies outside the interval in which a stint began; ``None``: too much."""
    again = stint.not_before is not None and same(stint.version, stint.before)
    if again or not same(stint.version, record.after):
        return None
    low = stint.not_before or stint.first
    begun = min(record.begun_at or record.at, record.at)
    apart = max(low - record.at, begun - stint.first, timedelta(0))
    return apart if apart <= SKEW else None


def _put_around(at: datetime, stints: list[Sighting], place: int) -> None:
    """Let a stint begin no earlier than ``at``, and the one before end no later."""
    seen = stints[place]
    first = max(seen.first, at)
    not_before = min(seen.not_before, at) if seen.not_before is not None else None
    stints[place] = replace(seen, first=first, last=max(seen.last, first), not_before=not_before)
    if place and not same(stints[place - 1].version, seen.version):
        former = stints[place - 1]
        begun, since = min(former.first, at), former.not_before
        since = min(since, begun) if since is not None else None
        stints[place - 1] = replace(former, first=begun, last=min(former.last, at), not_before=since)
    if place + 1 < len(stints) and (following := stints[place + 1]).not_before is not None:
        since = max(following.not_before or first, first)
        stints[place + 1] = replace(following, first=max(following.first, since), not_before=since)


def _forget_undone(action: Change, stints: list[Sighting]) -> None:
    """Take away what an action brought and took back again: it was never more than under way."""
    begun = (action.begun_at or action.at) - SKEW
    for place in range(len(stints) - 2, -1, -1):
        stint, after = stints[place], stints[place + 1]
        inside = begun <= stint.first and stint.last <= action.at + SKEW
        brought = same(stint.version, action.after) and same(stint.before, action.before)
        if inside and brought and same(after.version, stint.before):
            stints[place + 1] = replace(after, before=stint.before, not_before=stint.not_before)
            del stints[place]
