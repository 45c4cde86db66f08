"""One pass over a tracking store: everything, or what changed since a position.

Every selection of rows with numbers ends at the largest number seen at the start, and digests are computed
before the rows that they stand for are read: what is written meanwhile is found by the next pass.
"""

# ruff: noqa: S608 - identifiers in SQL are ours, texts are quoted

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

from mlops_dash.domain.progress import Progress
from mlops_dash.sources.base import Apply, Batch, Reading, Tracks
from mlops_dash.sources.mlflow.sqlite.columns import (
    DATASET,
    DATASET_INPUT,
    GROWING,
    INPUT_TAG,
    LOGGED_MODEL,
    METRIC,
    OF_A_RUN,
    PARAM,
    RUN,
    SMALL,
    TAG,
    Schema,
    Shape,
    digest_sql,
    identity_sql,
    quoted,
    rows_sql,
    shape_column,
    whole_sql,
)
from mlops_dash.sources.mlflow.sqlite.connection import Reader
from mlops_dash.sources.mlflow.sqlite.position import ROWS_PER_BLOCK, Mark, Tail, differing_ranges
from mlops_dash.sources.mlflow.sqlite.repair import recovered

# per lane: a read lock of some 80 ms; less would leave row groups unfilled, which are written twice
_ROWS_AT_ONCE = 600_000
_WORTH_TWO_LANES = 16_384
BOTH = (0, 1)
# the largest last, when both lanes are busy; runs early, because a board of runs alone is of use already
_FIRST_READ = (TAG, RUN, DATASET, DATASET_INPUT, INPUT_TAG, LOGGED_MODEL, PARAM, METRIC)
_BATCHES_AT_MOST = 2_000
_RUNS_AT_ONCE = 400
_MANY_RUNS = 5_000  # from here on reading the whole table is quicker than run by run
_SCHEMA = (
    "select m.name as t, p.name as c from sqlite_master as m, pragma_table_info(m.name) as p "
    "where m.type = 'table' order by 1, 2"
)
_BLOCKS_AT_ONCE = 200
_DIGESTS = (
    "select block, split_part(text, ' ', 1)::bigint, md5(text)[:12] from asked "
    "where not starts_with(text, '0 ')"
)
_METRICS = ("metrics", ("run_uuid", "key", "timestamp", "step"))


@dataclass(slots=True)
class Blocks:
    """Digests of one table's blocks, and how many rows they cover."""

    digests: dict[str, str]
    rows: int


