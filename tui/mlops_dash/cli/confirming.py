"""Confirms a plan: asks a person at a terminal, and nobody anywhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mlops_dash.actions.reasons import clean_reason
from mlops_dash.cli.failures import tell
from mlops_dash.cli.output import has_colour, stderr
from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError, UsageError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.domain.plans import Plan

_LONGEST = 30_000  # characters of one line that is typed


def check_flags(arguments: argparse.Namespace) -> None:
    """Raise :class:`UsageError` for what could only be refused later, before anything is read."""
    if arguments.dry_run and arguments.yes:
        raise UsageError(
            "--dry-run changes nothing, so there is nothing to say --yes to", "leave one of them out"
        )
    if arguments.yes and arguments.reason is None:
        raise UsageError("--yes needs --reason TEXT", "say why: everybody sees it in the history")


def asked_reason(plan: Plan, arguments: argparse.Namespace) -> str:
    """Return the reason of a plan that is confirmed, by flags or by whoever sits at the terminal.

    Raises:
        RefusedError: it is not confirmed, or nobody can be asked; says which flags to pass.
    """
    if arguments.yes:
        _check_name(plan, arguments.confirm)
        return str(arguments.reason)
    if not can_ask():
        flags = "--yes --reason TEXT" if arguments.reason is None else "--yes"
        name = f" --confirm {visible(plan.environment, 80)}" if plan.protected else ""
        raise RefusedError(
            "nothing was changed: this is no terminal, so nobody can be asked", f"to do it: {flags}{name}"
        )
    try:
        return _asked(plan, arguments.reason)
    except (EOFError, KeyboardInterrupt):
        stderr("")
        raise _not_confirmed() from None


def asked_to_go_on() -> None:
    """Ask whoever sits at the terminal whether a plan that needs no reason is carried out.

    Raises:
        RefusedError: it is not confirmed.
    """
    try:
        if _line("Carry it out? [y/N] ").lower() in ("y", "yes"):
            return
    except (EOFError, KeyboardInterrupt):
        stderr("")
    raise _not_confirmed()


def can_ask() -> bool:
    """Tell whether somebody sits at a terminal who sees the question and can answer it."""
    streams = (sys.stdin, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams)


def _asked(plan: Plan, reason: str | None) -> str:
    if plan.protected:
        name = visible(plan.environment, 80)
        if _line(f"{name} is protected. Type its name to go on: ") != plan.environment:
            raise _not_confirmed()
    while reason is None:
        try:
            reason = clean_reason(_line("Why? Everybody sees it in the history: "))
        except UsageError as error:
            tell(error)
    if not plan.protected and _line("Carry it out? [y/N] ").lower() not in ("y", "yes"):
        raise _not_confirmed()
    return reason


def _not_confirmed() -> RefusedError:
    return RefusedError("nothing was changed: it was not confirmed")


def _line(question: str) -> str:
    """Ask on standard error, and return what is typed.

    Raises:
        EOFError: nothing is typed any more.
    """
    sys.stderr.write(f"\x1b[1m{question}\x1b[0m" if has_colour(sys.stderr) else question)
    sys.stderr.flush()
    text = sys.stdin.readline(_LONGEST)
    if not text:
        raise EOFError
    return text.strip()


def _check_name(plan: Plan, name: str | None) -> None:
    if plan.protected and name != plan.environment:
        told = visible(plan.environment, 80)
        wrong = f"{told} is protected" if name is None else f"--confirm names {visible(name, 80)!r}"
        raise RefusedError(f"nothing was changed: {wrong}", f"--yes needs --confirm {told} there")
