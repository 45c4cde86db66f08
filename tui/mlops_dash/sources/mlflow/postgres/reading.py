"""Reading a store in PostgreSQL from the beginning: table after table, in short statements, side by side.

A pass takes its snapshot before it reads, so whatever is written meanwhile, or was not committed yet, is
found by :mod:`~mlops_dash.sources.mlflow.postgres.changes` later. A range of blocks is read by one statement
in a transaction of its own, and kept in memory while it goes into the store: the server's vacuum is never
held back for longer than a range takes.
"""

# ruff: noqa: S608 - identifiers in SQL are the catalogue's, quoted by the server

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from mlops_dash.domain.progress import Progress
from mlops_dash.sources.base import Apply, Batch, Position, Reading, Tracks, run_counts
from mlops_dash.sources.mlflow.postgres.catalogue import STAMPED, Table
from mlops_dash.sources.mlflow.postgres.columns import between, digest_sql, rows_sql
from mlops_dash.sources.mlflow.postgres.connection import BULK, SIDE, Link
from mlops_dash.sources.mlflow.postgres.position import Mark, Snapshot
from mlops_dash.sources.mlflow.sqlite.columns import (
    DATASET,
    DATASET_INPUT,
    INPUT_TAG,
    LOGGED_MODEL,
    METRIC,
    PARAM,
    RUN,
    SMALL,
    TAG,
    Shape,
)

ABSENT = "none"
_AT_ONCE = (128, 3072)  # blocks of a statement, at least and at most: more takes memory only
_BRIEF = 0.5  # seconds that a statement should take
_WORTH_TWO_LANES = 1024  # blocks
_WORTH_A_STOP = 8192  # blocks that are still to come when it pays to show what there is
# runs and tags first, because a board of them is of use already
_FIRST = ((RUN, DATASET, LOGGED_MODEL), (TAG, DATASET_INPUT, INPUT_TAG))
_THEN = ((PARAM,), (METRIC,))


class Pass:
    """Reads once.

    Attributes:
        mark: where it ends, complete when the iterator is exhausted.
        blocks: how long each table is.
    """

    def __init__(self, link: Link, reading: Reading) -> None:
        self.link = link
        self.reading = reading
        self.catalogue = link.catalogue(again=reading.thorough)
        self.mark = Mark(self.catalogue.identity, self.catalogue.started, self.catalogue.digest)
        self.blocks: dict[str, int] = {}
        self._expected: dict[str, int] = {}

    def held(self) -> dict[str, int]:
        """Return how many rows the store holds, by table."""
        return {str(name): int(rows) for name, rows in self.reading.known.rows("tracking_rows_held")}

    def look(self) -> Snapshot:
        """Learn where the tables end, and then which transactions can be seen."""
        self._measure()
        snapshot, stamp = self.link.ask(STAMPED)[0]
        if str(stamp) != self.catalogue.stamp:  # a migration or a grant since
            self.catalogue = self.link.catalogue(again=True)
            self.mark.columns = self.catalogue.digest
            self._measure()
            snapshot = self.link.ask(STAMPED)[0][0]
        return Snapshot.of(str(snapshot))

    def _measure(self) -> None:
        tables = [table for table in self.catalogue.tables.values() if table.tracked]
        found = self.link.ask(
            "select c.oid::bigint, coalesce(pg_relation_filenode(c.oid), 0)::bigint, "
            "coalesce(pg_relation_size(c.oid) / current_setting('block_size')::bigint, 0)::bigint, "
            f"c.reltuples::float8 from pg_catalog.pg_class as c "
            f"where c.oid in ({', '.join(['0', *(str(table.oid) for table in tables)])})"
        )
        by_oid = {int(oid): (int(file), int(blocks), int(rows)) for oid, file, blocks, rows in found}
        self.mark.places = {}
        for table in tables:
            file, self.blocks[table.name], self._expected[table.name] = by_oid.get(table.oid, (0, 0, 0))
            self.mark.places[table.name] = [table.oid, file]

    def everything(self, snapshot: Snapshot) -> Iterator[Batch | Tracks | Position]:
        """Yield all there is."""
        self.mark.settle(snapshot, dict(self.blocks))
        self.mark.through, self.mark.checked = snapshot.text, time.time()
        yield from self.small({})
        lanes = (BULK, SIDE if sum(self.blocks.values()) > _WORTH_TWO_LANES else BULK)
        yield Tracks(tuple(map(self._tables, _FIRST, lanes)))
        to_come = [shape.source for side in _THEN for shape in side]
        if sum(self.blocks.get(source, 0) for source in to_come) > _WORTH_A_STOP:
            places = {name: place for name, place in self.mark.places.items() if name not in to_come}
            counts = f"{run_counts(self.reading.known)}, parameters and metrics to come"
            yield Position(replace(self.mark, places=places).dump(), counts, whole=False)
        yield Tracks(tuple(map(self._tables, _THEN, lanes)))
        self.link.release(SIDE)

    def small(self, before: dict[str, str]) -> Iterator[Batch]:
        """Yield the tables that are compared whole, where they are not as they were."""
        for shape in SMALL:
            yield from self.compared(shape, before)

    def compared(self, shape: Shape, before: dict[str, str], lane: int = BULK) -> Iterator[Batch]:
        """Yield a table if it is not as it was."""
        digest = ABSENT
        if shape.source in self.catalogue.tables:
            digest = str(self.link.ask(digest_sql(shape, self.catalogue), lane)[0][0])
        self.mark.small[shape.source] = digest
        if digest == ABSENT != before.get(shape.source):
            yield Batch(shape.table, None, Apply.REPLACE)
        elif digest != before.get(shape.source):
            rows = self.link.wait(self.link.submit(rows_sql(shape, self.catalogue), lane), lane)
            yield Batch(shape.table, rows, Apply.REPLACE)

    def whole(self, shape: Shape, lane: int = BULK) -> Iterator[Batch]:
        """Yield a whole table: its first batch replaces what was there."""
        table = self.catalogue.tables.get(shape.source)
        if table is None or not table.tracked:
            yield from self.compared(shape, {}, lane)
            return
        done = 0
        mode = Apply.REPLACE
        cut = Cut(table, self.catalogue.version, 0, self.blocks[table.name])
        for rows in self.link.ranges((rows_sql(shape, self.catalogue, part) for part in cut), lane):
            cut.took(rows.seconds)
            done += rows.num_rows
            total = max(done, self._expected[table.name])
            self.reading.progress(Progress("tracking", shape.phase, done, total))
            yield Batch(shape.table, rows, mode)
            mode = Apply.APPEND
        if mode is Apply.REPLACE:
            yield Batch(shape.table, None, mode)

    def _tables(self, shapes: tuple[Shape, ...], lane: int) -> Iterator[Batch]:
        for shape in shapes:
            yield from self.whole(shape, lane)


class Cut:
    """Conditions that cut a table's blocks into ranges, each to be read in about half a second."""

    def __init__(self, table: Table, version: int, first: int, end: int) -> None:
        self._table = table
        self._version = version
        self._next = first
        self._end = end
        self._step = _AT_ONCE[1]

    def __iter__(self) -> Iterator[str]:
        while self._next < self._end:
            first, self._next = self._next, min(self._end, self._next + self._step)
            yield between(self._table, first, self._next, self._version)

    def took(self, seconds: float) -> None:
        """Adapt the next ranges to how long one took."""
        factor = min(4.0, max(0.25, _BRIEF / max(seconds, 0.001)))
        self._step = max(_AT_ONCE[0], min(_AT_ONCE[1], int(self._step * factor)))
