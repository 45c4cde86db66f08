"""Asks the target until it serves the wanted version healthily: only then has an action succeeded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from mlops_dash.domain.environments import Health, Observation
from mlops_dash.domain.plans import Plan, Version
from mlops_dash.domain.text import visible
from mlops_dash.targets.base import Observable
from mlops_dash.targets.observe import ask_all

Seen = Callable[[str, Mapping[str, Any]], None]
"""Told an answer of the target, in words and with evidence."""

_PAUSE = 0.1  # seconds between two questions at least
_LONGEST_PAUSE = 1.0  # while nothing changes
_ANSWER = 5.0  # seconds that one answer may take


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


class TargetVerifier:
    """Asks one target again and again.

    Args:
        target: what is asked; ``None``: it is not configured here any more, so nothing can be proven.
    """

    def __init__(self, target: Observable | None) -> None:
        self._target = target

    def verify(self, plan: Plan, seen: Seen) -> Verdict:
        """Return when enough healthy answers of the wanted version came one after another, or time is up.

        The answers must be the wanted version's own: by number and, where both sides know them, by run and
        model id. A server of ours that is silent does not serve; of any other, silence proves nothing.
        """
        if self._target is None:
            return Verdict(Proof.NOTHING, f"no target of {plan.environment} is configured to be asked")
        wanted = plan.verification
        end = time.monotonic() + wanted.within
        row: list[tuple[float, Observation]] = []
        last: Observation | None = None
        pause = _PAUSE
        asked = 0
        while True:
            answer = self._ask(min(_ANSWER, max(0.2, end - time.monotonic())))
            asked += 1
            good = _fault(answer, plan.after) is None
            if good:
                row.append((time.monotonic(), answer))
            else:
                row.clear()
            if last is None or _key(answer) != _key(last) or (good and len(row) <= wanted.answers):
                seen(_words(answer), _evidence(answer))
                pause = _PAUSE
            else:
                pause = min(_LONGEST_PAUSE, pause * 1.5)
            last = answer
            lasted = row[-1][0] - row[0][0] if row else 0.0
            if len(row) >= wanted.answers and lasted >= wanted.seconds:
                words = f"{plan.environment} serves version {plan.after.version}, healthy: {len(row)} answers"
                proof = {"answers": len(row), "seconds": round(lasted, 3), **_evidence(answer)}
                return Verdict(Proof.SERVED, f"{words} over {lasted:.1f} s", proof)
            late = time.monotonic() - end
            if late >= 0 and (not row or late > wanted.seconds + _ANSWER):  # a row that began is seen through
                return self._given_up(plan, answer, asked)
            if row and len(row) < wanted.answers:
                pause = max(_PAUSE / 5, min(_PAUSE, wanted.seconds / max(1, wanted.answers - 1)))
            elif row:
                pause = max(0.01, min(_PAUSE, wanted.seconds - lasted))
            time.sleep(pause if row else max(0.0, min(pause, end - time.monotonic())))

    def _ask(self, within: float) -> Observation:
        assert self._target is not None
        return ask_all([self._target], within)[0]

    def _given_up(self, plan: Plan, last: Observation, asked: int) -> Verdict:
        assert self._target is not None
        fault = _fault(last, plan.after) or "it served it for too short a time"
        silent = not last.answered
        proves = not silent or self._target.kind == "process"
        words = f"{fault} ({asked} times asked in {plan.verification.within:g} s)"
        return Verdict(Proof.NOT_SERVED if proves else Proof.NOTHING, words, _evidence(last))


def _fault(answer: Observation, wanted: Version) -> str | None:
    """Say why an answer is no healthy one of the wanted version; ``None`` where it is."""
    if not answer.answered:
        return f"it does not say what it serves: {visible(answer.detail or answer.health.value, 300)}"
    if answer.version != wanted.version:
        return f"it serves version {visible(answer.version or '', 80)}"
    for name, theirs, ours in (
        ("run", answer.run_id, wanted.run_id),
        ("model", answer.model_id, wanted.model_id),
    ):
        if theirs and ours and theirs != ours:
            other = visible(theirs, 80)
            return f"it says version {visible(wanted.version, 80)}, but serves another {name} ({other})"
    if answer.health is not Health.HEALTHY:
        return f"it is {answer.health.value}: {visible(answer.detail or 'it does not say why', 300)}"
    return None


def _key(answer: Observation) -> tuple[object, ...]:
    return answer.answered, answer.version, answer.run_id, answer.model_id, answer.health


def _words(answer: Observation) -> str:
    version = f"version {visible(answer.version, 80)}" if answer.version else "no version"
    detail = f": {visible(answer.detail, 300)}" if answer.detail else ""
    return f"{version}, {answer.health.value}{detail}"


def _evidence(answer: Observation) -> dict[str, Any]:
    return {
        "version": answer.version,
        "run_id": answer.run_id,
        "model_id": answer.model_id,
        "health": answer.health.value,
        "latency_ms": answer.latency_ms,
        "address": answer.address,
        "asked_at": answer.asked_at.isoformat(),
    }
