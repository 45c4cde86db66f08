"""Finds rows that were edited in place: blocks of rows are digested by SQLite and compared with before.

The end of each table is looked at by every reading. The rest is gone round, as far as a reading has time for:
a store of a million runs is not walked through for each run that is added to it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mlops_dash.domain.progress import CancelToken
from mlops_dash.sources.mlflow.sqlite.columns import Schema, Shape, digest_sql
from mlops_dash.sources.mlflow.sqlite.connection import Reader
from mlops_dash.sources.mlflow.sqlite.position import NOTHING, ROWS_PER_BLOCK, Mark

_LANES = (2, 3)  # apart from those that read rows
_BLOCKS_AT_ONCE = 200
_BLOCKS_IN_TURN = 16  # some 5 to 15 ms, after which the time is looked at
_ENDS = "select name, time, block, md5(text)[:12] from asked where not starts_with(text, '0 ')"
_DIGESTS = "select block, md5(text)[:12] from asked where not starts_with(text, '0 ')"


@dataclass(slots=True)
class Edits:
    """Compares the blocks of some tables with what they were.

    Attributes:
        shapes: the tables whose rows can be edited.
        found: blocks that differ, by table; they must be read again.
    """

    reader: Reader
    schema: Schema
    shapes: Sequence[Shape]
    mark: Mark
    cancel: CancelToken
    found: dict[str, set[int]] = field(default_factory=dict)

    def whole(self, shape: Shape, lane: int) -> list[str]:
        """Return the digests of a whole table; between two selections a writer can commit."""
        last = self._last(self.mark, shape)
        every = range(last // ROWS_PER_BLOCK + 1 if last else 0)
        digests: list[str] = []
        for start in every[::_BLOCKS_AT_ONCE]:
            self.cancel.check()
            digests += self._digests(shape, every[start : start + _BLOCKS_AT_ONCE], last, lane)
        return digests

    def ends(self, before: Mark) -> None:
        """Compare the block that each table ended in, and digest those that were added since."""
        parts = []
        for shape in self.shapes:
            then, now = self._last(before, shape), self._last(self.mark, shape)
            tail = then // ROWS_PER_BLOCK
            if then:
                parts.append(self._part(shape, "then", range(tail, tail + 1), then))
            if now > then:
                parts.append(self._part(shape, "now", range(tail, now // ROWS_PER_BLOCK + 1), now))
        found: dict[tuple[str, str], dict[int, str]] = {}
        for table, when, block, digest in (
            self.reader.ask(" union all ".join(parts), through=_ENDS) if parts else ()
        ):
            found.setdefault((table, when), {})[block] = digest
        for shape in self.shapes:
            tail = self._last(before, shape) // ROWS_PER_BLOCK
            known = before.blocks.get(shape.source, [])
            then_ = found.get((shape.source, "then"), {})
            if then_.get(tail, NOTHING) != (known[tail] if tail < len(known) else NOTHING):
                self._differs(shape, tail)
            now_ = found.get((shape.source, "now"), then_)
            added = range(tail, max(now_, default=tail) + 1) if now_ else range(0)
            self.mark.blocks[shape.source] = known[:tail] + [now_.get(block, NOTHING) for block in added]

    def _part(self, shape: Shape, when: str, blocks: range, upto: int) -> str:
        sql = digest_sql(shape, self.schema, blocks, upto, ROWS_PER_BLOCK)
        return f"select '{shape.source}' as name, '{when}' as time, block, text from ({sql})"  # noqa: S608 - ours

    def again(self, shape: Shape, blocks: Iterable[int]) -> None:
        """Compare some blocks whether it is their turn or not."""
        if shape in self.shapes:
            ends = len(self.mark.blocks[shape.source]) - 1  # the last one was looked at
            for block in blocks:
                if block < ends:
                    self._compare(shape, range(block, block + 1), _LANES[0])

    def sweep(self, before: Mark, *, written: bool, until: float | None) -> None:
        """Go on round all other blocks of the tables.

        Args:
            written: the file was written since ``before``: every block must be looked at once more.
            until: when to stop, by the monotonic clock; each lane looks at some blocks in any case.
        """
        blocks = list(self._round(before))
        if not written:
            del blocks[before.left :]
        turns = deque(_turns(blocks))

        def work(lane: int) -> None:
            while True:
                try:
                    shape, some = turns.popleft()
                except IndexError:
                    return
                self.cancel.check()
                self._compare(shape, some, lane)
                if until is not None and time.monotonic() > until:
                    return

        with ThreadPoolExecutor(len(_LANES), thread_name_prefix="tracking-digest") as pool:
            for done in [pool.submit(work, lane) for lane in _LANES]:
                done.result()
        self.mark.left = sum(len(some) for _, some in turns)
        self.mark.swept = (turns[0][0].source, turns[0][1][0]) if turns else before.swept

    def _round(self, before: Mark) -> Iterator[tuple[Shape, int]]:
        """Yield every block below the tables' ends once, beginning where the last sweep ended."""
        sources = [shape.source for shape in self.shapes]
        source, block = before.swept
        first = sources.index(source) if source in sources else 0
        for number in range(len(self.shapes) + 1):
            shape = self.shapes[(first + number) % len(self.shapes)]
            below = self._last(before, shape) // ROWS_PER_BLOCK
            start = min(block, below) if number == 0 else 0
            stop = min(block, below) if number == len(self.shapes) else below
            yield from ((shape, one) for one in range(start, stop))

    def _compare(self, shape: Shape, blocks: range, lane: int) -> None:
        known = self.mark.blocks[shape.source]
        upto = (blocks[-1] + 1) * ROWS_PER_BLOCK - 1
        for block, digest in zip(blocks, self._digests(shape, blocks, upto, lane), strict=True):
            if block >= len(known) or known[block] != digest:
                known[block : block + 1] = [digest]
                self._differs(shape, block)

    def _differs(self, shape: Shape, block: int) -> None:
        self.found.setdefault(shape.source, set()).add(block)

    def _digests(self, shape: Shape, blocks: range, upto: int, lane: int = 0) -> list[str]:
        sql = digest_sql(shape, self.schema, blocks, upto, ROWS_PER_BLOCK)
        found = dict(self.reader.ask(sql, lane, _DIGESTS))
        return [found.get(block, NOTHING) for block in blocks]

    @staticmethod
    def _last(mark: Mark, shape: Shape) -> int:
        return mark.tails.get(shape.source, (0, ""))[0]


def _turns(blocks: list[tuple[Shape, int]]) -> Iterator[tuple[Shape, range]]:
    """Yield neighbouring blocks of one table together, as many as are looked at in one turn."""
    start = 0
    for number, (shape, block) in enumerate(blocks):
        ends = number + 1 == len(blocks) or blocks[number + 1] != (shape, block + 1)
        if ends or number + 1 - start >= _BLOCKS_IN_TURN:
            yield shape, range(blocks[start][1], block + 1)
            start = number + 1
