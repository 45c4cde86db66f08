"""What ``doctor`` asks of every kind of tracking store: one connection, looked at step by step.

The package of each kind has a function ``probe(uri)`` that returns, or better yields, a :class:`Step` for
each thing it looked at, in the order in which a person would: address, TLS, credentials, version, schema,
rights, speed. It ends with the first step that fails, because what comes after it cannot be looked at. It
reads only, and waits within bounds of its own for whatever it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from mlops_dash.errors import DashError


class State(StrEnum):
    """How a step went. ``WARN``: it works, but something is missing or could be better."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at.

    Attributes:
        name: what, in one or two words: ``address``, ``TLS``, ``credentials``, ``schema``.
        state: how it went.
        evidence: what was seen, in plain words, without any secret.
        remedy: what to do about it; every step that fails has one.
    """

    name: str
    state: State
    evidence: str
    remedy: str | None = None


Probe = Callable[[str], Iterable[Step]]
"""Looks at the store with this address. Failures are steps: it raises nothing but errors of its own."""


def ok(name: str, evidence: str) -> Step:
    """Return a step that went well."""
    return Step(name, State.OK, evidence)


def warn(name: str, evidence: str, remedy: str | None = None) -> Step:
    """Return a step that works, with something that a person should know."""
    return Step(name, State.WARN, evidence, remedy)


def fail(name: str, evidence: str, remedy: str) -> Step:
    """Return a step that failed."""
    return Step(name, State.FAIL, evidence, remedy)


def failed(name: str, error: DashError, remedy: str = "mlops-dash sync shows the whole message") -> Step:
    """Return a step that failed with an error that says what to do, or ``remedy`` where it does not."""
    return Step(name, State.FAIL, error.message, error.remedy or remedy)
