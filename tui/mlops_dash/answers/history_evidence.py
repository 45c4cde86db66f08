"""Everything that tells of changes of what is live: actions, tags, manifests, stages, and what was seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from mlops_dash.answers.facts import Asks, moment
from mlops_dash.answers.serving import Serving
from mlops_dash.answers.timeline import Timeline
from mlops_dash.domain.changes import Aspect, Change, Evidence, Proof, Sighting
from mlops_dash.domain.freshness import SourceStatus
from mlops_dash.domain.plans import Action, ActionKind, EventKind, Outcome

Key = tuple[str, str]
"""A place: (environment, model), the environment's name without regard to case."""

SOURCE_OF = {"alias": "tracking", "stage": "tracking", "gto": "gto", "manifest": "manifests"}
"""Which source tells what each kind of declaration says."""
_OVERRULES = {
    "manifest": {Evidence.STAGE, Evidence.GTO},
    "alias": {Evidence.STAGE, Evidence.GTO},
    "stage": {Evidence.GTO},
    "gto": {Evidence.STAGE},
}
"""What decides here leaves out what else is said of the same name."""
_RECORDED = {"gto": Evidence.GTO, "manifest": Evidence.MANIFEST}


@dataclass(slots=True)
class Place:
    """One (environment, model), and what is known of it."""

    environment: str
    model: str
    serving: Serving | None = None
    records: list[Change] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)

    def timeline(self) -> Timeline:
        """Lay its evidence on one line."""
        records = [r for r in self.records if r.evidence not in _OVERRULES.get(self._decided_by, ())]
        kinds = {record.evidence for record in records}
        # what tags and commits declare they record themselves, at the time when it was written
        sights = [s for s in self.sightings if _RECORDED.get(s.via or "") not in kinds]
        return Timeline(self.environment, self.model, records, sights, self.primary)

    @property
    def _decided_by(self) -> str:
        """What kind of declaration decides here, as far as that is known."""
        if self.serving is None:
            return ""
        entry = self.serving.entry
        decided = {"gitops": "manifest", "gto": "gto"}.get(entry.target)
        return decided or (entry.declared.via if entry.declared is not None else "")

    @property
    def primary(self) -> Aspect:
        """The aspect that tells what is live here: what is served, where anybody could ask."""
        asked = self.serving is not None and self.serving.entry.asks
        served = any(record.aspect is Aspect.SERVED for record in self.records)
        served = served or any(sighting.aspect is Aspect.SERVED for sighting in self.sightings)
        return Aspect.SERVED if asked or served else Aspect.DECLARED


def places(
    store: Asks,
    servings: Sequence[Serving],
    sightings: Iterable[Sighting],
    actions: Iterable[Action],
    statuses: Iterable[SourceStatus],
) -> dict[Key, Place]:
    """Return every place that anything is known of, those of the board first.

    Args:
        servings: what is live at each place of the board.
        sightings: what earlier looks saw.
        actions: those of this machine, which may not be in the tracking store yet.
        statuses: freshness of the sources: the present is as old as they are.
    """
    found: dict[Key, Place] = {}
    names: dict[Key, Key] = {}
    for serving in servings:
        key = key_of(serving.environment, serving.model)
        found[key] = Place(serving.environment, serving.model, serving)
        names.setdefault(key_of(serving.entry.place.declared_alias, serving.model), key)
    current = {status.name: status for status in statuses}
    acted = {record.action_id: record for record in _audited(store)}
    for mine in (record for action in actions if (record := _acted(action)) is not None):
        audited = acted.get(mine.action_id)
        if audited is None or (audited.outcome is Outcome.UNKNOWN and mine.outcome is not Outcome.UNKNOWN):
            run = audited.audit_run if audited is not None else mine.audit_run  # it is known better since
            acted[mine.action_id] = replace(mine, audit_run=run)
    labelled = [*_assigned(store), *_staged(store)]
    for record in (*acted.values(), *_committed(store), *labelled):
        key = key_of(record.environment, record.model)
        if key not in found and record.evidence in (Evidence.GTO, Evidence.STAGE):
            key = names.get(key, key)
        found.setdefault(key, Place(record.environment, record.model)).records.append(record)
    for sighting in sightings:
        key = key_of(sighting.environment, sighting.model)
        found.setdefault(key, Place(sighting.environment, sighting.model)).sightings.append(sighting)
    for place in found.values():
        place.sightings += _present(place, current)
    return found


def key_of(environment: str, model: str) -> Key:
    """Return what a place is known by."""
    return environment.casefold(), model


