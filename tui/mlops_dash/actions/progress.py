"""How far an action came, as its journal tells it, and the hands that go on from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mlops_dash.actions.hands import Hand, Look, Note, Standing
from mlops_dash.actions.journal import JournalError, Log
from mlops_dash.domain.plans import EventKind, Outcome, Plan, Step
from mlops_dash.errors import DashError

Hands = Callable[[Step], Hand]
"""Returns the hand that does a step; raises :class:`RefusedError` where there is none."""


@dataclass(slots=True)
class Progress:
    """What was done of an action.

    Attributes:
        sent: steps that were begun, by us: only these are ever undone.
        accepted: steps that their systems took.
        undone: steps that were taken back.
        failed: why it goes back; ``None`` while it goes forward.
        remedy: what to do about it.
        refused: that was a refusal: the step that it was about has changed nothing.
        last: what the outcome was when it was told last.
        at: when something happened last.
    """

    sent: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    failed: str | None = None
    refused: bool = False
    remedy: str | None = None
    last: Outcome | None = None
    at: datetime | None = None

    @classmethod
    def of(cls, log: Log) -> Progress:
        """Read it from a journal."""
        found = cls()
        for event in log.events:
            found.at = event.at
            step = event.step or ""
            match event.kind:
                case EventKind.SENT:
                    found.sent.add(step)
                case EventKind.ACCEPTED:
                    found.accepted.add(step)
                case EventKind.UNDONE:
                    found.undone.add(step)
                case EventKind.UNDOING if found.failed is None:
                    found.failed = "it was being undone"
                case EventKind.NOTE if "failed" in event.evidence:
                    found.failed = str(event.evidence["failed"])
                    found.refused = event.evidence.get("refused") is True
                    found.remedy = event.evidence.get("remedy")
                    if found.refused:
                        found.sent.discard(step)
                case EventKind.OUTCOME:
                    found.last = Outcome(str(event.evidence.get("outcome")))
        return found

    def is_older_than(self, seconds: float) -> bool:
        """Tell whether nothing has happened for so long; a clock that was set back makes nothing old."""
        return self.at is not None and datetime.now(UTC) - self.at > timedelta(seconds=seconds)


class Work:
    """One process's work on one action: its journal, its hands, how far it is."""

    def __init__(self, log: Log, hands: Hands) -> None:
        self.log = log
        self.progress = Progress.of(log)
        self._hands = hands
        self._made: dict[str, Hand] = {}

    @property
    def plan(self) -> Plan:
        """What is carried out."""
        return self.log.plan

    def hand(self, step: Step) -> Hand:
        """Return the hand of a step, the same each time.

        Raises:
            RefusedError: there is none.
        """
        if step.id not in self._made:
            self._made[step.id] = self._hands(step)
        return self._made[step.id]

    def look(self, step: Step) -> Look:
        """Ask a step's system where it stands; whatever goes wrong means that it does not say."""
        try:
            return self.hand(step).look()
        except JournalError:
            raise
        except DashError as error:
            return Look(Standing.UNKNOWN, words=error.message)
        except Exception as error:  # noqa: BLE001 - a fault of a hand's own is no answer of its system
            return Look(Standing.UNKNOWN, words=fault(error))

    def note(self, step: Step) -> Note:
        """Return what a hand tells its progress to."""

        def told(words: str, evidence: Mapping[str, Any]) -> None:
            self.log.append(EventKind.NOTE, step.id, words, {"progress": dict(evidence)})

        return told

    def tell(
        self, kind: EventKind, step: Step | None, words: str, evidence: Mapping[str, Any] | None = None
    ) -> None:
        """Write down what happened, and know it."""
        self.log.append(kind, step.id if step else None, words, evidence)
        known = {
            EventKind.SENT: self.progress.sent,
            EventKind.ACCEPTED: self.progress.accepted,
            EventKind.UNDONE: self.progress.undone,
        }.get(kind)
        if known is not None and step is not None:
            known.add(step.id)

    def fail(
        self,
        step: Step | None,
        words: str,
        remedy: str | None = None,
        *,
        refused: bool = False,
        unserved: bool = False,
    ) -> None:
        """Write down that it goes back from here on, and why.

        Args:
            refused: this step has changed nothing.
            unserved: it is the version that could not be brought to serve.
        """
        told = {"failed": words, "refused": refused, "remedy": remedy, "unserved": unserved}
        self.log.append(EventKind.NOTE, step.id if step else None, words, told)
        self.progress.failed, self.progress.refused, self.progress.remedy = words, refused, remedy
        if refused and step is not None:
            self.progress.sent.discard(step.id)

    def end(self, outcome: Outcome, words: str, remedy: str | None = None, **evidence: Any) -> Outcome:
        """Write down what became of the action."""
        told = {"outcome": outcome.value, "remedy": remedy, **evidence}
        self.log.append(EventKind.OUTCOME, None, words, told)
        self.progress.last = outcome
        return outcome


def fault(error: BaseException) -> str:
    """Name a fault of ours, so that it can be reported."""
    return f"asking failed: {type(error).__name__}: {str(error)[:200]}"


def evidence_of(look: Look) -> dict[str, Any]:
    """Return what a system said as evidence."""
    return {"standing": look.standing.value, "found": look.found, "by": look.by, **look.evidence}
