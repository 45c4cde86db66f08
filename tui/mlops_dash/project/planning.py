"""Plans of a project: what the planners need, gathered from what was read and asked so far."""

from __future__ import annotations

import getpass
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_dash.actions.planning import AliasFacts, Facts, ProcessFacts, make_plan
from mlops_dash.answers.facts import COMMIT_TAG
from mlops_dash.answers.serving import Serving, all_serving
from mlops_dash.config import ProcessTarget, VerifyConfig
from mlops_dash.domain.environments import Basis
from mlops_dash.domain.plans import ActionKind, Outcome, Plan, Verification, Version
from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError, UsageError
from mlops_dash.project import history
from mlops_dash.project.declaring import gto_facts, manifest_facts
from mlops_dash.project.rights import hindrance
from mlops_dash.project.wanted import EXACTLY, Wanted, find_action, find_place, known_version, wanted_version
from mlops_dash.targets.process import is_running, read_record, servers_folder

if TYPE_CHECKING:
    from mlops_dash.answers.places import DeclaredPlace
    from mlops_dash.answers.plan_difference import PlanDifference
    from mlops_dash.domain.changes import Candidate
    from mlops_dash.project import Project


@dataclass(frozen=True, slots=True)
class _Place:
    """A place with what serves everywhere, so that nothing is asked of the store twice."""

    serving: Serving
    all: Sequence[Serving]

    @property
    def names(self) -> tuple[str, str]:
        return self.serving.environment, self.serving.model


def plan(
    project: Project,
    kind: ActionKind,
    environment: str,
    *,
    model: str | None = None,
    to: str | None = None,
    undoes: str | None = None,
) -> Plan:
    """Do :meth:`ActionQuestions.plan`."""
    place = _place(project, environment, model)
    known = history.candidates(project, *place.names, servings=place.all)
    wanted = _wanted(project, place, kind, to, known)
    bad = next((c.bad for c in known if c.version == wanted.version.version and c.bad), None)
    return make_plan(_facts(project, place, kind, wanted, bad, undoes))


def candidates(project: Project, environment: str, model: str | None) -> tuple[Candidate, ...]:
    """Do :meth:`ActionQuestions.candidates`."""
    servings = all_serving(project.store, project.config)
    place = find_place(servings, environment, model)
    return history.candidates(project, place.environment, place.model, servings)


def disabled(project: Project, kind: ActionKind, environment: str, model: str | None) -> str | None:
    """Do :meth:`ActionQuestions.disabled`."""
    declared = [Serving(entry, None, None, Basis.UNKNOWN, drift=False) for entry in project.places()]
    try:
        entry = find_place(declared, environment, model).entry
    except UsageError as error:
        return error.message
    kinds = _kinds(entry)
    if not kinds and entry.declared is not None:
        return (
            f"it is declared by the legacy stage {visible(entry.declared.alias, 80)}, which is not moved here"
        )
    found = hindrance(project, kinds)
    return found.message if found is not None else None


def _kinds(entry: DeclaredPlace) -> set[str]:
    """Return the kinds of steps that change a place's version; a legacy stage has none."""
    target = entry.settings.target if entry.settings is not None else None
    via = entry.declared.via if entry.declared is not None else None
    kinds = {"process"} if isinstance(target, ProcessTarget) else set()
    if entry.target == "gitops":
        kinds.add("manifest")
    elif entry.target == "gto" or via == "gto":
        kinds.add("gto")
    elif via in (None, "alias"):
        kinds.add("alias")
    return kinds


