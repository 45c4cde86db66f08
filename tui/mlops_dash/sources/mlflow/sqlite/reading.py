"""One pass over a tracking store: everything, or what changed since a position.

Every selection of rows with numbers ends at the largest number seen at the start, and digests are computed
before the rows that they stand for are read: what is written meanwhile is found by the next pass.
"""

# ruff: noqa: S608 - identifiers in SQL are ours, texts are quoted

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
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
    identity_sql,
    quoted,
    rows_sql,
    shape_column,
    whole_sql,
)
from mlops_dash.sources.mlflow.sqlite.connection import Reader
from mlops_dash.sources.mlflow.sqlite.edits import Edits
from mlops_dash.sources.mlflow.sqlite.position import ROWS_PER_BLOCK, Mark, Tail, row_ranges
from mlops_dash.sources.mlflow.sqlite.repair import recovered

# per lane: a read lock of some 80 ms; less would leave row groups unfilled, which are written twice
_ROWS_AT_ONCE = 600_000
_WORTH_TWO_LANES = 16_384
BOTH = (0, 1)
# the largest last, when both lanes are busy; runs early, because a board of runs alone is of use already
_FIRST_READ = (TAG, RUN, DATASET, DATASET_INPUT, INPUT_TAG, LOGGED_MODEL, PARAM, METRIC)
_BATCHES_AT_MOST = 2_000
_RUNS_AT_ONCE = 400
SWEEP_UNTIL = 0.1
"""Seconds from the start of a reading after which the search for edits is left to the next one."""
_MANY_RUNS = 5_000  # from here on reading the whole table is quicker than run by run
_TABLES = "select group_concat(sql) as text from sqlite_master where type = 'table'"
_SCHEMA = (
    "select m.name as t, p.name as c from sqlite_master as m, pragma_table_info(m.name) as p "
    "where m.type = 'table' order by 1, 2"
)
_METRICS = ("metrics", ("run_uuid", "key", "timestamp", "step"))


