"""Histories of metrics that somebody looked at: thinned when they come, and again for what draws them.

They live in a DuckDB of their own, in memory, so that no snapshot carries them and nothing that goes wrong
with a million points can touch what the board is made of.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from mlops_dash.errors import StoreError
from mlops_dash.sources.base import Batch
from mlops_dash.store.asking import first_line
from mlops_dash.store.questions import statements

FINEST = 4000
"""Points that are kept of one curve, about."""
MOST_POINTS = 1_000_000
"""Points that are kept of all curves: 28 MB. Those that were not asked for lately go first."""
_AT_ONCE = 200_000  # points that are thinned together

Pair = tuple[str, str]
"""Run id and key."""
Point = tuple[int, int, float | None]
"""Step, time in ms, value or ``None`` for NaN."""

_SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "threads": "2",
    "memory_limit": "64MB",
    "allocator_flush_threshold": "16MB",
}


@dataclass(slots=True)
class _Entry:
    """A curve that was read.

    Attributes:
        number: its own in the table.
        logged: how many points there are.
        steps: how many steps they have, about.
        token: what tells it from an older state of it.
        fine: about how many points were kept.
        used: when it was asked for last, by the clock of the histories.
    """

    number: int
    logged: int
    steps: int
    token: Hashable
    fine: int
    used: int

    @property
    def kept(self) -> int:
        return min(self.logged, self.fine)


class Histories:
    """Holds curves by run and key. Safe to use from several threads.

    Args:
        spill: returns a folder of this process's own for what does not fit in memory while it is thinned;
            ``None`` where there is none.
    """

    def __init__(self, spill: Callable[[], Path | None]) -> None:
        self._spill = spill
        self._lock = threading.Lock()
        self._connection: Any = None
        self._closed = False
        self._entries: dict[Pair, _Entry] = {}
        self._numbers = 0
        self._clock = 0

    def missing(self, wanted: Mapping[Pair, Hashable | None], fine: int) -> list[Pair]:
        """Return which of these curves must be read.

        Args:
            wanted: what tells each curve from an older state of it; ``None`` where only reading it tells.
            fine: about so many points are needed of each.
        """
        with self._lock:
            self._clock += 1
            found = []
            for pair, token in wanted.items():
                entry = self._entries.get(pair)
                if (
                    entry is None
                    or token is None
                    or entry.token != token
                    or (entry.fine < fine and entry.fine < entry.logged)
                ):
                    found.append(pair)
                else:
                    entry.used = self._clock
            return found

    @contextlib.contextmanager
    def loading(self, tokens: Mapping[Pair, Hashable | None], fine: int) -> Iterator[Loading]:
        """Take curves in, about ``fine`` points of each, in place of older ones.

        Args:
            tokens: the curves that are wanted, and what tells each from an older state of it.
        """
        with self._lock:
            first = self._numbers + 1
            self._numbers += len(tokens)
        with self._cursor() as cursor:
            cursor.execute(_text("stage"))
            loading = Loading(cursor, {pair: first + place for place, pair in enumerate(tokens)}, fine)
            try:
                yield loading
                loading.settle()
            finally:
                found = loading.extents
                lacking = tokens.keys() - found.keys() if loading.complete else ()
                now = self._clock
                entries = {pair: _Entry(*found[pair], tokens[pair], fine, now) for pair in found}
                entries |= {pair: _Entry(0, 0, 0, tokens[pair], fine, now) for pair in lacking}
                cursor.execute(_text("drop"), {"curves": self._entered(entries)})

    def _entered(self, entries: Mapping[Pair, _Entry]) -> list[int]:
        """Enter curves; return the numbers of those that make room: replaced, or unused for long."""
        with self._lock:
            gone = [self._entries[pair].number for pair in entries if pair in self._entries]
            self._entries.update(entries)
            kept = sum(entry.kept for entry in self._entries.values())
            if kept > MOST_POINTS:
                for pair, entry in sorted(self._entries.items(), key=lambda item: item[1].used):
                    if kept <= MOST_POINTS or entry.used >= self._clock:
                        break
                    del self._entries[pair]
                    kept -= entry.kept
                    gone.append(entry.number)
            return gone

    def thinned(self, pairs: Iterable[Pair], points: int) -> Iterator[tuple[Pair, int, list[Point]]]:
        """Yield the curves that have any points: how many were logged, and about ``points`` of them.

        Raises:
            StoreError: they cannot be read.
        """
        with self._lock:
            entries = {pair: self._entries[pair] for pair in pairs if pair in self._entries}
        known = {entry.number: (pair, entry) for pair, entry in entries.items() if entry.logged}
        longer = {number: entry.steps for number, (_, entry) in known.items() if entry.kept > points}
        asked = {"whole": [number for number in known if number not in longer], **_thinning(longer, points)}
        text = _text("points").format(thinned=_text("thinned").format(source="point"))
        with self._cursor() as cursor:
            try:
                rows = cursor.execute(text, asked).fetchall()
            except Exception as error:
                raise _unheld(error) from error
        for number, some in groupby(rows, itemgetter(0)):
            pair, entry = known[number]
            yield pair, entry.logged, [row[1:] for row in some]

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._closed = True
            self._entries.clear()
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        import duckdb

        with self._lock:
            if self._closed:
                raise StoreError("the cache is closed")
            if self._connection is None:
                spill = {"temp_directory": str(self._spill() or "")}
                self._connection = duckdb.connect(":memory:", config=_SETTINGS | spill)
                # what was logged at one step and time stays in its order: streams are on the probing side
                self._connection.execute("set disabled_optimizers = 'join_order,build_side_probe_side'")
                self._connection.execute("set lock_configuration = true")
                self._connection.execute(_text("create"))
            cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()


class Loading:
    """Curves on their way in: put down as they come, thinned many at a time.

    Attributes:
        complete: whether a curve that did not come has no points; set by whoever loads.
        extents: number, count of points and about how many steps of the curves that are kept.
    """

    def __init__(self, cursor: Any, numbers: Mapping[Pair, int], fine: int) -> None:
        self._cursor = cursor
        self._fine = fine
        self._pairs = {number: pair for pair, number in numbers.items()}
        self._wanted = {
            "curves": list(numbers.values()),
            "run_ids": [run_id for run_id, _ in numbers],
            "keys": [key for _, key in numbers],
        }
        self._staged = 0
        self.complete = False
        self.extents: dict[Pair, tuple[int, int, int]] = {}

    def take(self, batch: Batch) -> None:
        """Take the curves of a batch of a source, all or none.

        Raises:
            SourceError: the batch could not be read.
            StoreError: there is no room for it.
        """
        where = f" where i.{batch.shaped} >= 0" if batch.shaped else ""
        self._cursor.register("incoming", batch.rows)
        try:
            text = _text("take").format(where=where)
            self._staged += self._cursor.execute(text, self._wanted).fetchall()[0][0]
        except Exception as error:
            if batch.recover is not None:
                list(batch.recover(error))  # which says what it means
            raise _unheld(error) from error
        finally:
            self._cursor.unregister("incoming")
        if self._staged >= _AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Keep what was taken.

        Raises:
            StoreError: there is no room for it.
        """
        if not self._staged:
            return
        cursor, fine = self._cursor, self._fine
        self._staged = 0
        try:
            extents = cursor.execute(_text("extents")).fetchall()
            whole = [number for number, logged, _ in extents if logged <= fine]
            cursor.execute(_text("keep").format(placed=_text("placed")), {"curves": whole})
            longer = {number: steps for number, logged, steps in extents if logged > fine}
            if longer:
                cursor.execute(_text("place").format(placed=_text("placed")), {"curves": list(longer)})
                text = _text("keep_thinned").format(thinned=_text("thinned").format(source="placed"))
                cursor.execute(text, _thinning(longer, fine))
            cursor.execute(_text("unstage"))
        except Exception as error:
            raise _unheld(error) from error
        self.extents |= {self._pairs[extent[0]]: extent for extent in extents}


def _thinning(steps: Mapping[int, int], points: int) -> dict[str, Any]:
    """Return the parameters that thin curves, given by number and count of steps, to about ``points``."""
    return {"curves": list(steps), "steps": list(steps.values()), "stretches": max(1, points // 4)}


def _text(name: str) -> str:
    return statements("histories.sql")[name]


def _unheld(error: Exception) -> StoreError:
    return StoreError(f"histories of metrics cannot be held: {first_line(error)}")
