"""Questions are asked beside each other; one that found too little memory for all is asked again alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import TypeVar

import duckdb

_Answer = TypeVar("_Answer")


class Turns:
    """Who asks now. Safe to use from several threads; a question asks no other one."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._asking = 0
        self._alone = False

    def ask(self, question: Callable[[], _Answer]) -> _Answer:
        """Ask beside others, and where that is too much for DuckDB's memory once more with it to itself.

        Raises:
            duckdb.Error: it could not be answered.
        """
        try:
            with self._beside():
                return question()
        except duckdb.Error as error:
            if "Out of Memory Error" not in str(error):  # through Arrow it has no type of its own
                raise
        with self._to_itself():
            return question()

    @contextmanager
    def _beside(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._asking += 1
        try:
            yield
        finally:
            with self._changed:
                self._asking -= 1
                self._changed.notify_all()

    @contextmanager
    def _to_itself(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True  # nobody begins any more
            self._changed.wait_for(lambda: not self._asking)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
