"""What changed in a store in PostgreSQL since a position.

What was written since is told by the number of the transaction that wrote a row (``xmin``): everything from
the oldest transaction on that was under way then is read again. Rows that are gone are told by counting,
which is compared with what the store holds. Tables of up to ``_LOOKED_THROUGH`` blocks are looked through
each time; of larger ones the end, where new rows are, and all of it only now and then: what was written
elsewhere in them shows a little later (:meth:`Mark.is_due`). Late metrics are found by their history, which
only grows.
"""

# ruff: noqa: S608 - identifiers in SQL are the catalogue's, quoted by the server; texts are quoted

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlops_dash.domain.progress import Progress
from mlops_dash.sources.base import Apply, Batch
from mlops_dash.sources.mlflow.postgres.catalogue import HISTORY, Table
from mlops_dash.sources.mlflow.postgres.columns import (
    GROWING,
    KEYS,
    between,
    quoted,
    recent,
    rows_sql,
    source_of,
    where,
)
from mlops_dash.sources.mlflow.postgres.connection import BULK, SIDE
from mlops_dash.sources.mlflow.postgres.lane import Job, Rows
from mlops_dash.sources.mlflow.postgres.position import Mark, Snapshot
from mlops_dash.sources.mlflow.postgres.reading import Cut, Pass
from mlops_dash.sources.mlflow.sqlite.columns import METRIC, OF_A_RUN, RUN, Shape

