"""The verbs ``rollback`` and ``promote``: plan, confirm, carry out, verify."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from mlops_dash.actions.reasons import clean_reason
from mlops_dash.cli import contract_actions as contract
from mlops_dash.cli.command import DONE, FAILED, REFUSED, UNKNOWN
from mlops_dash.cli.failures import tell
from mlops_dash.cli.following import follow
from mlops_dash.cli.opening import opened, refreshed, tell_sources
from mlops_dash.cli.output import has_colour, json_text, room_of_stdout, stderr, stdout
from mlops_dash.cli.plan_text import already_there, outcome_text, plan_text
from mlops_dash.domain.plans import Action, ActionKind, Outcome, Plan, Precondition, Tick
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError, UsageError

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
LONGEST_ANSWER = 2000
"""Characters of one line that is typed."""


def rollback(options: Options, arguments: argparse.Namespace) -> int:
    """Bring an environment back to a version that was live there, or to another that is named."""
    return _act(ActionKind.ROLLBACK, options, arguments)


def promote(options: Options, arguments: argparse.Namespace) -> int:
    """Bring an environment to a version, or to that of another environment."""
    return _act(ActionKind.PROMOTE, options, arguments)


def _act(kind: ActionKind, options: Options, arguments: argparse.Namespace) -> int:
    _check_words(arguments)
    with opened(options) as project:
        tell_sources(refreshed(project).statuses)
        project.observe()
        resume(project)
        plan = project.plan(kind, arguments.env, model=arguments.model, to=arguments.to)
        if not plan.steps:
            return _nothing_to_do(plan, arguments)
        agent = None if arguments.dry_run or project.read_only else project.prepare(plan)
        try:
            return _confirm(project, plan, agent, arguments)
        finally:
            if agent is not None:
                agent.leave()


def resume(project: Project) -> None:
    """Have what an earlier action left undone be finished, and say so."""
    ids = () if project.read_only else project.resume_unfinished()
    if ids:
        told = ", ".join(ids[:3]) + (" …" if len(ids) > 3 else "")
        stderr(f"mlops-dash: goes on with what was left undone: {told}; mlops-dash jobs tells how far it is")


def _check_words(arguments: argparse.Namespace) -> None:
    """Refuse what could only be refused later, before anything is read."""
    if arguments.reason is not None:
        arguments.reason = clean_reason(arguments.reason)
    if arguments.yes and not arguments.dry_run and arguments.reason is None:
        raise UsageError("--yes needs --reason TEXT", "say why: everybody sees it in the history")


def _nothing_to_do(plan: Plan, arguments: argparse.Namespace) -> int:
    if arguments.json:
        stdout(json_text(contract.answer_object(plan, outcome=contract.ALREADY_THERE)))
    else:
        stdout(already_there(plan))
    return DONE


def _confirm(project: Project, plan: Plan, agent: Agent | None, arguments: argparse.Namespace) -> int:
    """Show the plan, have it confirmed, and carry it out."""
    difference = project.difference(plan)
    conditions = _checked(project, plan)
    failing = [one for one in conditions if one.blocking and one.tick is Tick.FAILS]
    asks = not arguments.dry_run and not arguments.yes and not failing
    if not arguments.json or asks:
        # with --json the answer alone belongs on standard output
        (stderr if arguments.json else stdout)(plan_text(plan, difference, conditions, room_of_stdout()))
    if failing:
        _refused(plan, difference, conditions, failing, arguments)
        return REFUSED
    if arguments.dry_run:
        if arguments.json:
            stdout(json_text(contract.answer_object(plan, difference, conditions, outcome=contract.PLANNED)))
        return DONE
    if agent is None:
        raise RefusedError("mlops-dash was started with --read-only, so nothing is changed")
    reason = arguments.reason if arguments.yes else _asked(plan, arguments)
    if arguments.yes:
        _check_name(plan, arguments.confirm)
    if reason is None:
        _print(arguments, plan, difference, conditions, None, contract.REFUSED)
        stderr("mlops-dash: nothing was changed")
        return REFUSED
    return _carried_out(project, plan, agent, reason, difference, conditions, arguments)


def _checked(project: Project, plan: Plan) -> list[Precondition]:
    shows = sys.stderr is not None and sys.stderr.isatty()
    found = []
    for condition in project.check(plan):
        found.append(condition)
        if shows:
            sys.stderr.write(f"\r\x1b[Kchecking: {visible(condition.title, 60)}")
            sys.stderr.flush()
    if shows:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
    return found


def _refused(
    plan: Plan,
    difference: PlanDifference,
    conditions: list[Precondition],
    failing: list[Precondition],
    arguments: argparse.Namespace,
) -> None:
    if arguments.json:
        stdout(json_text(contract.answer_object(plan, difference, conditions, outcome=contract.REFUSED)))
    for one in failing:
        tell(RefusedError(f"refused, nothing was changed: {one.title}: {one.detail}", one.remedy))


# -- confirmation -----------------------------------------------------------------------------------


def _asked(plan: Plan, arguments: argparse.Namespace) -> str | None:
    """Ask for the confirmation and the reason; ``None`` where it is not given.

    Raises:
        RefusedError: nobody can be asked here; says which flags to pass.
    """
    if not _can_ask():
        flags = "--yes --reason TEXT" if arguments.reason is None else "--yes"
        name = f" --confirm {visible(plan.environment, 80)}" if plan.protected else ""
        raise RefusedError(
            "nothing was changed: this is no terminal, so nobody can be asked", f"to do it: {flags}{name}"
        )
    try:
        if plan.protected:
            name = visible(plan.environment, 80)
            if _line(f"{name} is protected. Type its name to go on: ") != plan.environment:
                return None
        reason: str | None = arguments.reason
        while reason is None:
            reason = _reason(_line("Why? (everybody sees it in the history) "))
        if not plan.protected and _line("Carry it out? [y/N] ").lower() not in ("y", "yes"):
            return None
    except EOFError:
        stderr("")
        return None
    return reason


def _reason(text: str) -> str | None:
    try:
        return clean_reason(text)
    except UsageError as error:
        tell(error)
        return None


def _line(question: str) -> str:
    sys.stderr.write(f"\x1b[1m{question}\x1b[0m" if has_colour(sys.stderr) else question)
    sys.stderr.flush()
    text = sys.stdin.readline(LONGEST_ANSWER)
    if not text:
        raise EOFError
    return text.strip()


def _can_ask() -> bool:
    streams = (sys.stdin, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams)


def _check_name(plan: Plan, name: str | None) -> None:
    if plan.protected and name != plan.environment:
        told = visible(plan.environment, 80)
        wrong = f"--confirm names {visible(name, 80)!r}" if name is not None else f"{told} is protected"
        raise RefusedError(f"nothing was changed: {wrong}", f"--yes needs --confirm {told} there")


# -- carrying it out ----------------------------------------------------------------------------------


def _carried_out(
    project: Project,
    plan: Plan,
    agent: Agent,
    reason: str,
    difference: PlanDifference,
    conditions: list[Precondition],
    arguments: argparse.Namespace,
) -> int:
    try:
        action_id = agent.go(reason)
    except RefusedError:
        if arguments.json:
            _print(arguments, plan, difference, conditions, project.action(plan.id), contract.REFUSED)
        raise
    try:
        action = follow(project, action_id)
    except KeyboardInterrupt:
        _goes_on(action_id)
    outcome = action.outcome or Outcome.UNKNOWN
    _print(arguments, plan, difference, conditions, action, outcome.value)
    if outcome is not Outcome.VERIFIED:
        tell(_failure(action, outcome))
    return _CODES[outcome]


def _goes_on(action_id: str) -> NoReturn:
    from mlops_dash.errors import OutcomeUnknownError

    raise OutcomeUnknownError(
        "it goes on without you: nothing was stopped", f"mlops-dash jobs {action_id} tells what became of it"
    )


def _failure(action: Action, outcome: Outcome) -> DashError:
    words = next((event.words for event in reversed(action.events) if event.kind == "outcome"), "")
    how = f"mlops-dash jobs {action.plan.id} tells each step; its journal is {action.log}"
    told = {
        Outcome.FAILED: "it failed",
        Outcome.REFUSED: "refused, nothing was changed",
        Outcome.UNKNOWN: "what became of it is not known",
    }[outcome]
    return DashError(f"{told}{f': {words}' if words else ''}", how)


def _print(
    arguments: argparse.Namespace,
    plan: Plan,
    difference: PlanDifference,
    conditions: list[Precondition],
    action: Action | None,
    outcome: str,
) -> None:
    if arguments.json:
        found: dict[str, Any] = contract.answer_object(plan, difference, conditions, action, outcome=outcome)
        stdout(json_text(found))
    elif action is not None:
        stdout(outcome_text(action, room_of_stdout()))
