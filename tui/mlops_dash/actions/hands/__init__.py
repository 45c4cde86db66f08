"""The hands that act: one module for each kind of step. Each is made from a step's arguments alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from mlops_dash.domain.plans import Step

Note = Callable[[str, Mapping[str, Any]], None]
"""Told what a hand is doing, in words, with evidence; what it is told is in the journal when it returns."""


class Standing(StrEnum):
    """What a system says of a step's change: not made, made, something else is there, or it does not say."""

    BEFORE = "before"
    AFTER = "after"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Look:
    """What a system says when it is looked at.

    Attributes:
        found: the version that is there.
        by: who put it there, where the system knows.
        words: what was found, for a person: "the alias production names version 7 (not 6, as planned)".
        begun: part of the change is made: a standby that waits, a commit that is not pushed. Acting again
        finishes it, undoing takes it away.
        disproved: it is done, and shows that what the action was to prove is not so.
    """

    standing: Standing
    found: str | None = None
    by: str | None = None
    words: str = ""
    begun: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)
    disproved: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """Where the systems of a project are; the rights are those of the user who runs this process.

    Attributes:
        tracking_uri: with credentials where the user gave any: never written anywhere.
        repository: the Git repository.
        servers: folder of the records of model servers.
        root: folder that relative artifact paths start from.
        read_only: nothing may be changed.
        rebuilds: folder of the rebuilds' folders.
        environments: folder of the environments that rebuilds keep.
    """

    tracking_uri: str | None
    repository: Path | None
    servers: Path
    root: Path
    read_only: bool = False
    rebuilds: Path = Path(os.devnull)
    environments: Path = Path(os.devnull)


class Hand(Protocol):
    """Makes one step's change. Every method may block, within its own deadlines.

    All are idempotent and safe after kill -9 at any point of an earlier call: they begin with what is there.
    """

    def look(self) -> Look:
        """Ask the system where it stands. Never raises for what the system does: that is ``UNKNOWN``."""
        ...

    def act(self, note: Note) -> Mapping[str, Any]:
        """Make the change, if the system stands where the plan says; return evidence.

        Raises:
            RefusedError: nothing was changed: something else is there (says what, and who), no rights, gone.
            DashError: it failed, and the system is as it was before.
            OutcomeUnknownError: it was sent, and what became of it cannot be learned.
        """
        ...

    def undo(self, note: Note) -> Mapping[str, Any]:
        """Take the change back, if it is there and nothing newer is; return evidence.

        Raises:
            RefusedError: something newer is there; it is left alone.
            DashError: it could not be taken back.
            OutcomeUnknownError: as for :meth:`act`.
        """
        ...


def hand_of(step: Step, context: Context) -> Hand:
    """Return the hand of a step; each brings its libraries only now.

    Raises:
        RefusedError: no hand does steps of this kind.
    """
    match step.kind:
        case "alias":
            from mlops_dash.actions.hands.alias import AliasHand

            return AliasHand(step.arguments, context)
        case "process":
            from mlops_dash.actions.hands.process import ProcessHand

            return ProcessHand(step.arguments, context)
        case "manifest":
            from mlops_dash.actions.hands.manifest import ManifestHand

            return ManifestHand(step.arguments, context)
        case "gto":
            from mlops_dash.actions.hands.gto import GtoHand

            return GtoHand(step.arguments, context)
        case "checkout" | "data" | "packages" | "train" | "judge" | "register" | "sweep":
            from mlops_dash.actions.hands import rebuild

            return rebuild.HANDS[step.kind](step.arguments, context)
    from mlops_dash.errors import RefusedError

    raise RefusedError(f"no hand of this release does steps of kind {step.kind!r}", "update mlops-dash")
