"""The audit record of an action: a run in the team's own tracking store, under the team's own access rules.

It is journalled first and sent when the store can be written. Sending it twice changes nothing: a run with
the action's id is looked for before one is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_dash.actions.journal import Journal
from mlops_dash.actions.plan_json import encoded, plan_to_json
from mlops_dash.actions.registry_writer import Registry
from mlops_dash.domain.plans import Action, ActionKind, Event, EventKind, Outcome, Step
from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import storable, visible
from mlops_dash.errors import DashError

if TYPE_CHECKING:
    from mlflow.tracking.client import MlflowClient

EXPERIMENT = "mlops-dash"
"""Name of the experiment that holds the records."""

PREFIX = "mlops_dash."
"""What the names of its tags begin with."""

LONGEST = 7900
"""Characters of a tag's value: MLflow takes 8,000."""

_PLAIN = re.compile(r"[\w.:@/ -]{1,200}")
_RECENT = 50  # records that are looked at for who changed something


def send_all(journal: Journal, registry: Registry) -> tuple[str, ...]:
    """Send every record that the store does not have yet, oldest first.

    Returns:
        The ids of the actions whose records were sent. Where the store cannot be written, or is of another
        schema, the rest stays in the journal until the next time.
    """
    sent: list[str] = []
    for action in journal.unsent():
        log = journal.take_up(action.plan.id, to_act=False)
        if log is None:
            continue  # another process sends it
        with log:
            current = journal.action(action.plan.id)
            if current is None or current.outcome is None or current.audit_run is not None:
                continue
            try:
                run = send(current, registry)
            except DashError as error:
                journal.note_try()
                words = f"the audit record waits: {error.message}"
                if not any(event.words == scrub(words) for event in log.events):
                    log.append(EventKind.NOTE, None, words, {"remedy": error.remedy})
                return tuple(sent)
            log.append(EventKind.AUDITED, None, "its record stands in the tracking store", {"run": run})
            sent.append(action.plan.id)
    return tuple(sent)


def send(action: Action, registry: Registry) -> str:
    """Write the record of a finished action; return the id of its run.

    Raises:
        DashError: it cannot be written now; says why.
    """
    tags = tags_of(action)
    begun, ended = _times(action)
    status = "FINISHED" if action.outcome is Outcome.VERIFIED else "FAILED"

    def write(client: MlflowClient) -> str:
        experiment = _experiment(client)
        known = client.search_runs(
            [experiment], f"tags.`{PREFIX}action_id` = '{action.plan.id}'", max_results=1
        )
        if known:
            run_id = str(known[0].info.run_id)
            for name, value in tags.items():
                if known[0].data.tags.get(name) != value:
                    client.set_tag(run_id, name, value)
        else:
            made = client.create_run(experiment, start_time=begun, tags=tags, run_name=_name(action))
            run_id = str(made.info.run_id)
        client.set_terminated(run_id, status=status, end_time=ended)
        return run_id

    return registry.write("record this action", write)


def tags_of(action: Action) -> dict[str, str]:
    """Return the tags of an action's run, each within MLflow's bounds and without secrets."""
    plan = action.plan
    begun, ended = _bounds(action)
    told: dict[str, str] = {
        "audit": "1",
        "action_id": plan.id,
        "kind": plan.kind.value,
        "environment": plan.environment,
        "model": plan.model,
        "before": plan.before.version if plan.before is not None else "",
        "after": plan.after.version,
        "outcome": action.outcome.value if action.outcome is not None else "",
        "reason": plan.reason,
        "actor": plan.actor,
        "host": plan.host,
        "begun_at": _iso(begun),
        "ended_at": _iso(ended),
        "undoes": plan.undoes or "",
        "unserved": "1" if action.unserved else "",
        "plan": _json(plan_to_json(plan)),
        "steps": _json(_steps(action)),
        "evidence": _json(_evidence(action.events)),
    }
    tags = {f"{PREFIX}{name}": _cut(scrub(storable(value))) for name, value in told.items() if value}
    return tags | {"mlflow.user": _cut(scrub(storable(plan.actor)))}


