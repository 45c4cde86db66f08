"""Looks at the preconditions of a plan: at the systems themselves, side by side, each within a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from mlops_dash.answers.serving import Serving, all_serving, registry_versions, same_version
from mlops_dash.domain.environments import Health
from mlops_dash.domain.freshness import Freshness
from mlops_dash.domain.plans import ActionKind, Plan, Precondition, Step, Tick
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError
from mlops_dash.project.beside import Beside
from mlops_dash.project.planning import difference
from mlops_dash.project.rights import hindrance

if TYPE_CHECKING:
    from mlops_dash.actions.hands import Look
    from mlops_dash.answers.plan_difference import PlanDifference
    from mlops_dash.project import Project
    from mlops_dash.project.controllers import Finding

WITHIN = 8.0
"""Seconds for which any one of the systems is waited for."""

FIRST_WITHIN = 60.0
"""Seconds for the first reading of the sources in this process, which may have much to read."""

REMOTE_WITHIN = 20.0
"""Seconds for a Git remote, which may be asked more than once."""

AGAIN = "plan again, from what is there now"

_T = TypeVar("_T")


def check(project: Project, plan: Plan) -> Iterator[Precondition]:
    """Do :meth:`ActionQuestions.check`.

    A blocking one is either found to hold or to fail; what could not be looked at and hinders nothing is
    ``UNKNOWN`` and no longer blocking.
    """
    if plan.kind is ActionKind.REBUILD:
        from mlops_dash.project.rebuilding import check_rebuild

        yield from check_rebuild(project, plan)
        return
    conditions = [one for one in plan.preconditions if one.blocking or not plan.reason]
    looks = _Looks(project, plan, conditions)
    for condition in conditions:
        yield looks.at(condition)


class _Aside(Generic[_T]):
    """A question that is asked beside the others."""

    def __init__(self, name: str, ask: Callable[[], _T], within: float = WITHIN) -> None:
        self._beside: Beside[str, _T] = Beside({name: ask}, 1, f"check {name}")
        self._name, self._within = name, within
        self._end = time.monotonic() + within

    def answer(self) -> _T | DashError:
        """Return its answer, or why there is none in time."""
        found = self._beside.results(self._end).get(self._name)
        late = DashError(f"{self._name} took longer than {self._within:g} s", "try again")
        return found if found is not None else late


class _Looks:
    def __init__(self, project: Project, plan: Plan, conditions: Sequence[Precondition]) -> None:
        self._project, self._plan = project, plan
        self._kinds = {step.kind for step in plan.steps}
        self._steps = {step.kind: step for step in plan.steps}
        wanted = {condition.id for condition in conditions}
        first = WITHIN if project.has_read else FIRST_WITHIN
        self._facts = _Aside("reading the sources", lambda: _facts(project, plan), first)
        self._artifacts = _Aside("looking for the artifacts", lambda: _artifacts(project, plan))
        self._remote = self._controllers = self._difference = None
        if "remote" in wanted:
            self._remote = _Aside("asking the remote", lambda: _remote(project, plan), REMOTE_WITHIN)
        if "controller" in wanted:
            self._controllers = _Aside("looking through the repository", lambda: _controllers(project, plan))
        if "signature" in wanted:
            ask = partial(difference, project, plan, WITHIN / 2)
            self._difference = _Aside("reading the signatures", ask)

    def at(self, condition: Precondition) -> Precondition:
        """Return a precondition with what was found."""
        look = {
            "rights": self._rights,
            "journal": self._journal,
            "alone": self._alone,
            "unchanged": self._unchanged,
            "version": self._version,
            "artifacts": self._files,
            "remote": self._there,
            "controller": self._controller,
            "target": self._target,
            "signature": self._signature,
        }.get(condition.id)
        return look(condition) if look is not None else condition

    # -- on this machine ----------------------------------------------------------------------------

    def _rights(self, one: Precondition) -> Precondition:
        return _of_error(one, hindrance(self._project, self._kinds))

    def _journal(self, one: Precondition) -> Precondition:
        from mlops_dash.project.acting import journal_of

        try:
            journal_of(self._project).check_writable()
        except DashError as error:
            return _of_error(one, error)
        return _of_error(one, None)

    def _alone(self, one: Precondition) -> Precondition:
        from mlops_dash.project.acting import journal_of

        journal, plan = journal_of(self._project), self._plan
        who = journal.at_work(plan)
        if who is not None:
            return _fails(one, f"{who} is at work on it", "wait until it is done, then plan again")
        left = [a for a in journal.unfinished(plan.place) if a.plan.id != plan.id]
        if left:
            whose = visible(left[0].plan.actor, 80)
            detail = f"the action {left[0].plan.id} of {whose} was interrupted"
            return _fails(one, detail, "mlops-dash jobs goes on with it; then plan again")
        return _of_error(one, None)

    # -- what the sources and the target say ----------------------------------------------------------

    def _unchanged(self, one: Precondition) -> Precondition:
        now = self._facts.answer()
        if isinstance(now, DashError):
            return _fails(one, now.message, now.remedy)
        alias = self._steps.get("alias")
        if alias is not None:
            found = _alias_now(self._project, alias)
            if found not in (alias.arguments["before"], alias.arguments["after"]):
                told = f"names version {visible(found, 80)}" if found is not None else "is gone"
                return _fails(one, f"the alias {visible(alias.arguments['alias'], 80)} {told} now", AGAIN)
        before = self._plan.before.version if self._plan.before is not None else None
        seen = now.live if now.observed is not None else None
        expected = [version for version in (before, self._plan.after.version) if version is not None]
        if seen is not None and before is not None and not any(same_version(seen, v) for v in expected):
            by = now.observed.by if now.observed is not None and now.observed.by else None
            who = f", started by {visible(by, 80)}" if by else ""
            return _fails(one, f"it serves version {visible(seen, 80)} now{who}", AGAIN)
        if now.observed is not None and not now.observed.answered:
            detail = now.observed.detail or "it does not say what it serves"
            return replace(one, tick=Tick.UNKNOWN, detail=visible(detail, 200), blocking=False)
        return _of_error(one, None)

    def _version(self, one: Precondition) -> Precondition:
        now = self._facts.answer()
        if isinstance(now, DashError):
            return _fails(one, now.message, now.remedy)
        names = (self._plan.model, self._plan.after.version)
        row = registry_versions(self._project.store, [names]).get(names)
        if row is None:
            return _fails(one, "it is gone from the registry", "choose another version")
        status = row["status"] or "READY"
        if status != "READY":
            return _fails(one, f"the registry calls it {visible(status, 40)}", "choose another version")
        return _of_error(one, None)

    def _target(self, one: Precondition) -> Precondition:
        now = self._facts.answer()
        seen = now.observed if isinstance(now, Serving) else None
        if seen is None:
            detail = now.message if isinstance(now, DashError) else "it was not asked"
            return replace(one, tick=Tick.UNKNOWN, detail=detail)
        detail = seen.detail or "it says nothing"
        if not seen.answered or seen.health is Health.DOWN:
            return replace(one, tick=Tick.UNKNOWN, detail=visible(detail, 200))
        took = f" in {seen.latency_ms:.0f} ms" if seen.latency_ms is not None else ""
        return replace(one, tick=Tick.HOLDS, detail=f"{seen.health.value}{took}")

    # -- beside them ----------------------------------------------------------------------------------

    def _files(self, one: Precondition) -> Precondition:
        found = self._artifacts.answer()
        if isinstance(found, DashError):
            return replace(one, tick=Tick.UNKNOWN, detail=found.message, blocking=False)
        gone, words = found
        if gone:
            return _fails(one, words, "choose another version")
        if gone is None:
            return replace(one, tick=Tick.UNKNOWN, detail=words, blocking=False)
        return replace(one, tick=Tick.HOLDS, detail=words)

    def _there(self, one: Precondition) -> Precondition:
        from mlops_dash.actions.hands import Standing

        assert self._remote is not None
        found = self._remote.answer()
        if isinstance(found, DashError):
            return _fails(one, found.message, found.remedy)
        for look in found:
            if look.standing in (Standing.OTHER, Standing.UNKNOWN):
                again = AGAIN if look.standing is Standing.OTHER else "see that the remote can be reached"
                who = f" (by {visible(look.by, 80)})" if look.by else ""
                return _fails(one, f"{look.words}{who}" or "it does not answer", again)
        return replace(one, tick=Tick.HOLDS, detail="; ".join(look.words for look in found))

    def _controller(self, one: Precondition) -> Precondition:
        assert self._controllers is not None
        answer = self._controllers.answer()
        if isinstance(answer, DashError):
            return replace(one, tick=Tick.UNKNOWN, detail=answer.message, blocking=False)
        found = sorted(answer, key=lambda finding: (not finding.undoes, not finding.sure))
        if not found:
            return replace(one, tick=Tick.HOLDS, detail="as far as the repository tells")
        first = found[0]
        if first.undoes:
            blocking = one.blocking and first.sure
            return replace(_fails(one, first.words, first.remedy), blocking=blocking)
        return replace(one, tick=Tick.HOLDS, detail=first.words)

    def _signature(self, one: Precondition) -> Precondition:
        assert self._difference is not None
        found = self._difference.answer()
        if isinstance(found, DashError):
            return replace(one, tick=Tick.UNKNOWN, detail=found.message)
        return _of_difference(one, found)


def _of_difference(one: Precondition, found: PlanDifference) -> Precondition:
    broken = [f"{visible(c.key, 80)}: {c.words}" for c in found.breaking]
    if broken:
        more = f" and {len(broken) - 3} more" if len(broken) > 3 else ""
        return _fails(one, f"{'; '.join(broken[:3])}{more}", "warn those who call it")
    sides = [side for side in (found.before, found.after) if side is not None]
    reason = next((side.artifacts for side in sides if side.artifacts is not None), None)
    if found.before is None or reason is not None:
        told = reason or "what is live is not known, so there is nothing to compare with"
        return replace(one, tick=Tick.UNKNOWN, detail=visible(told, 200))
    return replace(one, tick=Tick.HOLDS, detail=_signature_words(found))


def _signature_words(found: PlanDifference) -> str:
    if not found.signature:
        return "the signature is the same"
    return f"the signature differs in {len(found.signature)} places, none breaks a call"


def _of_error(one: Precondition, error: DashError | None) -> Precondition:
    if error is None:
        return replace(one, tick=Tick.HOLDS)
    return _fails(one, error.message, error.remedy)


def _fails(one: Precondition, detail: str, remedy: str | None = None) -> Precondition:
    return replace(one, tick=Tick.FAILS, detail=detail, remedy=remedy)


# what is asked


def _facts(project: Project, plan: Plan) -> Serving:
    """Read the sources again and ask the targets; return what serves at the plan's place.

    Raises:
        DashError: a source could not be read, or the place is gone.
    """
    answer = project.refresh()
    if any(step.kind == "alias" for step in plan.steps):
        for status in answer.statuses:
            if status.name == "tracking" and status.status in (Freshness.FAILED, Freshness.STALE):
                raise DashError(f"the tracking store could not be read: {status.detail}", status.remedy)
    project.observe()
    place = (plan.environment, plan.model)
    for serving in all_serving(project.store, project.config):
        if (serving.environment, serving.model) == place:
            return serving
    raise DashError(f"{visible(plan.environment, 80)} is gone", AGAIN)


def _alias_now(project: Project, step: Step) -> str | None:
    rows = project.store.records("plan_aliases", name=step.arguments["model"])
    return next((str(row["version"]) for row in rows if row["alias"] == step.arguments["alias"]), None)


def _artifacts(project: Project, plan: Plan) -> tuple[bool | None, str]:
    """Return whether the artifacts are gone (``None``: it cannot be told), and what was found."""
    from mlops_dash.answers.compare import compared
    from mlops_dash.errors import SourceError
    from mlops_dash.sources.mlflow.address import Address, Kind
    from mlops_dash.sources.mlflow.artifacts import Artifacts

    ref = f"models:/{plan.model}/{plan.after.version}"
    place = compared(project.store, project.config, (ref, ref), lambda _: None).models[0]
    if isinstance(place, str):
        return None, place
    tracking = project.located.tracking
    artifacts = Artifacts(tracking, project.located.folder)
    try:
        artifacts.read(place)
    except SourceError as error:
        ours = tracking is not None and Address.of(tracking).kind in (Kind.SQLITE, Kind.FILES)
        serves = any(step.kind == "process" for step in plan.steps)
        gone = error.message.startswith("there is no MLmodel")
        gone = gone or (error.message.startswith("there is no folder") and (ours or serves))
        return (True if gone else None), error.message
    finally:
        artifacts.close()
    return False, ""


def _remote(project: Project, plan: Plan) -> list[Look]:
    from mlops_dash.actions.hands import hand_of
    from mlops_dash.project.acting import context_of

    context = context_of(project)
    return [hand_of(step, context).look() for step in plan.steps if step.kind in ("manifest", "gto")]


def _controllers(project: Project, plan: Plan) -> list[Finding]:
    from mlops_dash.errors import SourceError
    from mlops_dash.project import controllers

    git = project.git
    if isinstance(git, SourceError):
        raise git
    found: list[Finding] = []
    if git is None:
        return found
    for step in plan.steps:
        told = step.arguments
        if step.kind == "manifest":
            found += controllers.of_manifest(
                git.runner, told["base"], told["path"], told["branch"], told["before"]
            )
        elif step.kind == "alias":
            state = project.store.records("git_state")
            head = state[0]["main_commit"] or state[0]["head"] if state else None
            found += controllers.of_alias(git.runner, head) if head else []
    return found