def undo_plan(project: Project, action_id: str) -> Plan:
    """Do :meth:`ActionQuestions.undo_plan`."""
    actions = project.actions()
    done = find_action(action_id, actions)
    old = done.plan
    what = f"{old.kind.value} of {visible(old.environment, 80)}"
    if done.outcome is None:
        state = "is under way" if done.running else "was interrupted"
        raise RefusedError(f"the {what} {state}", f"mlops-dash jobs {old.id} tells how far it is")
    if done.outcome is not Outcome.VERIFIED:
        raise RefusedError(f"there is nothing to undo: the {what} ended as {done.outcome.value}")
    if old.before is None:
        raise RefusedError(
            f"which version was live before the {what} is not known", "roll back to a version of your choice"
        )
    after = next((a for a in actions if a.plan.undoes == old.id and a.outcome is Outcome.VERIFIED), None)
    if after is not None:
        who = visible(after.plan.actor, 80)
        raise RefusedError(f"the {what} was taken back already, by {who} ({after.plan.id})")
    kind = ActionKind.PROMOTE if old.kind is ActionKind.ROLLBACK else ActionKind.ROLLBACK
    made = plan(
        project, kind, old.environment, model=old.model, to=EXACTLY + old.before.version, undoes=old.id
    )
    if made.before is not None and made.steps and made.before.version != old.after.version:
        raise RefusedError(
            f"{visible(old.environment, 80)} was changed since:"
            f" version {visible(made.before.version, 80)} is there, not {visible(old.after.version, 80)}",
            "plan a rollback to the version of your choice",
        )
    return made


def difference(project: Project, plan: Plan, within: float | None) -> PlanDifference:
    """Do :meth:`ActionQuestions.difference`."""
    from mlops_dash.answers.live import metric_rules
    from mlops_dash.answers.plan_difference import PlanDifference, PlanSide, plan_difference

    rules = metric_rules(project.config)
    after = f"models:/{plan.model}/{plan.after.version}"
    before = f"models:/{plan.model}/{plan.before.version}" if plan.before is not None else None
    problem: str | None = None
    for first in dict.fromkeys((before or after, after)):
        try:
            answer = project.compare(first, after, within=within)
        except UsageError as error:  # what serves, or is wanted, may be a version that nobody knows more of
            problem = problem or error.message
            continue
        told = plan.before.version if plan.before is not None and first == before else None
        found = plan_difference(answer, told, plan.after.version, rules)
        return found if problem is None else _with_unknown(found, problem)
    return PlanDifference(None, PlanSide(plan.after.version), unknown=(problem,) if problem else ())


def _with_unknown(found: PlanDifference, reason: str) -> PlanDifference:
    from msgspec import structs

    return structs.replace(found, unknown=(reason, *found.unknown))


def _place(project: Project, environment: str, model: str | None) -> _Place:
    servings = all_serving(project.store, project.config)
    return _Place(find_place(servings, environment, model), servings)


def _wanted(
    project: Project, place: _Place, kind: ActionKind, to: str | None, known: Sequence[Candidate]
) -> Wanted:
    name, model = (visible(text, 80) for text in place.names)
    if to is not None and to.strip():
        return wanted_version(project.store, place.all, place.serving, to)
    if kind is ActionKind.PROMOTE:
        raise UsageError(
            f"what {name} is promoted to is not said",
            "name a version or an environment: --to V",
        )
    proposed = next((c for c in known if c.proposed), None)
    if proposed is None:
        bad = ", ".join(f"version {visible(c.version, 40)} was {visible(c.bad, 100)}" for c in known if c.bad)
        raise RefusedError(
            f"no other version of {model} is known to have been live and healthy in {name}"
            f"{f': {bad}' if bad else ''}",
            "choose one: --to V; mlops-dash history tells what is known",
        )
    return wanted_version(project.store, place.all, place.serving, EXACTLY + proposed.version)


