"""The verbs ``rollback`` and ``promote``: plan, confirm, carry out, verify."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_dash.actions.reasons import clean_reason
from mlops_dash.cli import contract_actions as contract
from mlops_dash.cli.command import DONE, FAILED, REFUSED, UNKNOWN
from mlops_dash.cli.confirming import asked_reason, can_ask, check_flags
from mlops_dash.cli.failures import tell
from mlops_dash.cli.following import follow, goes_on
from mlops_dash.cli.opening import opened, refreshed, tell_sources
from mlops_dash.cli.output import json_text, room_of_stdout, stderr, stdout
from mlops_dash.cli.plan_text import already_there, outcome_text, plan_text
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.plans import Action, ActionKind, Outcome, Plan, Precondition, Tick
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.answers.plan_difference import PlanDifference
    from mlops_dash.cli.command import Options
    from mlops_dash.project import Project
    from mlops_dash.project.agent import Agent

_CODES = {
    Outcome.VERIFIED: DONE,
    Outcome.FAILED: FAILED,
    Outcome.REFUSED: REFUSED,
    Outcome.UNKNOWN: UNKNOWN,
}
_OLD = (Freshness.STALE, Freshness.FAILED)
_TRIES, _BETWEEN = 4, 0.5  # readings of sources that fail, and seconds from one to the next


def rollback(options: Options, arguments: argparse.Namespace) -> int:
    """Bring an environment back to a version that was live there, or to another that is named."""
    return _run(ActionKind.ROLLBACK, options, arguments)


def promote(options: Options, arguments: argparse.Namespace) -> int:
    """Bring an environment to a version, or to that of another environment."""
    return _run(ActionKind.PROMOTE, options, arguments)


def resume(project: Project) -> None:
    """Have what an earlier action left undone be finished, and say so."""
    ids = () if project.read_only else project.resume_unfinished()
    if ids:
        told = ", ".join(ids[:3]) + (" …" if len(ids) > 3 else "")
        stderr(f"mlops-dash: goes on with what was left undone: {told}; mlops-dash jobs tells how far it is")


def _run(kind: ActionKind, options: Options, arguments: argparse.Namespace) -> int:
    if arguments.reason is not None:
        arguments.reason = clean_reason(arguments.reason)
    check_flags(arguments)
    with opened(options) as project:
        statuses = read_anew(project)
        project.observe()
        resume(project)
        acting = _Acting(project, arguments, statuses)
        try:
            return acting.act(kind)
        except RefusedError as error:
            acting.answer(contract.REFUSED, error=error)
            raise


def read_anew(project: Project) -> Sequence[SourceStatus]:
    """Read all sources; those that cannot be read, as while somebody writes to one, are tried again."""
    for _ in range(_TRIES):
        statuses = refreshed(project).statuses
        if not any(status.status in _OLD for status in statuses):
            return statuses
        time.sleep(_BETWEEN)
    tell_sources(statuses)
    return statuses


@dataclass(slots=True)
class _Acting:
    """One plan on its way from the command line to its outcome.

    Attributes:
        statuses: how the sources could be read just now.
    """

    project: Project
    arguments: argparse.Namespace
    statuses: Sequence[SourceStatus]
    plan: Plan | None = None
    difference: PlanDifference | None = None
    conditions: list[Precondition] | None = None
    action: Action | None = None

    def act(self, kind: ActionKind) -> int:
        """Plan, confirm and carry out; return the exit code.

        Raises:
            RefusedError: nothing was changed.
        """
        project, arguments = self.project, self.arguments
        plan = project.plan(kind, arguments.env, model=arguments.model, to=arguments.to)
        self.plan = plan
        self._check_age(plan)
        if not plan.steps:
            self.answer(contract.ALREADY_THERE)
            return DONE
        acts = not arguments.dry_run and not project.read_only and (arguments.yes or can_ask())
        agent = project.prepare(plan) if acts else None
        try:
            reason = self._confirmed(plan)
            if reason is None:
                return DONE
            if agent is None:
                raise RefusedError("mlops-dash was started with --read-only, so nothing is changed")
            return self._carried_out(agent, reason)
        finally:
            if agent is not None:
                agent.leave()

    def _check_age(self, plan: Plan) -> None:
        """Refuse to act on facts that could not be read again."""
        needed = {"git" if step.kind in ("manifest", "gto") else "tracking" for step in plan.steps}
        needed = needed or {"tracking"}
        for status in self.statuses:
            if status.status in _OLD and status.name in needed:
                raise RefusedError(
                    f"nothing is planned from old facts: {status.name} could not be read: {status.detail}",
                    status.remedy,
                )

    def _confirmed(self, plan: Plan) -> str | None:
        """Show the plan and have it confirmed; return the reason, ``None`` where it was only to be shown.

        Raises:
            RefusedError: it cannot be carried out, or is not confirmed.
        """
        arguments = self.arguments
        self.difference = self.project.difference(plan)
        self.conditions = self._checked(plan)
        failing = [one for one in self.conditions if one.blocking and one.tick is Tick.FAILS]
        # with --json the answer alone belongs on standard output
        show = stderr if arguments.json else stdout
        if not arguments.json or not (arguments.dry_run or arguments.yes):
            show(plan_text(plan, self.difference, self.conditions, room_of_stdout()))
        for one in failing[1:]:
            tell(RefusedError(f"{one.title}: {one.detail}", one.remedy))
        if failing:
            first = failing[0]
            raise RefusedError(f"nothing was changed: not so: {first.title}: {first.detail}", first.remedy)
        if arguments.dry_run:
            if arguments.json:
                self.answer(contract.PLANNED)
            return None
        return asked_reason(plan, arguments)

    def _checked(self, plan: Plan) -> list[Precondition]:
        shows = sys.stderr is not None and sys.stderr.isatty()
        found = []
        for condition in self.project.check(plan):
            found.append(condition)
            if shows:
                sys.stderr.write(f"\r\x1b[Kchecking: {visible(condition.title, 60)}")
                sys.stderr.flush()
        if shows:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        return found

    def _carried_out(self, agent: Agent, reason: str) -> int:
        action_id = agent.go(reason)
        try:
            self.action = action = follow(self.project, action_id)
        except KeyboardInterrupt:
            goes_on(action_id)
        outcome = action.outcome or Outcome.UNKNOWN
        self.answer(outcome.value)
        if outcome is not Outcome.VERIFIED:
            tell(_failure(action, outcome))
        return _CODES[outcome]

    def answer(self, outcome: str, error: DashError | None = None) -> None:
        """Print the answer: JSON in any case, as text what became of it."""
        if self.arguments.json:
            document = contract.answer_object(
                self.plan, self.difference, self.conditions, self.action, outcome=outcome, error=error
            )
            stdout(json_text(document))
        elif self.action is not None:
            stdout(outcome_text(self.action, room_of_stdout()))
        elif outcome == contract.ALREADY_THERE and self.plan is not None:
            stdout(already_there(self.plan))


def _failure(action: Action, outcome: Outcome) -> DashError:
    words = contract.outcome_words(action)
    how = f"mlops-dash jobs {action.plan.id} tells each step; its journal is {action.log}"
    told = {
        Outcome.FAILED: "it failed",
        Outcome.REFUSED: "refused, nothing was changed",
        Outcome.UNKNOWN: "what became of it is not known",
    }[outcome]
    return DashError(f"{told}{f': {words}' if words else ''}", how)
