"""A history made by hand: a change of every evidence, and what was live at a moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mlops_dash.answers.history import HistoryAnswer
from mlops_dash.domain.changes import Aspect, Change, Evidence, Proof, WasLive
from mlops_dash.domain.plans import Outcome

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def before(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def change(evidence: Evidence = Evidence.AUDIT, **changes: Any) -> Change:
    made = Change(
        "production", "progression", Aspect.SERVED, "6", "4", before(hours=3), evidence,
        by="ada", reason="Errors doubled at noon\nSee the log of the day.", outcome=Outcome.VERIFIED,
        kind="rollback", action_id="20261123T045958Z-1f2e3d4c", audit_run="5c8a7e2101f34b6c9d", healthy=True,
        host="build-7", begun_at=before(hours=3, seconds=4.2),
        also=(Proof(Evidence.SEEN, Aspect.SERVED, before(hours=3), before(hours=3, minutes=1)),),
    )  # fmt: skip
    return replace(made, **changes)


def plain(evidence: Evidence, **changes: Any) -> Change:
    made = Change("staging", "progression", Aspect.DECLARED, "5", "6", before(days=1), evidence, by="Bo Chen")
    return replace(made, **changes)


CHANGES = (
    change(),
    change(
        kind="promote", before="4", after="6", outcome=Outcome.FAILED, at=before(hours=5), begun_at=None,
        reason="v6 is better in staging", action_id="20261123T025958Z-00000001", also=(), healthy=None,
    ),
    plain(Evidence.SEEN, by=None, not_before=before(days=1, hours=2)),
    plain(Evidence.GTO, before="v1.0.0", after="v1.1.0", at=before(days=2), commit="a1" * 20, reason="week"),
    plain(Evidence.MANIFEST, at=before(days=3), commit="b2" * 20, reason="Serve 6"),
    plain(Evidence.STAGE, at=before(days=4), by=None),
    plain(Evidence.SEEN, environment="canary", before=None, after="5", at=before(days=5), by=None),
)  # fmt: skip


class HandHistory:
    """Part of a board made by hand: answers with a history that the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.told: tuple[Change, ...] | Exception = CHANGES
        self.unseen: str | None = None
        self.moments: list[datetime | None] = []

    def history(
        self, environment: str | None = None, model: str | None = None, *, at: datetime | None = None
    ) -> HistoryAnswer:
        self.moments.append(at)
        if isinstance(self.told, Exception):
            raise self.told
        places = tuple(dict.fromkeys((c.environment, c.model) for c in self.told))
        was = tuple(self._was(*place, at) for place in places) if at is not None else ()
        return HistoryAnswer(NOW, self.told, places, at=at, was=was, unseen=self.unseen)

    def _was(self, environment: str, model: str, at: datetime) -> WasLive:
        made = WasLive(
            environment, model, at, "6", "observed", before(days=9), before(hours=3), Evidence.AUDIT,
            before(days=20), NOW, words="since 2026-11-14 08:00:00Z: promote by ci",
        )  # fmt: skip
        if environment == "staging":
            return replace(made, version=None, basis="unknown", between=("5", "6"), words="either may be")
        if environment == "canary":
            return replace(made, version=None, basis="unknown", words="evidence begins at noon")
        return made