_LOOKED_THROUGH = 8192  # blocks of 8 kB: 0.05 s
_COUNTED_AT_ONCE = 32_768
_WORTH_TWO_LANES = 2048  # blocks to be counted
_BEFORE_END = 128  # blocks before a table's end that may have been handed out, and are filled only now
_MANY_IDS = 5_000  # from here on a table is read whole rather than row by row
_IDS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted of a range of blocks.

    Attributes:
        rows: all.
        written: those that were written since, before the end that the table had then.
        strays: where these are, the first ``_MANY_IDS`` of them.
    """

    rows: int
    written: int
    strays: tuple[str, ...]


class Changes:
    """The changes of one pass.

    Args:
        one: has looked; its mark is completed here.
        snapshot: what it saw.
        thorough: whether large tables are looked through whatever it costs.
    """

    def __init__(self, one: Pass, before: Mark, snapshot: Snapshot, *, thorough: bool) -> None:
        self._one = one
        self._before = before
        self._snapshot = snapshot
        self._oldest = Snapshot.of(before.snapshot).low
        self._oldest_unseen = Snapshot.of(before.through).low
        self._moved = snapshot.text != before.snapshot
        self._stirred = before.stirred or self._moved
        restarted = before.started != one.mark.started  # it may have been restored from a copy of its files
        self._through = thorough or restarted or self._is_due()
        self._counting: dict[str, list[Job]] = {}
        self._counted: dict[str, list[Count]] = {}
        self._new_runs: frozenset[str] = frozenset()
        self._lane = BULK

    @staticmethod
    def possible(before: Mark, now: Mark, snapshot: Snapshot) -> bool:
        """Whether a reading can go on from ``before``."""
        same = (before.identity, before.columns) == (now.identity, now.columns)
        earlier = (Snapshot.of(before.snapshot), Snapshot.of(before.through))
        return same and all(snapshot.tells_since(one) for one in earlier)

    def batches(self) -> Iterator[Batch]:
        """Yield them, registry and runs first."""
        mark, started = self._one.mark, time.monotonic()
        mark.ends, mark.later = self._before.ends, self._before.later
        mark.checked, mark.took, mark.small = (
            self._before.checked,
            self._before.took,
            dict(self._before.small),
        )
        if self._moved or self._through:
            yield from self._one.small(self._before.small)
            self._start_counting()
            for shape in GROWING:
                yield from self._written(shape)
            yield from self._gone()
        mark.stirred = self._stirred
        mark.through = self._before.through
        if self._through:
            mark.checked, mark.took = time.time(), time.monotonic() - started
        if self._through or not any(map(self._is_large, self._one.catalogue.tables.values())):
            mark.through, mark.stirred = self._snapshot.text, False
        mark.settle(self._snapshot, dict(self._one.blocks))
        self._one.link.release(SIDE)

    # -- what was written ---------------------------------------------------------------------------

    def _written(self, shape: Shape) -> Iterator[Batch]:
        table = self._one.catalogue.tables.get(shape.source)
        if table is None or not table.tracked:
            yield from self._one.compared(shape, self._before.small)
            return
        if not self._is_known(table):
            yield from self._one.whole(shape)
            return
        first = self._end_before(table)
        if shape is METRIC and not self._is_looked_through(table):
            yield from self._late_metrics(shape)
            return
        if not first and shape.table in self._counting:
            yield from self._strays(shape, table)
            return
        yield from self._recent(shape, table, first, self._one.blocks[table.name])
        if first and shape.table in self._counting:
            yield from self._strays(shape, table)

    def _strays(self, shape: Shape, table: Table) -> Iterator[Batch]:
        """Yield rows that were written before the table's end, found where they were counted."""
        counted = self._counts(shape)
        places = [place for count in counted for place in count.strays]
        if sum(count.written for count in counted) > len(places):  # too many to name
            yield from self._recent(shape, table, 0, self._end_before(table) or self._one.blocks[table.name])
            return
        for start in range(0, len(places), _IDS_AT_ONCE):
            some = ", ".join(f"'{place}'" for place in places[start : start + _IDS_AT_ONCE])
            named = f"{table.name}.ctid = any(array[{some}]::tid[]) and {self._new(table)}"
            rows = self._one.link.wait(self._one.link.submit(rows_sql(shape, self._one.catalogue, named)))
            if rows.num_rows:
                yield Batch(shape.table, rows, Apply.UPSERT, KEYS[shape.table])

    def _recent(self, shape: Shape, table: Table, first: int, end: int) -> Iterator[Batch]:
        """Yield the rows that were written since in a range of blocks."""
        new = self._new(table)
        cut = Cut(table, self._one.catalogue.version, first, end)
        parts = (rows_sql(shape, self._one.catalogue, f"{new} and {part}") for part in cut)
        for number, rows in enumerate(self._one.link.ranges(parts, BULK)):
            cut.took(rows.seconds)
            if not rows.num_rows:
                continue
            if shape is RUN:
                self._learn_new_runs(rows)
            # a second statement may see rows again that moved meanwhile
            if first and not number and self._is_of_new_runs(rows):
                yield Batch(shape.table, rows, Apply.APPEND)
            else:
                yield Batch(shape.table, rows, Apply.UPSERT, KEYS[shape.table])

    def _learn_new_runs(self, rows: Rows) -> None:
        """Remember which runs the store does not hold yet: what belongs to them need not be looked for."""
        ids = _run_ids(rows)
        known = self._one.reading.known.rows("tracking_runs_known", run_ids=ids) if ids else []
        self._new_runs |= set(ids).difference(str(row[0]) for row in known)

    def _is_of_new_runs(self, rows: Rows) -> bool:
        ids = _run_ids(rows)
        return bool(ids) and self._new_runs.issuperset(ids)

    def _late_metrics(self, shape: Shape) -> Iterator[Batch]:
        """Yield the latest metrics of the runs whose history grew."""
        table = self._one.catalogue.tables[shape.source]
        history = self._one.catalogue.tables.get(HISTORY)
        first = None if history is None else self._end_before(history)
        if history is None or not history.tracked or not first or not self._is_known(history):
            yield from self._recent(shape, table, 0, self._one.blocks[table.name])
            return
        end = self._one.blocks[HISTORY]
        part = between(history, first, max(end, first + 1), self._one.catalogue.version)
        runs = self._one.link.ask(
            f"select distinct run_uuid from {history.place} as {HISTORY} "
            f"where {recent(history, self._oldest)} and {part} limit {_MANY_IDS + 1}"
        )
        if len(runs) > _MANY_IDS:
            yield from self._recent(shape, table, 0, self._one.blocks[table.name])
            return
        ids = sorted(str(run) for (run,) in runs)
        for batch in rows_of(self._one, shape, "run_id", ids):
            new = batch.rows is not None and self._is_of_new_runs(batch.rows)
            yield Batch(shape.table, batch.rows, Apply.APPEND) if new else batch

    # -- what is gone -------------------------------------------------------------------------------

    def _start_counting(self) -> None:
        """Have the tables counted that are looked through, beside what else is read."""
        chosen = []
        for shape in GROWING:
            table = self._one.catalogue.tables.get(shape.source)
            if table and table.tracked and self._is_known(table) and self._is_looked_through(table):
                chosen.append((shape, table))
        if sum(self._one.blocks[table.name] for _, table in chosen) > _WORTH_TWO_LANES:
            self._lane = SIDE
        for shape, table in chosen:
            self._counting[shape.table] = [
                self._one.link.submit(sql, self._lane) for sql in self._counts_sql(shape, table)
            ]

    def _counts_sql(self, shape: Shape, table: Table) -> Iterator[str]:
        catalogue, blocks = self._one.catalogue, self._one.blocks[table.name]
        new = self._new(table)
        first = self._end_before(table)
        if first:
            new += f" and {table.name}.ctid < '({first},0)'"
        counts = (
            f"select count(*), count(*) filter (where {new}), "
            f"(array_agg({table.name}.ctid::text) filter (where {new}))[1:{_MANY_IDS}] "
            f"from {table.place} as {table.name} where ({where(shape, catalogue)})"
        )
        if blocks <= _COUNTED_AT_ONCE:
            yield counts
            return
        for low in range(0, blocks, _COUNTED_AT_ONCE):
            end = min(blocks, low + _COUNTED_AT_ONCE)
            yield f"{counts} and {between(table, low, end, catalogue.version)}"

    def _counts(self, shape: Shape) -> list[Count]:
        """Return what was counted, once it is."""
        if shape.table not in self._counted:
            found = [self._one.link.wait(job, self._lane).tuples()[0] for job in self._counting[shape.table]]
            self._counted[shape.table] = [
                Count(int(rows), int(new), tuple(places or ())) for rows, new, places in found
            ]
        return self._counted[shape.table]

    def _gone(self) -> Iterator[Batch]:
        held = self._one.held()
        for shape in GROWING:
            if shape.table not in self._counting:
                continue
            theirs = sum(count.rows for count in self._counts(shape))
            if theirs == held.get(shape.table, 0):
                continue
            yield from self._differing(shape)
            if shape is RUN:
                held = self._one.held()

    def _differing(self, shape: Shape) -> Iterator[Batch]:
        """Yield again what is not there as often as in the store, found by the ends of identifiers."""
        known, name = self._one.reading.known, KEYS[shape.table][0]
        table, column = self._one.catalogue.tables[shape.source], source_of(shape, name)
        self._one.reading.progress(Progress("tracking", shape.phase))
        counted = f"count(*) from {table.place} as {table.name} where ({where(shape, self._one.catalogue)})"
        endings = _differences(
            self._one.link.ask(f"select right({column}, 3), {counted} group by 1"),
            known.rows("tracking_endings", relation=shape.table),
        )
        if not endings:
            return
        ids = _differences(
            self._one.link.ask(
                f"select {column}, {counted} and right({column}, 3) in ({quoted(endings)}) group by 1"
            ),
            known.rows("tracking_ids_ending", relation=shape.table, names=endings),
        )
        if len(ids) > _MANY_IDS:
            yield from self._one.whole(shape)
            return
        yield from rows_of(self._one, shape, name, ids)
        for child in OF_A_RUN if shape is RUN else ():
            yield from rows_of(self._one, child, "run_id", ids)

    # -- tables -------------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        return self._stirred and not 0 <= time.time() - self._before.checked < 20 * self._before.took

    def _new(self, table: Table) -> str:
        """Return the condition for rows that may not have been read."""
        looked_through = self._through and self._is_large(table)
        return recent(table, self._oldest_unseen if looked_through else self._oldest)

    def _is_known(self, table: Table) -> bool:
        """Whether the table was read and is still the same object."""
        place = self._before.places.get(table.name)
        return place is not None and place[0] == self._one.mark.places[table.name][0]

    def _is_rewritten(self, table: Table) -> bool:
        return self._before.places.get(table.name) != self._one.mark.places.get(table.name)

    def _is_large(self, table: Table) -> bool:
        return table.name != HISTORY and self._one.blocks.get(table.name, 0) > _LOOKED_THROUGH

    def _is_looked_through(self, table: Table) -> bool:
        return self._through or not self._is_large(table) or self._is_rewritten(table)

    def _end_before(self, table: Table) -> int:
        """Return the first block in which rows may be that were written since; 0 where that is not known."""
        if self._before.ends is None or self._is_rewritten(table):
            return 0
        return max(0, self._before.ends.blocks.get(table.name, 0) - _BEFORE_END)


