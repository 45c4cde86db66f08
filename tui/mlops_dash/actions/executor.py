"""The one place that changes anything: carries a plan out step by step, and goes on with interrupted ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mlops_dash.actions.hands import Hand
from mlops_dash.actions.journal import Journal, Log
from mlops_dash.actions.verifying import Verifier
from mlops_dash.domain.plans import Outcome, Plan, Precondition, Step

Hands = Callable[[Step], Hand]
"""Returns the hand that does a step; raises :class:`RefusedError` where there is none."""

Check = Callable[[Plan], Iterable[Precondition]]
"""Looks at the preconditions of a plan again, one by one, at the systems themselves."""


def execute(
    plan: Plan,
    journal: Journal,
    hands: Hands,
    verifier: Verifier,
    check: Check,
    *,
    read_only: bool = False,
    begun: Callable[[Log], None] = lambda _: None,
) -> Outcome:
    """Carry a plan out and say what became of it; the journal has every step and the evidence.

    Args:
        check: a blocking precondition that does not hold refuses the action.
        begun: told when the intent is on the disk.

    Raises:
        RefusedError: nothing was begun: read-only, no durable journal, another action is at work there.
        JournalError: the journal cannot be written any more; the action stays unfinished.
    """
    raise NotImplementedError


def resume(log: Log, hands: Hands, verifier: Verifier) -> Outcome:
    """Go on with an action that was interrupted, or whose outcome is unknown, by looking at its systems.

    Raises:
        JournalError: the journal cannot be written; the action stays unfinished.
    """
    raise NotImplementedError
