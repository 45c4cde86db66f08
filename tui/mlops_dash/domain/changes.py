"""Changes of what is live: each with its evidence, and as exact as that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mlops_dash.domain.plans import Outcome


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
class Change:
    """One change of an environment's version.

    Attributes:
        before, after: versions; ``None`` where unknown, or where nothing was or is there.
        at: when it happened (UTC); for what was only seen, when the new version was first seen.
        not_before: when the old version was last seen; ``None`` where ``at`` is exact, or nothing was seen
            before.
        by: who; ``None``: nobody knows.
        outcome: of an action.
        action_id: of an action of ours; ``audit_run``: its run in the tracking store.
        kind: of an action: rollback or promote.
        commit: that made the change, for a manifest or a tag.
        healthy: the version was seen healthy while it served; ``None``: nobody looked.
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


@dataclass(frozen=True, slots=True)
class WasLive:
    """What was live in an environment at a moment.

    Attributes:
        version: ``None`` where the evidence does not say.
        basis: ``observed``, ``declared`` or ``unknown``.
        since: when it became live, as far as known; ``until``: when it ceased to be.
        evidence_from: where evidence begins: nothing is known before.
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
    between: tuple[str, str] | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that an environment could go back to.

    Attributes:
        was_live: it was live here; first_at, last_at: from when until when, as far as known.
        seconds_live: how long in all; ``None`` where unknown.
        healthy: it was seen healthy while it served here; ``None`` where nobody looked.
        bad: why it is known to be bad: it was rolled back from, or could not be brought to serve.
        current: it is live now.
        proposed: the one that a rollback goes to unless told otherwise.
        metrics: (name, value, whether it is the primary one) of its run.
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
