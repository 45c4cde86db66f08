"""Asks the target until it serves the wanted version healthily: only then has an action succeeded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from mlops_dash.domain.plans import Plan

Seen = Callable[[str, Mapping[str, Any]], None]
"""Told each answer of the target, in words and with evidence."""


class Proof(StrEnum):
    """What the target's answers prove: the wanted version serves, it does not, or nothing."""

    SERVED = "served"
    NOT_SERVED = "not served"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of asking.

    Attributes:
        words: why, for a person.
    """

    proof: Proof
    words: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Verifier(Protocol):
    """Proves that a plan's version serves."""

    def verify(self, plan: Plan, seen: Seen) -> Verdict:
        """Ask as the plan's verification says, and within its time. Never raises for what the target does."""
        ...
