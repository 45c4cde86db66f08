"""Plans: what an action would change, exactly, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class ActionKind(StrEnum):
    """What is wanted: an environment back at a version that was live there, or on to another; or a run that
    was made made again, which changes no environment."""

    ROLLBACK = "rollback"
    PROMOTE = "promote"
    REBUILD = "rebuild"


class Outcome(StrEnum):
    """What became of an action.

    ``VERIFIED``: the target serves the wanted version healthily. ``FAILED``: it does not, and what was done
    is undone as far as the evidence says. ``REFUSED``: nothing was changed. ``UNKNOWN``: something was sent,
    and what became of it could not be learned.
    """

    VERIFIED = "verified"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Tick(StrEnum):
    """What is known of a precondition."""

    OPEN = "open"
    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Version:
    """A model version by its immutable ids.

    Attributes:
        version: as the registry writes it.
        locations: where its artifacts are, as the tracking store holds them, best first.
        commit: of its training code, where known.
    """

    model: str
    version: str
    run_id: str | None = None
    model_id: str | None = None
    locations: tuple[str, ...] = ()
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Precondition:
    """Something that must hold before anything is sent.

    Attributes:
        id: short and stable: ``unchanged``, ``artifacts``, ``journal``, ``rights``…
        title: what must hold, in plain words: "production still serves version 6".
        detail: what was found when it was looked at.
        remedy: what to do where it fails.
        blocking: one that fails refuses the action; else it is a warning.
    """

    id: str
    title: str
    tick: Tick = Tick.OPEN
    detail: str = ""
    remedy: str | None = None
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one system. Steps are done in order and undone in reverse.

    Attributes:
        id: unique in its plan.
        kind: which hand does it: ``process``, ``alias``, ``manifest`` or ``gto``; of a rebuild ``checkout``,
            ``data``, ``packages``, ``train``, ``judge``, ``register``, ``sweep``.
        title: what it does, in plain words.
        effect: the exact effect, or the command that would do the same.
        undo: how it is undone, likewise; empty where there is nothing to take back.
        arguments: all that the hand needs, JSON values only, targets by immutable id, no secrets: a step is
            done, looked at and undone from these alone, by whichever process finds it in a journal.
        caution: what cannot be promised, such as that no one else writes at the same moment.
    """

    id: str
    kind: str
    title: str
    effect: str
    undo: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    caution: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """When a version counts as served: so many healthy answers one after another, over so long.

    Attributes:
        answers: consecutive healthy answers with the wanted version.
        seconds: that lie between the first and the last of them at least.
        within: seconds after which it is given up.
        asks: whether there is a target to ask; else the changed systems are read again.
    """

    answers: int = 3
    seconds: float = 0.5
    within: float = 60.0
    asks: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action would change, exactly. Nothing in it depends on when it is carried out.

    Attributes:
        id: of the action: ``20261126T043208Z-1f2e3d4c``, sorts by time, unique.
        environment: empty for a rebuild.
        before: the version that is live, or declared where nothing can be asked; ``None`` where unknown.
        after: the version that is wanted; for a rebuild the one that is made again, with an empty
            ``version`` where its run was never registered.
        actor, host: who plans it, on which machine.
        undoes: id of the action that this one takes back.
    """

    id: str
    kind: ActionKind
    environment: str
    model: str
    before: Version | None
    after: Version
    steps: tuple[Step, ...]
    preconditions: tuple[Precondition, ...]
    verification: Verification
    protected: bool
    actor: str
    host: str
    made_at: datetime
    reason: str = ""
    undoes: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """What at most one action at a time is at work on: a model in an environment, or a run."""
        if self.kind is ActionKind.REBUILD:
            return "", self.after.run_id or ""
        return self.environment, self.model


class EventKind(StrEnum):
    """What a journal tells of an action, in the order in which it happens.

    ``INTENT`` holds the plan, ``CHECKED`` a precondition that was looked at. ``SENT`` is written before a
    step changes anything, ``ACCEPTED`` when its system took it. ``SEEN`` is one answer of the target while it
    is verified. ``UNDOING`` and ``UNDONE`` stand for steps that are taken back. ``OUTCOME`` is the last word
    on the action, ``AUDITED`` says that it stands in the team's tracking store. ``RESUMED``: another process
    goes on. ``NOTE``: progress in words.
    """

    INTENT = "intent"
    CHECKED = "checked"
    SENT = "sent"
    NOTE = "note"
    ACCEPTED = "accepted"
    SEEN = "seen"
    UNDOING = "undoing"
    UNDONE = "undone"
    RESUMED = "resumed"
    OUTCOME = "outcome"
    AUDITED = "audited"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a journal.

    Attributes:
        step: id of the step that it is about; ``None``: about the whole action.
        words: what happened, in plain words, for a person.
        evidence: JSON values.
    """

    at: datetime
    kind: EventKind
    step: str | None = None
    words: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Action:
    """An action as its journal tells it.

    Attributes:
        outcome: ``None`` while it is under way or unfinished.
        running: a process is at work on it.
        log: file with its journal.
    """

    plan: Plan
    events: tuple[Event, ...]
    outcome: Outcome | None
    running: bool
    audit_run: str | None
    log: str

    @property
    def unserved(self) -> bool:
        """Whether it failed for the wanted version, which could not be brought to serve, and not for a system
        that did not take the change."""
        return any(event.evidence.get("unserved") is True for event in self.events)

    @property
    def unfinished(self) -> bool:
        """Whether it was begun and nobody is at work on it any more."""
        return self.outcome is None and not self.running
