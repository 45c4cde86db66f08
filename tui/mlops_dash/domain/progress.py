"""Progress of long work, and how it is cancelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of long work.

    Attributes:
        source: which source works, as in ``SourceStatus.name``.
        phase: what it does now, for a person: ``runs``, ``parameters``.
        done, total: rows so far and in all; ``total`` is ``None`` where it is not known.
    """

    source: str
    phase: str
    done: int = 0
    total: int | None = None


ProgressCallback = Callable[[Progress], None]


class Cancelled(Exception):  # noqa: N818 - not an error: the caller asked for it
    """Work was cancelled by its caller."""


class CancelToken:
    """Set by the one who waits, looked at by the one who works."""

    def __init__(self) -> None:
        self._event = Event()

    def cancel(self) -> None:
        """Ask the work to stop at its next step."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise :class:`Cancelled` if :meth:`cancel` was called."""
        if self._event.is_set():
            raise Cancelled
