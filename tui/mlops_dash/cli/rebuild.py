"""The verb ``rebuild``: plan, confirm, run, and say whether what came of it is the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_dash.actions.reasons import REBUILD_REASON, clean_reason
from mlops_dash.cli import contract_actions as contract
from mlops_dash.cli.command import DONE, FAILED, UNKNOWN
from mlops_dash.cli.confirming import asked_to_go_on, can_ask
from mlops_dash.cli.failures import tell
from mlops_dash.cli.following import follow, goes_on
from mlops_dash.cli.opening import opened
from mlops_dash.cli.output import json_text, room_of_stdout, stderr, stdout
from mlops_dash.cli.plan_text import outcome_text, plan_text
from mlops_dash.cli.rollback import read_anew, resume
from mlops_dash.domain.plans import Action, Outcome, Plan, Precondition, Tick
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError, UsageError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.cli.command import Options
    from mlops_dash.project import Project

_MOST_REPEATS = 100


def rebuild(options: Options, arguments: argparse.Namespace) -> int:
    """Make runs again, and say whether they came out the same."""
    _check(arguments)
    with opened(options) as project:
        read_anew(project)
        if arguments.live:
            project.observe()
        resume(project)
        refs = _live(project) if arguments.live else [arguments.ref]
        answers, codes = [], []
        for ref in refs:
            one = _Rebuilding(project, arguments, ref)
            try:
                codes.append(one.act())
            except DashError as error:
                one.outcome, one.error = contract.REFUSED, error
                if not arguments.live:
                    if arguments.json:
                        stdout(json_text(one.document()))
                    raise
                tell(error)
                codes.append(FAILED)
            answers.append(one.document())
        if arguments.json:
            stdout(json_text({"rebuilds": answers} if arguments.live else answers[0]))
    return max(codes, default=DONE)


def _check(arguments: argparse.Namespace) -> None:
    """Raise :class:`UsageError` for what could only be refused later, before anything is read."""
    if (arguments.ref is None) is not arguments.live:
        raise UsageError(
            "name what is to be rebuilt", "mlops-dash rebuild REF, or --live for all that is live"
        )
    if not 1 <= arguments.repeat <= _MOST_REPEATS:
        raise UsageError(f"--repeat takes a number from 1 to {_MOST_REPEATS}")
    if arguments.dry_run and arguments.yes:
        raise UsageError(
            "--dry-run runs nothing, so there is nothing to say --yes to", "leave one of them out"
        )
    arguments.reason = clean_reason(arguments.reason) if arguments.reason is not None else REBUILD_REASON


def _live(project: Project) -> list[str]:
    """Return what is live, each run once."""
    found: dict[str, str] = {}
    for row in project.live().environments:
        if row.run is not None and not row.of_declared:
            found.setdefault(row.run.run_id, f"models:/{row.model}/{row.live}")
    if not found:
        raise RefusedError("nothing is known to be live, so there is nothing to rebuild", "mlops-dash live")
    return list(found)


class _Rebuilding:
    """One rebuild on its way from the command line to its verdict."""

    def __init__(self, project: Project, arguments: argparse.Namespace, ref: str) -> None:
        self._project, self._arguments, self._ref = project, arguments, ref
        self.plan: Plan | None = None
        self.conditions: Sequence[Precondition] | None = None
        self.action: Action | None = None
        self.outcome = contract.PLANNED
        self.error: DashError | None = None

    def document(self) -> contract.JsonObject:
        """Return the answer as JSON."""
        return contract.rebuild_object(
            self.plan, self.conditions, self.action, outcome=self.outcome, error=self.error
        )

    def act(self) -> int:
        """Plan, confirm, and carry out; return the exit code.

        Raises:
            RefusedError: nothing was begun.
        """
        project, arguments = self._project, self._arguments
        self.plan = plan = project.plan_rebuild(
            self._ref, repeats=arguments.repeat, registers=arguments.register
        )
        self.conditions = list(project.check(plan))
        if not arguments.json or not (arguments.dry_run or arguments.yes):
            show = stderr if arguments.json else stdout
            show(plan_text(plan, None, self.conditions, room_of_stdout()))
        for one in self.conditions:
            if one.blocking and one.tick is Tick.FAILS:
                raise RefusedError(f"nothing was begun: not so: {one.title}: {one.detail}", one.remedy)
        if arguments.dry_run:
            return DONE
        if not arguments.yes:
            if not can_ask():
                raise RefusedError(
                    "nothing was begun: this is no terminal, so nobody can be asked", "to do it: --yes"
                )
            asked_to_go_on()
        agent = project.prepare(plan)
        try:
            action_id = agent.go(arguments.reason)
        finally:
            agent.leave()
        if arguments.wait or arguments.check or arguments.live:
            return self._awaited(action_id)
        self.outcome = "started"
        self.action = project.action(action_id)
        told = f"it runs; mlops-dash jobs {action_id} tells how far it is"
        (stderr if arguments.json else stdout)(told)
        return DONE

    def _awaited(self, action_id: str) -> int:
        try:
            self.action = action = follow(self._project, action_id)
        except KeyboardInterrupt:
            goes_on(action_id)
        outcome = action.outcome or Outcome.UNKNOWN
        self.outcome = outcome.value
        if not self._arguments.json:
            stdout(outcome_text(action, room_of_stdout()))
        if outcome is Outcome.VERIFIED:
            return DONE
        words = visible(contract.outcome_words(action) or "what became of it is not known", 500)
        tell(
            DashError(words, f"mlops-dash jobs {action.plan.id} tells each step; its journal is {action.log}")
        )
        return UNKNOWN if outcome is Outcome.UNKNOWN else FAILED
