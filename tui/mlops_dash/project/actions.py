"""The questions about actions that a project answers: what would be done, what was, and doing it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from mlops_dash.answers.history import HistoryAnswer
    from mlops_dash.answers.plan_difference import PlanDifference
    from mlops_dash.domain.changes import Candidate
    from mlops_dash.domain.plans import Action, ActionKind, Plan, Precondition
    from mlops_dash.project import Project
    from mlops_dash.project.agent import Agent


class ActionQuestions:
    """Part of :class:`mlops_dash.project.Project`. Every method may block and is thread-safe."""

    def candidates(self, environment: str, model: str | None = None) -> tuple[Candidate, ...]:
        """Answer which versions an environment could go back to, the proposed one marked.

        Raises:
            UsageError: there is no such environment, or it has several models and none was named.
        """
        from mlops_dash.project.planning import candidates

        return candidates(cast("Project", self), environment, model)

    def disabled(self, kind: ActionKind, environment: str, model: str | None = None) -> str | None:
        """Answer why an environment cannot be acted on, for a key that is shown disabled; ``None`` if it can.

        Asks the store only.
        """
        from mlops_dash.project.planning import disabled

        return disabled(cast("Project", self), kind, environment, model)

    def plan(
        self,
        kind: ActionKind,
        environment: str,
        *,
        model: str | None = None,
        to: str | None = None,
        undoes: str | None = None,
    ) -> Plan:
        """Plan a change of an environment's version, from the facts read so far; nothing is asked or done.

        Args:
            model: needed where the environment has several.
            to: a version, another environment, ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``; a rollback
                without it goes to the last version that was live and healthy here.
            undoes: id of the action that this takes back.

        Returns:
            The plan. One without steps: the version is there already, nothing is to be done.

        Raises:
            UsageError: an unknown environment, model or version (names the nearest), or no ``to``.
            RefusedError: it cannot be done, or not safely; says why.
        """
        from mlops_dash.project.planning import plan

        return plan(cast("Project", self), kind, environment, model=model, to=to, undoes=undoes)

    def plan_rebuild(self, ref: str, *, repeats: int = 1, registers: bool = False) -> Plan:
        """Plan to make a run again from its commit, data, parameters and packages; nothing is asked or done.

        Args:
            ref: an environment, a version or a run.
            repeats: how often its command is run.
            registers: what comes out the same is registered as a new version of its model.

        Raises:
            UsageError: there is no such thing, or it has no run.
            RefusedError: it cannot be rebuilt; says what is missing.
        """
        from mlops_dash.project.rebuilding import plan_rebuild

        return plan_rebuild(cast("Project", self), ref, repeats=repeats, registers=registers)

    def cancel(self, action_id: str) -> None:
        """Have a rebuild stopped that is under way; it ends a moment later.

        Raises:
            RefusedError: it is no rebuild, or has ended.
            UsageError: there is no such action.
        """
        from mlops_dash.project.rebuilding import cancel

        cancel(cast("Project", self), action_id)

    def output(self, action_id: str, *, most: int = 1_000) -> tuple[str, ...]:
        """Answer the last lines that a rebuild's command printed, at most ``most``; none where there are
        none."""
        from mlops_dash.project.rebuilding import output

        return output(cast("Project", self), action_id, most)

    def undo_plan(self, action_id: str) -> Plan:
        """Plan to take an action back.

        Raises:
            UsageError: there is no such action.
            RefusedError: it changed nothing, is under way, was taken back already, or something newer is
                there; says which.
        """
        from mlops_dash.project.planning import undo_plan

        return undo_plan(cast("Project", self), action_id)

    def check(self, plan: Plan) -> Iterator[Precondition]:
        """Look at a plan's preconditions one after the other, and yield each with what was found.

        Asks the real systems, each within a few seconds. Never raises for what they do. Of a plan
        that is confirmed, which has a reason, only those are looked at again that could refuse it.
        """
        from mlops_dash.project.checking import check

        return check(cast("Project", self), plan)

    def difference(self, plan: Plan, *, within: float | None = None) -> PlanDifference:
        """Answer what the change means for the model: metrics, parameters, code, data, packages, signature.

        Args:
            within: seconds after which Git and artifacts are not waited for; the answer then says that it is
                still ``reading``. ``None`` waits some seconds more.
        """
        from mlops_dash.project.planning import difference

        return difference(cast("Project", self), plan, within)

    def prepare(self, plan: Plan) -> Agent:
        """Start the process that carries the plan out, so that it is warm when it is confirmed.

        Nothing is done until ``Agent.go(reason)``; ``Agent.leave()`` ends it.

        Raises:
            RefusedError: read-only.
            DashError: it could not be started.
        """
        from mlops_dash.project.agent import prepare

        return prepare(cast("Project", self), plan)

    def actions(self) -> tuple[Action, ...]:
        """Answer all actions of this project on this machine, newest first."""
        from mlops_dash.project.acting import actions

        return actions(cast("Project", self))

    def action(self, action_id: str) -> Action | None:
        """Answer one action as its journal tells it; ``None`` where there is none."""
        from mlops_dash.project.acting import action

        return action(cast("Project", self), action_id)

    def resume_unfinished(self) -> tuple[str, ...]:
        """Have actions that nobody is at work on any more finished, undone or reported; return their ids."""
        from mlops_dash.project.acting import resume_unfinished

        return resume_unfinished(cast("Project", self))

    def history(
        self, environment: str | None = None, model: str | None = None, *, at: datetime | None = None
    ) -> HistoryAnswer:
        """Answer what changed, where, when, by whom and why; with ``at`` also what was live then.

        Raises:
            UsageError: there is no such environment.
        """
        from mlops_dash.project.history import history

        return history(cast("Project", self), environment, model, at=at)
