"""Changes of what is live: each with its evidence, and as exact as that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mlops_dash.domain.plans import Outcome
from mlops_dash.domain.rebuilds import Verdict

PAUSE = timedelta(minutes=15)
"""A version that nobody looked at for longer is seen anew: nobody knows what was there meanwhile."""


class Evidence(StrEnum):
    """Where a change is known from: our own audit record, a GTO tag, a manifest's Git history, a registry
    stage's time of transition, or that two refreshes saw different versions."""

    AUDIT = "audit"
    GTO = "gto"
    MANIFEST = "manifest"
    STAGE = "stage"
    SEEN = "seen"


class Aspect(StrEnum):
    """What changed: the version that is declared, or the one that the target serves."""

    DECLARED = "declared"
    SERVED = "served"


@dataclass(frozen=True, slots=True)
class Proof:
    """Another evidence of a change: ``at`` as for :class:`Change`, ``not_before`` likewise."""

    evidence: Evidence
    aspect: Aspect
    at: datetime
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One version at one place, from the first look that saw it to the last, with no long pause between.

    Attributes:
        version: ``None``: it was seen that nothing is declared.
        first: when it was first seen (UTC), or since when its server says that it serves.
        last: begin of the last look that saw it.
        before, not_before: the version that was seen before, and when it was seen last; ``None`` where
            nothing was seen before. The same version: nobody looked for a while.
        healthy: it was seen healthy; ``None`` where nobody could ask.
        by: who started its server, where that says so.
        via: what declares it, for a declared version.
    """

    environment: str
    model: str
    aspect: Aspect
    version: str | None
    first: datetime
    last: datetime
    before: str | None = None
    not_before: datetime | None = None
    healthy: bool | None = None
    by: str | None = None
    via: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an environment's version, or an action that was to change it.

    Attributes:
        before, after: versions; ``None`` where unknown, or where nothing was or is there.
        at: when it happened (UTC), for an action when it ended; for what was only seen, when the new version
            was first seen.
        not_before: when the old version was last seen; ``None`` where ``at`` is exact, or nothing was seen
            before.
        by: who; ``None``: nobody knows.
        outcome: of an action; unless it is verified, what is live is not what the action was to bring.
        action_id: of an action of ours; ``audit_run``: its run in the tracking store.
        undoes: id of the action that it took back; ``host``: the machine it was done on.
        begun_at: when an action began.
        kind: of an action: rollback or promote.
        unserved: of an action that failed: it was the version that could not be brought to serve.
        commit: that made the change, for a manifest or a tag.
        healthy: the version was seen healthy while it served; ``None``: nobody looked.
        also: other evidence of the same change.
    """

    environment: str
    model: str
    aspect: Aspect
    before: str | None
    after: str | None
    at: datetime
    evidence: Evidence
    not_before: datetime | None = None
    by: str | None = None
    reason: str | None = None
    outcome: Outcome | None = None
    kind: str | None = None
    action_id: str | None = None
    audit_run: str | None = None
    commit: str | None = None
    healthy: bool | None = None
    undoes: str | None = None
    host: str | None = None
    begun_at: datetime | None = None
    unserved: bool = False
    also: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class WasLive:
    """What was live in an environment at a moment.

    Attributes:
        version: ``None`` where the evidence does not say.
        basis: ``observed``, ``declared`` or ``unknown``.
        since: when it became live, as far as known; ``until``: when it ceased to be.
        evidence_from, evidence_until: where evidence begins and ends: nothing is known before and after.
        between: the moment lies between the last sight of one version and the first of the next: either may
            have been live then; ``version`` is ``None`` and this names both.
    """

    environment: str
    model: str
    at: datetime
    version: str | None
    basis: str
    since: datetime | None = None
    until: datetime | None = None
    evidence: Evidence | None = None
    evidence_from: datetime | None = None
    evidence_until: datetime | None = None
    between: tuple[str | None, str | None] | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that an environment could go back to.

    Attributes:
        was_live: it was live here; first_at, last_at: from when until when, as far as known.
        seconds_live: how long in all, as far as there is evidence; ``None`` where it was not live.
        healthy: it was seen healthy while it served here; ``None`` where nobody looked.
        bad: why it is known to be bad: it was rolled back from, or could not be brought to serve.
        current: it is live now.
        proposed: the one that a rollback goes to unless told otherwise.
        data: digests of what it was trained on.
        metrics: (name, value) of its run, the primary one first.
        live_in: environments in which it is live now.
        rebuilt: verdict of a rebuild of it, as its tag says; ``None`` where it says none.
    """

    model: str
    version: str
    run_id: str | None
    was_live: bool
    first_at: datetime | None = None
    last_at: datetime | None = None
    seconds_live: float | None = None
    healthy: bool | None = None
    bad: str | None = None
    current: bool = False
    proposed: bool = False
    created_at: datetime | None = None
    commit: str | None = None
    data: tuple[str, ...] = ()
    metrics: tuple[tuple[str, float], ...] = ()
    live_in: tuple[str, ...] = ()
    rebuilt: Verdict | None = None