class Pass:
    """Reads once. ``mark`` is where it ends, complete when the iterator is exhausted."""

    def __init__(self, reader: Reader, reading: Reading, mark: Mark) -> None:
        self.reader = reader
        self.mark = mark
        self.runs = 0
        self._reading = reading
        self._schema: Schema = {}
        self._blocks: dict[str, Future[Blocks]] = {}

    def look(self) -> None:
        """Learn which tables and columns there are and where each table ends."""
        found: dict[str, set[str]] = {}
        for table, column in self.reader.ask(_SCHEMA):
            found.setdefault(table, set()).add(column)
        self._schema = {table: frozenset(columns) for table, columns in found.items()}
        known = sorted(f"{shape.source}.{name}" for shape in (*GROWING, METRIC, *SMALL)
                       for name in self._schema.get(shape.source, ()))  # fmt: skip
        self.mark.schema = blake2b(",".join(known).encode(), digest_size=8).hexdigest()
        self.mark.tails = self._tails({})

    @property
    def tables(self) -> frozenset[str]:
        """The tables that the store has."""
        return frozenset(self._schema)

    def batches(self, before: Mark | None) -> Iterator[Batch | Tracks]:
        """Yield what changed since ``before``, or everything if nothing can go on from there."""
        pool = ThreadPoolExecutor(2, thread_name_prefix="tracking-digest")
        try:
            for number, shape in enumerate(shape for shape in GROWING if shape.edited):
                self._blocks[shape.source] = pool.submit(self._digest, shape, 2 + number % 2)
            lost = None if before is None else self._lost_tails(before)
            if before is None or lost is None:
                yield from self._everything()
            else:
                yield from self._changes(before, lost)
            self.runs = self._blocks[RUN.source].result().rows
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    # -- everything ---------------------------------------------------------------------------------

    def _everything(self) -> Iterator[Batch | Tracks]:
        yield from self._small({})
        waiting = deque(_FIRST_READ)
        yield Tracks(tuple(self._tables_in_turn(waiting, (lane,)) for lane in (0, 1)))

    def _tables_in_turn(self, waiting: deque[Shape], lanes: tuple[int, ...]) -> Iterator[Batch]:
        """Yield whole tables, one after the other, until none waits for either lane."""
        while True:
            try:
                shape = waiting.popleft()
            except IndexError:
                return
            yield from self._whole(shape, lanes)

    def _whole(self, shape: Shape, lanes: tuple[int, ...] = BOTH) -> Iterator[Batch]:
        """Yield a whole table: its first batch replaces what was there."""
        if shape.edited:
            self.mark.blocks[shape.source] = self._blocks[shape.source].result().digests
        last = self.mark.tails.get(shape.source, (0, ""))[0]
        if not last:
            yield Batch(shape.table, None, Apply.REPLACE)
            return
        for number, conditions in enumerate(self._range(shape, 1, last, lanes)):
            mode = Apply.APPEND if number else Apply.REPLACE
            yield from self._batch(shape, conditions, mode, lanes=lanes)

    def _range(
        self, shape: Shape, first: int, last: int, lanes: tuple[int, ...] = BOTH
    ) -> Iterator[tuple[str, ...]]:
        """Yield conditions that cut a range of rows, one for each lane at a time."""
        rows = last - first + 1
        if rows <= 0:
            return
        batches = min(-(-rows // (len(lanes) * _ROWS_AT_ONCE)), _BATCHES_AT_MOST)
        step = rows if rows <= _WORTH_TWO_LANES else -(-rows // (len(lanes) * batches))
        for start in range(first, last + 1, len(lanes) * step):
            self._reading.progress(Progress("tracking", shape.phase, start - first, rows))
            starts = range(start, min(last + 1, start + len(lanes) * step), step)
            yield tuple(f"rowid between {low} and {min(last, low + step - 1)}" for low in starts)

    def _batch(
        self,
        shape: Shape,
        conditions: tuple[str, ...],
        mode: Apply,
        keys: tuple[str, ...] = (),
        scope: Iterable[str] = (),
        lanes: tuple[int, ...] = BOTH,
    ) -> Iterator[Batch]:
        """Yield one batch; when the reader of this iterator goes on, its selections are over."""
        self._reading.cancel.check()
        streams = tuple(
            self.reader.stream(rows_sql(shape, self._schema, condition), lane)
            for lane, condition in zip(lanes, conditions, strict=False)
        )

        def recover(error: Exception) -> Iterable[Batch]:
            for stream in streams:
                stream.close()
            return recovered(error, self.reader, shape, self._schema, conditions, batch)

        shaped = shape_column(shape)
        batch = Batch(shape.table, streams, mode, keys, tuple(scope), shaped, recover)
        try:
            yield batch
        finally:
            for stream in streams:
                stream.close()

    # -- changes ------------------------------------------------------------------------------------

    def _lost_tails(self, before: Mark) -> frozenset[str] | None:
        """Return the tables whose last row is not what it was, or ``None`` if all must be read again."""
        if before.file != self.mark.file or before.schema != self.mark.schema:
            return None
        rows = {table: tail[0] for table, tail in before.tails.items()}
        still = self._tails(rows)
        lost = frozenset(table for table, tail in before.tails.items() if still.get(table) != tail)
        return None if lost & {RUN.source, METRIC.source, _METRICS[0]} else lost

    def _changes(self, before: Mark, lost: frozenset[str]) -> Iterator[Batch]:
        """Yield what is new first, then what was edited in place."""
        yield from self._small(before.small)
        for shape in GROWING:
            if shape.source in lost:
                yield from self._whole(shape)
            else:
                yield from self._new_rows(shape, before)
        yield from self._late_metrics(before)
        for shape in GROWING:
            if shape.edited and shape.source not in lost:
                now = self._blocks[shape.source].result().digests
                self.mark.blocks[shape.source] = now
                for first, last in differing_ranges(self._expected(shape, before, now), now):
                    yield from self._edited(
                        shape, first, min(last, self.mark.tails.get(shape.source, (0, ""))[0]), last
                    )

    def _expected(self, shape: Shape, before: Mark, now: dict[str, str]) -> dict[str, str]:
        """Return the digests that blocks have where nothing was edited: rows that were added are read
        already, and the block that they were added to is compared as far as it was filled before."""
        last = before.tails.get(shape.source, (0, ""))[0]
        tail = last // ROWS_PER_BLOCK
        expected = before.blocks.get(shape.source, {})
        if shape.source not in self._schema:  # an older MLflow's store
            return expected
        sql = digest_sql(shape, self._schema, range(tail, tail + 1), last, ROWS_PER_BLOCK)
        found = {str(block): digest for block, _, digest in self.reader.ask(sql, through=_DIGESTS)}
        known = tail if found.get(str(tail)) == expected.get(str(tail)) else tail + 1
        return expected | {block: digest for block, digest in now.items() if int(block) >= known}

    def _new_rows(self, shape: Shape, before: Mark) -> Iterator[Batch]:
        first = before.tails.get(shape.source, (0, ""))[0] + 1
        last = self.mark.tails.get(shape.source, (0, ""))[0]
        for conditions in self._range(shape, first, last):
            ends = conditions[-1].rpartition(" ")[2]
            yield from self._batch(shape, conditions, Apply.REPLACE_RANGE, ("rowno",), (str(first), ends))
            first = int(ends) + 1

    def _late_metrics(self, before: Mark) -> Iterator[Batch]:
        first = before.tails.get(_METRICS[0], (0, ""))[0]
        last = self.mark.tails.get(_METRICS[0], (0, ""))[0]
        if first >= last:
            return
        runs = [
            row[0]
            for row in self.reader.ask(
                f"select distinct run_uuid as run from metrics where rowid > {first} and rowid <= {last} "
                f"limit {_MANY_RUNS + 1}"
            )
        ]
        if len(runs) > _MANY_RUNS:
            yield from self._whole(METRIC)
        else:
            yield from self._rows_of_runs(METRIC, runs)

    def _rows_of_runs(self, shape: Shape, runs: list[str]) -> Iterator[Batch]:
        upto = "1"
        if shape is not METRIC:
            upto = f"rowid <= {self.mark.tails.get(shape.source, (0, ''))[0]}"
        column = "destination_id" if shape is DATASET_INPUT else "run_uuid"
        for start in range(0, len(runs), _RUNS_AT_ONCE):
            some = runs[start : start + _RUNS_AT_ONCE]
            self._reading.progress(Progress("tracking", shape.phase, start, len(runs)))
            condition = f"{column} in ({quoted(some)}) and {upto}"
            yield from self._batch(shape, (condition,), Apply.REPLACE_WHERE, ("run_id",), some)

    def _edited(self, shape: Shape, first: int, last: int, end: int) -> Iterator[Batch]:
        """Read blocks again. Where runs went or came with reused row numbers, so do their rows elsewhere."""
        moved: list[str] = []
        if shape is RUN:
            ours = {row[0] for row in self._reading.known.rows("tracking_run_ids", low=first, high=end)}
            theirs = self.reader.ask(
                f"select run_uuid as run from runs where rowid between {first} and {last}"
            )
            moved = sorted(ours ^ {row[0] for row in theirs})
        condition = f"rowid between {first} and {last}"
        yield from self._batch(shape, (condition,), Apply.REPLACE_RANGE, ("rowno",), (str(first), str(end)))
        for child in OF_A_RUN if moved else ():
            if len(moved) > _MANY_RUNS:
                yield from self._whole(child)
            else:
                yield from self._rows_of_runs(child, moved)

    # -- what both need -----------------------------------------------------------------------------

    def _small(self, before: dict[str, str]) -> Iterator[Batch]:
        for shape in SMALL:
            if shape.source not in self._schema:
                digest = "none"
            else:
                sql = whole_sql(shape, self._schema)
                digest = str(self.reader.ask(sql, through="select md5(text) from asked")[0][0])
            self.mark.small[shape.source] = digest
            if before.get(shape.source) == digest:
                continue
            if digest == "none":
                yield Batch(shape.table, None, Apply.REPLACE)
            else:
                yield from self._batch(shape, ("1",), Apply.REPLACE)

    def _digest(self, shape: Shape, lane: int) -> Blocks:
        """Compute a table's digests, some blocks at a time: between two selections a writer can commit."""
        last = self.mark.tails.get(shape.source, (0, ""))[0]
        found = Blocks({}, 0)
        every = range(last // ROWS_PER_BLOCK + 1 if last else 0)
        for start in every[::_BLOCKS_AT_ONCE]:
            self._reading.cancel.check()
            some = every[start : start + _BLOCKS_AT_ONCE]
            sql = digest_sql(shape, self._schema, some, last, ROWS_PER_BLOCK)
            for block, count, digest in self.reader.ask(sql, lane, _DIGESTS):
                found.digests[str(block)] = digest
                found.rows += count
        return found

    def _tails(self, rows: dict[str, int]) -> dict[str, Tail]:
        """Return the tables' last rows, or the given ones where they still are."""
        growing = [(shape.source, shape.identity) for shape in (*GROWING, METRIC)]
        parts = [
            identity_sql(source, columns, rows.get(source, -1) if rows else None)
            for source, columns in (*growing, _METRICS)
            if source in self._schema
        ]
        if not parts:
            return {}
        return {
            name: (int(row), str(identity))
            for name, row, identity in self.reader.ask(" union all ".join(parts))
        }