def rows_of(one: Pass, shape: Shape, name: str, ids: list[str]) -> Iterator[Batch]:
    """Yield the rows of some runs, or of other identifiers, in place of those that the store has.

    Args:
        name: the store's column that holds them.
    """
    table = one.catalogue.tables.get(shape.source)
    if table is None:
        return
    column = source_of(shape, name)
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[start : start + _IDS_AT_ONCE]
        one.reading.progress(Progress("tracking", shape.phase, start, len(ids)))
        sql = rows_sql(shape, one.catalogue, f"{column} in ({quoted(some)})")
        rows = one.link.wait(one.link.submit(sql, BULK), BULK)
        yield Batch(shape.table, rows if rows.num_rows else None, Apply.REPLACE_WHERE, (name,), tuple(some))


def _run_ids(rows: Rows) -> list[str]:
    """Return the runs of some rows; none where these are too many to look at, or are not of runs."""
    if "run_id" not in rows.names or rows.num_rows > _IDS_AT_ONCE:
        return []
    place = rows.names.index("run_id")
    return sorted({str(row[place]) for row in rows.tuples()})


def _differences(theirs: Iterable[tuple[object, ...]], ours: Iterable[tuple[object, ...]]) -> list[str]:
    left, right = dict(theirs), dict(ours)  # type: ignore[arg-type, var-annotated]
    return sorted(str(key) for key in left.keys() | right.keys() if left.get(key) != right.get(key))