def _present(place: Place, sources: Mapping[str, SourceStatus]) -> Iterator[Sighting]:
    """Yield what the store says now, as what was seen when it was read."""
    serving = place.serving
    if serving is None:
        return
    declared, observed = serving.entry.declared, serving.observed
    if declared is not None:
        source = sources.get(SOURCE_OF.get(declared.via, ""))
        if source is not None and source.as_of is not None:
            yield Sighting(
                place.environment, place.model, Aspect.DECLARED, declared.version, source.as_of, source.as_of,
                via=declared.via,
            )  # fmt: skip
    if observed is not None and observed.answered and serving.live is not None:
        yield Sighting(
            place.environment, place.model, Aspect.SERVED, serving.live, observed.asked_at, observed.asked_at,
            healthy=observed.health == "healthy", by=observed.by,
        )  # fmt: skip


# -- records ------------------------------------------------------------------------------------------------


def _audited(store: Asks) -> Iterator[Change]:
    """Yield the audit records of the tracking store; of several of one action the first."""
    seen: set[str] = set()
    for row in store.records("history_actions"):
        ended = _time(row["ended_at"]) or moment(row["end_time"]) or moment(row["start_time"])
        if not row["environment"] or not row["model"] or ended is None or row["action_id"] in seen:
            continue
        seen |= {row["action_id"]} - {None}
        yield _record(
            row["environment"], row["model"], row["before"] or None, row["after"] or None,
            row["kinds"] or (), _outcome(row["outcome"]), ended,
            begun_at=_time(row["begun_at"]) or moment(row["start_time"]), by=row["actor"] or None,
            reason=row["reason"] or None, kind=row["kind"] or None,
            action_id=row["action_id"] or row["run_id"], audit_run=row["run_id"],
            undoes=row["undoes"] or None, host=row["host"] or None, unserved=bool(row["unserved"]),
        )  # fmt: skip


def _acted(action: Action) -> Change | None:
    """Return an action of this machine that has ended; ``None`` while it is under way."""
    ended = next((event.at for event in reversed(action.events) if event.kind is EventKind.OUTCOME), None)
    plan = action.plan
    if action.outcome is None or ended is None or plan.kind is ActionKind.REBUILD:
        return None
    return _record(
        plan.environment, plan.model, plan.before.version if plan.before else None, plan.after.version,
        [step.kind for step in plan.steps], action.outcome, ended,
        begun_at=action.events[0].at, by=plan.actor, reason=plan.reason or None, kind=plan.kind.value,
        action_id=plan.id, audit_run=action.audit_run, undoes=plan.undoes, host=plan.host,
        unserved=action.unserved,
    )  # fmt: skip


def _record(
    environment: str, model: str, before: str | None, after: str | None, kinds: Sequence[str],
    outcome: Outcome, at: datetime, **facts: Any,
) -> Change:  # fmt: skip
    """An action as a record; ``kinds`` are those of its steps, which tell what it changed."""
    serves = "process" in kinds
    declares = not serves or len(set(kinds)) > 1
    healthy = True if serves and outcome is Outcome.VERIFIED else None
    also = (Proof(Evidence.AUDIT, Aspect.DECLARED, at),) if declares else ()
    aspect = Aspect.SERVED if serves else Aspect.DECLARED
    return Change(
        environment, model, aspect, before, after, at, Evidence.AUDIT,
        outcome=outcome, healthy=healthy, also=also, **facts,
    )  # fmt: skip


def _assigned(store: Asks) -> Iterator[Change]:
    """Yield the assignments of GTO's tags; that of a version which its stage had already changes nothing."""
    current: dict[tuple[str, str], str] = defaultdict(str)
    for row in store.records("history_gto"):
        at = moment(row["assigned_at"])
        before = current[row["model"], row["stage"].casefold()]
        if at is None or before == row["version"]:
            continue
        current[row["model"], row["stage"].casefold()] = row["version"]
        yield Change(
            row["stage"], row["model"], Aspect.DECLARED, before or None, row["version"], at, Evidence.GTO,
            by=row["author"] or None, reason=row["message"] or None, commit=row["commit_hash"],
        )  # fmt: skip


def _committed(store: Asks) -> Iterator[Change]:
    """Yield the commits that changed a manifest."""
    for row in store.records("history_manifests"):
        if (at := moment(row["changed_at"])) is not None:
            yield Change(
                row["environment"], row["model"], Aspect.DECLARED, row["before"], row["after"], at,
                Evidence.MANIFEST, by=row["author"] or None, reason=row["subject"] or None,
                commit=row["commit_hash"],
            )  # fmt: skip


def _staged(store: Asks) -> Iterator[Change]:
    """Yield the transitions to legacy stages that the registry still knows; it keeps nobody who made them."""
    for row in store.records("history_stages"):
        if (at := moment(row["at"])) is not None:
            yield Change(
                row["stage"], row["model"], Aspect.DECLARED, None, row["version"], at, Evidence.STAGE
            )


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _outcome(text: str | None) -> Outcome:
    """Read an outcome; what is none of ours tells nothing of what became of it."""
    try:
        return Outcome((text or "").lower())
    except ValueError:
        return Outcome.UNKNOWN