class Pass:
    """Reads once. ``mark`` is where it ends, complete when the iterator is exhausted."""

    def __init__(self, reader: Reader, reading: Reading, mark: Mark) -> None:
        self.reader = reader
        self.mark = mark
        self._reading = reading
        self._until = None if reading.thorough else time.monotonic() + SWEEP_UNTIL
        self._schema: Schema = {}
        self._still: dict[str, Tail] = {}
        self._blocks: dict[str, Future[list[str]]] = {}

    def look(self, before: Mark | None) -> None:
        """Learn which tables and columns there are and where each table ends, now and ``before``."""
        tables = self.reader.ask(_TABLES, through="select md5(text) from asked")[0][0]
        if self.reader.schema[0] != tables:
            found: dict[str, set[str]] = {}
            for table, column in self.reader.ask(_SCHEMA):
                found.setdefault(table, set()).add(column)
            self.reader.schema = tables, {table: frozenset(columns) for table, columns in found.items()}
        self._schema = self.reader.schema[1]
        known = sorted(f"{shape.source}.{name}" for shape in (*GROWING, METRIC, *SMALL)
                       for name in self._schema.get(shape.source, ()))  # fmt: skip
        self.mark.schema = blake2b(",".join(known).encode(), digest_size=8).hexdigest()
        self._look_at_tails({} if before is None else before.tails)

    @property
    def tables(self) -> frozenset[str]:
        """The tables that the store has."""
        return frozenset(self._schema)

    def batches(self, before: Mark | None, *, written: bool = True) -> Iterator[Batch | Tracks]:
        """Yield what changed since ``before``, or everything if nothing can go on from there.

        Args:
            written: the file was written since ``before``.
        """
        lost = None if before is None else self._lost_tails(before)
        if before is None or lost is None:
            yield from self._everything()
        else:
            yield from self._changes(before, lost, written)

    def _edits(self, shapes: Iterable[Shape]) -> Edits:
        edited = [shape for shape in shapes if shape.edited and shape.source in self._schema]
        return Edits(self.reader, self._schema, edited, self.mark, self._reading.cancel)

    # -- everything ---------------------------------------------------------------------------------

    def _everything(self) -> Iterator[Batch | Tracks]:
        with self._digesting(GROWING):
            yield from self._small({})
            waiting = deque(_FIRST_READ)
            yield Tracks(tuple(self._tables_in_turn(waiting, (lane,)) for lane in (0, 1)))

    @contextmanager
    def _digesting(self, shapes: Iterable[Shape]) -> Iterator[None]:
        """Digest whole tables meanwhile."""
        edits = self._edits(shapes)
        pool = ThreadPoolExecutor(2, thread_name_prefix="tracking-digest")
        try:
            for number, shape in enumerate(edits.shapes):
                self._blocks[shape.source] = pool.submit(edits.whole, shape, 2 + number % 2)
            yield
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

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
        if shape.source in self._blocks:
            self.mark.blocks[shape.source] = self._blocks[shape.source].result()
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
        within: tuple[str, int, int] | None = None,
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
        batch = Batch(shape.table, streams, mode, keys, tuple(scope), shaped, recover, within)
        try:
            yield batch
        finally:
            for stream in streams:
                stream.close()

    def of_runs(self, run_ids: list[str]) -> Iterator[Batch]:
        """Yield what there is now of some runs, in place of what was known of them."""
        for shape in (RUN, *OF_A_RUN):
            yield from self._rows_of_runs(shape, run_ids)

    # -- changes ------------------------------------------------------------------------------------

    def _lost_tails(self, before: Mark) -> frozenset[str] | None:
        """Return the tables whose last row is not what it was, or ``None`` if all must be read again."""
        if before.file != self.mark.file or before.schema != self.mark.schema:
            return None
        lost = frozenset(table for table, tail in before.tails.items() if self._still.get(table) != tail)
        return None if lost & {RUN.source, METRIC.source, _METRICS[0]} else lost

    def _changes(self, before: Mark, lost: frozenset[str], written: bool) -> Iterator[Batch]:
        """Yield what is new first, then what was edited in place."""
        edits = self._edits(shape for shape in GROWING if shape.source not in lost)
        edits.ends(before)
        edits.again(RUN, self._running())
        yield from self._small(before.small)
        with self._digesting(shape for shape in GROWING if shape.source in lost):
            for shape in GROWING:
                if shape.source in lost:
                    yield from self._whole(shape)
                else:
                    yield from self._new_rows(shape, before)
        yield from self._new_rows(METRIC, before)
        yield from self._late_metrics(before)
        edits.sweep(before, written=written or self._reading.thorough, until=self._until)
        for shape in edits.shapes:
            last = self.mark.tails.get(shape.source, (0, ""))[0]
            for first, end in row_ranges(edits.found.get(shape.source, ())):
                yield from self._edited(shape, first, min(end, last), end)

    def _running(self) -> list[int]:
        """Return blocks of runs that had not ended: they are about to."""
        known = self._reading.known.rows("running_blocks", rows_per_block=ROWS_PER_BLOCK)
        return [block for (block,) in known]

    def _new_rows(self, shape: Shape, before: Mark) -> Iterator[Batch]:
        first = before.tails.get(shape.source, (0, ""))[0] + 1
        last = self.mark.tails.get(shape.source, (0, ""))[0]
        for conditions in self._range(shape, first, last):
            ends = conditions[-1].rpartition(" ")[2]
            yield from self._batch(shape, conditions, Apply.REPLACE_RANGE, ("rowno",), (str(first), ends))
            first = int(ends) + 1

    def _late_metrics(self, before: Mark) -> Iterator[Batch]:
        """Yield the latest metrics of known runs that logged since; those of new runs have new rows."""
        first = before.tails.get(_METRICS[0], (0, ""))[0]
        last = self.mark.tails.get(_METRICS[0], (0, ""))[0]
        if first >= last:
            return
        known = before.tails.get(RUN.source, (0, ""))[0]
        runs = [
            row[0]
            for row in self.reader.ask(
                f"select distinct run_uuid as run from metrics where rowid > {first} and rowid <= {last} "
                f"and run_uuid not in (select run_uuid from runs where rowid > {known}) "
                f"limit {_MANY_RUNS + 1}"
            )
        ]
        if len(runs) > _MANY_RUNS:
            yield from self._whole(METRIC)
        else:
            yield from self._rows_of_runs(METRIC, runs, numbered=True)

    def _rows_of_runs(self, shape: Shape, runs: list[str], *, numbered: bool = False) -> Iterator[Batch]:
        """Yield all rows of some runs.

        Args:
            numbered: none of these rows went since they were read: those that we hold have the same numbers.
        """
        upto, within = "1", None
        if shape is not METRIC:
            upto = f"rowid <= {self.mark.tails.get(shape.source, (0, ''))[0]}"
        column = "destination_type = 'RUN' and destination_id" if shape is DATASET_INPUT else "run_uuid"
        for start in range(0, len(runs), _RUNS_AT_ONCE):
            some = runs[start : start + _RUNS_AT_ONCE]
            self._reading.progress(Progress("tracking", shape.phase, start, len(runs)))
            condition = f"{column} in ({quoted(some)}) and {upto}"
            if numbered:
                ends = f"select min(rowid) as low, max(rowid) as high from {shape.source} where {condition}"
                low, high = self.reader.ask(ends)[0]
                within = ("rowno", low or 0, high or 0)
            yield from self._batch(shape, (condition,), Apply.REPLACE_WHERE, ("run_id",), some, within=within)

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
        there = [shape for shape in SMALL if shape.source in self._schema]
        parts = [
            f"select '{shape.source}' as name, text from ({whole_sql(shape, self._schema)})"
            for shape in there
        ]
        found = self.reader.ask(" union all ".join(parts), through="select name, md5(text) from asked")
        digests = {shape.source: "none" for shape in SMALL} | {name: str(digest) for name, digest in found}
        self.mark.small = digests
        for shape in SMALL:
            if before.get(shape.source) == digests[shape.source]:
                continue
            if digests[shape.source] == "none":
                yield Batch(shape.table, None, Apply.REPLACE)
            else:
                yield from self._batch(shape, ("1",), Apply.REPLACE)

    def _look_at_tails(self, before: dict[str, Tail]) -> None:
        """Learn each table's last row, and what is where its last row was."""
        parts = [
            identity_sql(source, columns, row)
            for source, columns in (
                *((shape.source, shape.identity) for shape in (*GROWING, METRIC)),
                _METRICS,
            )
            if source in self._schema
            for row in ((None, before[source][0]) if source in before else (None,))
        ]
        found: dict[tuple[str, bool], Tail] = {}
        for name, was, row, identity in self.reader.ask(" union all ".join(parts)) if parts else ():
            found[name, bool(was)] = int(row), str(identity)
        self.mark.tails = {name: tail for (name, was), tail in found.items() if not was}
        self._still = {name: tail for (name, was), tail in found.items() if was}
