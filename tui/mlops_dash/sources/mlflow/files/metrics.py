"""Metric files of MLflow's file store: one ``timestamp value step`` line for each logged value.

The latest value is MLflow's own (``FileStore._get_metric_from_file``): the largest by step, then time, then
value, the first of equals. Lines of two fields have step 0 (MLflow before 1.0); lines of five also name a
dataset. The last line counts only with its end: the writer may be in the middle of it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Value = tuple[int, int, float]
"""Step, time in milliseconds, value."""

LARGE = 1 << 18  # bytes from which a file is read in pieces, and its end remembered
_PIECE = 1 << 20
_LONGEST_LINE = 1 << 16
_REMEMBERED = 1000  # large files
_LIMIT = 2**63
_PROOF = 64  # bytes before the remembered place that must be as they were


def line_value(line: bytes) -> Value | None:
    """Return the value in a line, or ``None`` if it holds none."""
    fields = line.strip().split(b" ")
    if len(fields) not in (2, 3, 5):
        return None
    try:
        time, value = int(fields[0]), float(fields[1])
        step = int(fields[2]) if len(fields) > 2 else 0
    except ValueError:
        return None
    if not (-_LIMIT <= time < _LIMIT and -_LIMIT <= step < _LIMIT):
        return None
    return step, time, value


def latest(lines: list[bytes], best: Value | None = None) -> Value | None:
    """Return the latest of ``best`` and the values in whole lines; lines that hold none are passed over."""
    for line in lines:
        found = line_value(line)
        if found is not None and (best is None or found > best):
            best = found
    return best


def stored(value: float) -> float | None:
    """Return a value as the store holds it: ``None`` for NaN."""
    return None if math.isnan(value) else value


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a large file was read, and the latest value up to there."""

    inode: tuple[int, int]
    offset: int
    proof: bytes
    best: Value | None


@dataclass(slots=True)
class LargeFiles:
    """Reads large metric files in pieces, and only what was appended since the last time."""

    _places: dict[str, _Place] = field(default_factory=dict)

    def latest(self, path: str, descriptor: int, check: Callable[[], None]) -> tuple[Value | None, bool]:
        """Return the latest value, and whether the file ends in the middle of a line.

        Args:
            check: called between pieces; raises where the work is to stop.

        Raises:
            OSError: it could not be read.
        """
        state = os.fstat(descriptor)
        inode = (state.st_dev, state.st_ino)
        place = self._places.get(path)
        if place is not None and not _continues(place, inode, state.st_size, descriptor):
            place = None
        offset, best = (place.offset, place.best) if place else (0, None)
        os.lseek(descriptor, offset, os.SEEK_SET)
        rest = b""
        for lines, rest in pieces(descriptor, check):  # noqa: B007 - the last rest is what is left
            best = latest(lines, best)
        offset = os.lseek(descriptor, 0, os.SEEK_CUR) - len(rest)
        proof = os.pread(descriptor, _PROOF, max(0, offset - _PROOF))
        if len(self._places) >= _REMEMBERED:
            self._places.clear()
        self._places[path] = _Place(inode, offset, proof, best)
        return best, bool(rest)


def _continues(place: _Place, inode: tuple[int, int], size: int, descriptor: int) -> bool:
    if place.inode != inode or size < place.offset:
        return False
    return os.pread(descriptor, _PROOF, max(0, place.offset - _PROOF)) == place.proof


def pieces(descriptor: int, check: Callable[[], None]) -> Iterator[tuple[list[bytes], bytes]]:
    """Yield the whole lines of each piece of a file, and what is left of its last line.

    Memory stays bounded: of a line that never ends only its last part is kept.
    """
    rest = b""
    while piece := os.read(descriptor, _PIECE):
        check()
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        if len(rest) > _LONGEST_LINE:  # no metric line: kept so that its end is not taken for one
            rest = b"x" * _LONGEST_LINE
        yield lines, rest
