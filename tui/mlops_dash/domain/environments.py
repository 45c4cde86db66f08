"""Environments and what their targets answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Health(StrEnum):
    """Health of what serves: ``UNKNOWN`` where it could not be asked."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """Where the live version comes from. ``OBSERVED`` is the target's own answer."""

    OBSERVED = "observed"
    DECLARED = "declared"
    UNKNOWN = "unknown"


class CodeStatus(StrEnum):
    """What is known of a commit. ``UNREACHABLE``: in the repository, but on no branch or tag."""

    OK = "ok"
    DIRTY = "dirty"
    MISSING = "missing"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Declared:
    """The version that the registry, a manifest or a tag says should serve.

    Attributes:
        via: ``alias``, ``stage``, ``gto`` or ``manifest``.
        alias: the alias or stage, as written; the path of a manifest.
        since: when it was declared (UTC) where the source records it: stages, GTO tags and manifests do,
            aliases not.
        by: who declared it, where known.
        commit: the commit that a GTO version names; of a manifest the one that changed it last.
    """

    version: str
    via: str
    alias: str
    since: datetime | None = None
    by: str | None = None
    commit: str | None = None

    @property
    def code(self) -> str | None:
        """The commit that the model was made from, where what declares the version names one."""
        return self.commit if self.via == "gto" else None


@dataclass(frozen=True, slots=True)
class Observation:
    """What one target answered when asked once.

    Attributes:
        target: the target's kind.
        asked_at: when it was asked (UTC).
        answered: whether it said which version it serves.
        version, run_id, model_id: the identity it gave; ``None`` where it gave none.
        latency_ms: time of the health request in milliseconds.
        address: where it serves, without credentials.
        since: since when it serves this version (UTC), where it says so.
        by: who started it, where known.
        detail: why it is unknown, degraded or down, in plain words.
    """

    environment: str
    model: str
    target: str
    asked_at: datetime
    answered: bool
    health: Health
    version: str | None = None
    run_id: str | None = None
    model_id: str | None = None
    latency_ms: float | None = None
    address: str | None = None
    since: datetime | None = None
    by: str | None = None
    detail: str | None = None