def who_changed(registry: Registry, model: str, version: str | None) -> str | None:
    """Return who brought a version somewhere last, by the records in the store; ``None``: nobody knows.

    Raises:
        DashError: the store does not answer.
    """
    if version is None or not _PLAIN.fullmatch(model):
        return None

    def ask(client: MlflowClient) -> str | None:
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return None
        condition = f"tags.`{PREFIX}audit` = '1' and tags.`{PREFIX}model` = '{model}'"
        for run in client.search_runs([experiment.experiment_id], condition, max_results=_RECENT):
            tags: Mapping[str, str] = run.data.tags
            if tags.get(f"{PREFIX}after") == version and tags.get(f"{PREFIX}outcome") == "verified":
                when = tags.get(f"{PREFIX}ended_at", "")
                return visible(f"{tags.get(f'{PREFIX}actor', '?')} ({when})", 160)
        return None

    return registry.read("who changed it", ask)


def _experiment(client: MlflowClient) -> str:
    """Return the id of the records' experiment, made where there is none. Two may make it at once."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        from mlflow.exceptions import MlflowException

        try:
            return str(client.create_experiment(EXPERIMENT))
        except MlflowException:
            found = client.get_experiment_by_name(EXPERIMENT)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _name(action: Action) -> str:
    plan = action.plan
    before = plan.before.version if plan.before is not None else "?"
    if plan.kind is ActionKind.REBUILD:
        run = f"run {(plan.after.run_id or '')[:8]}"
        what = f"{plan.model} {plan.after.version}" if plan.after.version else run
        return _cut(scrub(storable(f"rebuild {what}")), 250)
    return _cut(scrub(storable(f"{plan.kind.value} {plan.environment} {before} → {plan.after.version}")), 250)


def _steps(action: Action) -> list[dict[str, Any]]:
    return [_step(step, [e for e in action.events if e.step == step.id]) for step in action.plan.steps]


def _step(step: Step, events: Sequence[Event]) -> dict[str, Any]:
    told: dict[str, Any] = {"id": step.id, "kind": step.kind, "title": step.title, "state": "open"}
    words = {
        EventKind.SENT: "sent",
        EventKind.ACCEPTED: "accepted",
        EventKind.UNDOING: "undoing",
        EventKind.UNDONE: "undone",
    }
    for event in events:
        state = words.get(event.kind)
        if state is not None:
            told["state"] = state
            told[f"{state}_at"] = _iso(event.at)
        elif "failed" in event.evidence:
            told["failed"] = event.words
    return told


def _evidence(events: Sequence[Event]) -> dict[str, Any]:
    outcome = next((e for e in reversed(events) if e.kind is EventKind.OUTCOME), None)
    seen = [{"at": _iso(e.at), "words": e.words} for e in events if e.kind is EventKind.SEEN]
    checked = [e.words for e in events if e.kind is EventKind.CHECKED]
    told = {"words": outcome.words, **outcome.evidence} if outcome is not None else {}
    return {**told, "seen": seen[-10:], "checked": checked}


def _bounds(action: Action) -> tuple[datetime, datetime]:
    outcomes = [event.at for event in action.events if event.kind is EventKind.OUTCOME]
    return action.events[0].at, outcomes[-1] if outcomes else action.events[-1].at


def _times(action: Action) -> tuple[int, int]:
    begun, ended = _bounds(action)
    return int(begun.timestamp() * 1000), int(ended.timestamp() * 1000)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any) -> str:
    """Return JSON; what is too long for a tag says so, and holds its beginning."""
    text = encoded(value).decode()
    if len(text) <= LONGEST:
        return text
    kept = LONGEST - 200
    while True:
        cut = encoded({"cut": True, "characters": len(text), "beginning": text[:kept]}).decode()
        if len(cut) <= LONGEST:
            return cut
        kept -= len(cut) - LONGEST


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