def _facts(
    project: Project, place: _Place, kind: ActionKind, wanted: Wanted, bad: str | None, undoes: str | None
) -> Facts:
    entry, serving = place.serving.entry, place.serving
    declared = entry.declared
    via = declared.via if declared is not None else None
    target = entry.settings.target if entry.settings is not None else None
    kinds = _kinds(entry)
    alias = None
    if kinds & {"alias", "manifest"}:
        aliases = project.store.records("plan_aliases", name=serving.model)
        alias = _alias(aliases, entry.place.declared_alias, make="alias" in kinds)
    live = serving.live or (declared.version if declared is not None else None)
    if serving.live is None and live == wanted.version.version and entry.asks:
        live = None  # it is declared, and does not serve
    before, after = _with_commits(
        project, _version(project, place, live) if live is not None else None, wanted.version
    )
    return Facts(
        kind=kind,
        environment=serving.environment,
        model=serving.model,
        target=entry.target,
        protected=entry.place.protected,
        via=via,
        declared=declared.version if declared is not None else None,
        before=before,
        basis=serving.basis,
        after=after,
        asks=entry.asks,
        actor=actor(),
        host=visible(socket.gethostname(), 80),
        made_at=datetime.now(UTC),
        token=secrets.token_hex(4),
        status=wanted.status,
        alias=alias,
        process=_process(project, target, serving) if isinstance(target, ProcessTarget) else None,
        manifest=manifest_facts(project.store, entry),
        gto=gto_facts(project, entry, wanted.version.version) if "gto" in kinds else None,
        stage=declared.alias if declared is not None and via == "stage" else None,
        source=wanted.source,
        source_observed=wanted.source_observed,
        bad=bad,
        undoes=undoes,
        verification=_verification(entry),
    )


def _verification(entry: DeclaredPlace) -> Verification:
    by = entry.settings.verify if entry.settings is not None else VerifyConfig()
    return Verification(by.answers, by.seconds, by.within, asks=entry.asks)


def _alias(aliases: Sequence[dict[str, str]], name: str, *, make: bool) -> AliasFacts | None:
    """Find the alias as the registry writes it; where there is none, ``make`` says that it is set anew."""
    exact = [row for row in aliases if row["alias"] == name]
    alike = [row for row in aliases if row["alias"].lower() == name.lower()]
    for row in (*exact, *alike):
        return AliasFacts(row["alias"], str(row["version"]))
    return AliasFacts(name, None) if make else None


def _process(project: Project, target: ProcessTarget, serving: Serving) -> ProcessFacts:
    """Return what the server of a place serves: what it says, else, where one runs that does not answer (it
    loads, or it hangs), what is written down of it."""
    seen = serving.observed
    if seen is not None and seen.answered and serving.live is not None:
        serves = Version(serving.model, serving.live, seen.run_id or serving.run_id, seen.model_id)
        return ProcessFacts(target.host, target.port, serves)
    record = read_record(servers_folder(project.located.servers), serving.environment, serving.model)
    if record is None or not is_running(record):
        return ProcessFacts(target.host, target.port, None)
    silent = Version(serving.model, record.version, record.run_id, record.model_id)
    return ProcessFacts(target.host, target.port, silent)


def _version(project: Project, place: _Place, version: str) -> Version:
    try:
        return known_version(project.store, place.all, place.serving, version)
    except UsageError:  # what serves may be a version that nobody knows
        return Version(place.serving.model, version, place.serving.run_id)


def _with_commits(project: Project, before: Version | None, after: Version) -> tuple[Version | None, Version]:
    """Add the commits that the versions were trained from, where their runs tell."""
    runs = sorted({v.run_id for v in (before, after) if v is not None and v.run_id is not None})
    rows = project.store.records("run_tags", run_ids=runs, keys=[COMMIT_TAG]) if runs else []
    commits = {row["run_id"]: row["value"] or None for row in rows}

    def told(version: Version) -> Version:
        return replace(version, commit=version.commit or commits.get(version.run_id or ""))

    return (told(before) if before is not None else None), told(after)


def actor() -> str:
    """Return who plans: the name that this user has on this machine."""
    try:
        return visible(getpass.getuser(), 80)
    except (KeyError, OSError, ImportError):
        return "?"
