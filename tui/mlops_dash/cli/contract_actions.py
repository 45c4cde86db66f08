"""The JSON of plans and actions, as product and tests promise it. Pure: frozen answers, plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_dash.answers.compare_shapes import CodeBetween
from mlops_dash.answers.plan_difference import PlanDifference, PlanSide
from mlops_dash.domain.plans import Action, Event, EventKind, Plan, Precondition, Step, Version
from mlops_dash.errors import DashError

JsonObject = dict[str, Any]

_JOB_COLUMNS = (
    "id", "kind", "environment", "model", "from", "to", "outcome", "running", "actor", "host", "reason",
    "begun_at", "ended_at", "words", "undoes", "audit_run",
)  # fmt: skip

PLANNED, ALREADY_THERE, REFUSED = "planned", "already-there", "refused"


def answer_object(
    plan: Plan | None,
    difference: PlanDifference | None = None,
    conditions: Sequence[Precondition] | None = None,
    action: Action | None = None,
    *,
    outcome: str,
    error: DashError | None = None,
) -> JsonObject:
    """Return ``rollback`` and ``promote --json``.

    ``outcome`` is ``verified``, ``failed``, ``refused`` or ``unknown`` of what was carried out, ``planned``
    after ``--dry-run``, ``already-there`` where nothing was to be done. ``message`` says why it was refused,
    or what became of it, ``remedy`` what to do. ``plan`` is ``null`` where none could be made, ``action``
    where nothing was begun.
    """
    words = outcome_words(action) if action is not None else None
    return {
        "outcome": outcome,
        "message": error.message if error is not None else words,
        "remedy": error.remedy if error is not None else None,
        "plan": plan_object(plan, difference, conditions) if plan is not None else None,
        "action": action_object(action, events=True) if action is not None else None,
    }


def plan_object(
    plan: Plan,
    difference: PlanDifference | None = None,
    conditions: Sequence[Precondition] | None = None,
) -> JsonObject:
    """Return a plan.

    ``from`` and ``to`` are versions, ``from`` is ``null`` where unknown; ``status`` of a precondition is
    ``open``, ``holds``, ``fails`` or ``unknown``: one that is ``blocking`` and ``fails`` refuses the plan.
    """
    return {
        "id": plan.id,
        "kind": plan.kind,
        "environment": plan.environment,
        "model": plan.model,
        "from": _version(plan.before) if plan.before is not None else None,
        "to": _version(plan.after),
        "difference": difference_object(difference) if difference is not None else None,
        "steps": [_step(step) for step in plan.steps],
        "preconditions": [
            _condition(one) for one in (plan.preconditions if conditions is None else conditions)
        ],
        "verification": {
            "answers": plan.verification.answers,
            "seconds": plan.verification.seconds,
            "within": plan.verification.within,
            "asks": plan.verification.asks,
        },
        "protected": plan.protected,
        "actor": plan.actor,
        "host": plan.host,
        "made_at": plan.made_at,
        "reason": plan.reason or None,
        "undoes": plan.undoes,
    }


def difference_object(found: PlanDifference) -> JsonObject:
    """Return the model-aware difference: ``side`` says whether a metric is ``better``, ``worse`` or the
    ``same`` afterwards, ``breaks`` whether a change of the signature breaks callers; ``unknown`` says what
    could not be learned, and why."""
    return {
        "from": _side(found.before) if found.before is not None else None,
        "to": _side(found.after),
        "metrics": [
            {
                "key": m.key,
                "from": m.before,
                "to": m.after,
                "delta": m.delta,
                "relative": m.relative,
                "better": m.better,
                "side": m.side,
                "primary": m.primary,
            }
            for m in found.metrics
        ],
        "params": [{"key": p.key, "from": p.before, "to": p.after} for p in found.params],
        "data": [
            {"name": d.name, "kind": d.kind, "context": d.context, "from": d.before, "to": d.after}
            for d in found.data
        ],
        "code": _code(found.code) if found.code is not None else None,
        "packages": [{"name": p.key, "from": p.before, "to": p.after} for p in found.packages],
        "signature": [
            {"key": s.key, "from": s.before, "to": s.after, "breaks": s.breaks, "words": s.words}
            for s in found.signature
        ],
        "unknown": list(found.unknown),
    }


def rebuild_object(
    plan: Plan | None,
    conditions: Sequence[Precondition] | None = None,
    action: Action | None = None,
    *,
    outcome: str,
    error: DashError | None = None,
) -> JsonObject:
    """Return ``rebuild --json``.

    ``verdict`` is ``identical``, ``equivalent``, ``diverged`` or ``failed``, ``null`` before there is one;
    ``differences`` are those of what came out, ``causes`` those of what went in, the likeliest first. The
    rest is as for a rollback; ``outcome`` may also be ``started``.
    """
    found = verdict_of(action) if action is not None else None
    ended = action is not None and action.outcome is not None
    runs = found["runs"] if found is not None else []
    return {
        "verdict": found["verdict"] if found is not None else ("failed" if ended else None),
        "run_id": runs[-1] if runs else None,
        "original_run_id": plan.after.run_id if plan is not None else None,
        "differences": list(found["outcomes"]) if found is not None else [],
        "causes": list(found["inputs"]) if found is not None else [],
        "compared": list(found["compared"]) if found is not None else [],
        **answer_object(plan, None, conditions, action, outcome=outcome, error=error),
    }


def verdict_of(action: Action) -> JsonObject | None:
    """Return the verdict that a rebuild ended with, with its evidence; ``None`` where there is none."""
    last = next((event for event in reversed(action.events) if event.kind is EventKind.OUTCOME), None)
    proof = last.evidence.get("proof") if last is not None and action.outcome is not None else None
    return dict(proof) if isinstance(proof, dict) and "verdict" in proof else None


def jobs_object(actions: Sequence[Action]) -> JsonObject:
    """Return ``jobs --json``: every action of this project on this machine, newest first."""
    return {"jobs": [action_object(action) for action in actions]}


def action_object(action: Action, *, events: bool = False) -> JsonObject:
    """Return an action; ``jobs ID --json`` has its ``events``, too.

    ``outcome`` is ``null`` while it is under way (``running``) or unfinished; ``state`` of a step is
    ``open``, ``sent``, ``accepted``, ``undoing`` or ``undone``; ``audit_run`` is its run in the tracking
    store.
    """
    plan = action.plan
    document: JsonObject = {
        "id": plan.id,
        "kind": plan.kind,
        "environment": plan.environment,
        "model": plan.model,
        "from": plan.before.version if plan.before is not None else None,
        "to": plan.after.version,
        "outcome": action.outcome,
        "running": action.running,
        "actor": plan.actor,
        "host": plan.host,
        "reason": plan.reason or None,
        "begun_at": action.events[0].at if action.events else None,
        "ended_at": ended_at(action),
        "words": outcome_words(action),
        "verdict": verdict["verdict"] if (verdict := verdict_of(action)) is not None else None,
        "undoes": plan.undoes,
        "audit_run": action.audit_run,
        "log": action.log,
        "steps": [_step(step) | {"state": state_of(action, step)} for step in plan.steps],
    }
    if events:
        document["events"] = [_event(event) for event in action.events]
    return document


def job_rows(document: JsonObject) -> tuple[list[str], list[list[Any]]]:
    """Return ``jobs --csv``, a row for each action, and ``jobs ID --csv``, a row for each event."""
    if "jobs" in document:
        return list(_JOB_COLUMNS), [[job[name] for name in _JOB_COLUMNS] for job in document["jobs"]]
    columns = ["at", "kind", "step", "words"]
    return columns, [[event[name] for name in columns] for event in document["events"]]


def state_of(action: Action, step: Step) -> str:
    """Return how far a step is, as the journal tells."""
    states = {
        EventKind.SENT: "sent",
        EventKind.ACCEPTED: "accepted",
        EventKind.UNDOING: "undoing",
        EventKind.UNDONE: "undone",
    }
    found = [states[event.kind] for event in action.events if event.step == step.id and event.kind in states]
    return found[-1] if found else "open"


def ended_at(action: Action) -> Any:
    """Return when the last word on an action was said; ``None`` while there is none."""
    return next((event.at for event in reversed(action.events) if event.kind is EventKind.OUTCOME), None)


def outcome_words(action: Action) -> str | None:
    """Return the last word on an action; ``None`` while there is none."""
    last = next((event for event in reversed(action.events) if event.kind is EventKind.OUTCOME), None)
    return last.words or None if last is not None and action.outcome is not None else None


def _version(version: Version) -> JsonObject:
    return {
        "version": version.version,
        "run_id": version.run_id,
        "model_id": version.model_id,
        "commit": version.commit,
    }


def _step(step: Step) -> JsonObject:
    return {
        "id": step.id,
        "kind": step.kind,
        "title": step.title,
        "effect": step.effect,
        "undo": step.undo,
        "caution": step.caution,
    }


def _condition(one: Precondition) -> JsonObject:
    return {
        "id": one.id,
        "title": one.title,
        "status": one.tick,
        "detail": one.detail or None,
        "remedy": one.remedy,
        "blocking": one.blocking,
    }


def _side(side: PlanSide) -> JsonObject:
    return {
        "version": side.version,
        "run_id": side.run.run_id if side.run is not None else None,
        "commit": side.code.commit if side.code is not None else None,
    }


def _code(code: CodeBetween) -> JsonObject:
    return {
        "from": code.base,
        "to": code.head,
        "status": code.status,
        "ahead": code.ahead_count,
        "behind": code.behind_count,
        "commits": [
            {"commit": c.commit, "subject": c.subject, "author": c.author, "side": side}
            for side, commits in (("ahead", code.ahead), ("behind", code.behind))
            for c in commits
        ],
        "files": [{"path": f.path, "added": f.added, "removed": f.removed} for f in code.files],
        "reason": code.reason,
    }


def _event(event: Event) -> JsonObject:
    return {
        "at": event.at,
        "kind": event.kind,
        "step": event.step,
        "words": event.words,
        "evidence": event.evidence if event.kind is not EventKind.INTENT else {},
    }
