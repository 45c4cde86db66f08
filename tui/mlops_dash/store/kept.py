"""Answers that are the same for all who ask until what was read changes."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeVar, cast

_Answer = TypeVar("_Answer")


class Kept:
    """Answers by name, each for one state of what was read. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: dict[str, tuple[object, object]] = {}

    def answer(self, name: str, state: object, find: Callable[[], _Answer]) -> _Answer:
        """Return what ``find`` found at this state; who asks while it is being found waits for it."""
        with self._lock:
            held = self._held.get(name)
            if held is None or held[0] != state:
                held = self._held[name] = state, find()
            return cast("_Answer", held[1])
