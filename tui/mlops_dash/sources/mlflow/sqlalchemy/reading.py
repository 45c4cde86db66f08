"""One pass over a tracking store in a database: everything, or what changed since a position.

Runs are cut into 256 parts by the first characters of their ids. The database computes a digest of every
part of ``runs``; a part whose digest changed is read, compared with what the store holds, and of runs that
are new or changed all that belongs to them is read. A first reading is the same with no digest known, part
by part, so that it can be interrupted anywhere. Digests are computed before the rows that they stand for
are read: what is written meanwhile is found by the next pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from mlops_dash.domain.progress import Progress
from mlops_dash.sources.base import Apply, Batch, Position, Reading, run_counts
from mlops_dash.sources.mlflow.address import Kind
from mlops_dash.sources.mlflow.sqlalchemy.belongings import Belongings
from mlops_dash.sources.mlflow.sqlalchemy.digests import Digests, parts, starting, whole, width_of
from mlops_dash.sources.mlflow.sqlalchemy.position import Mark
from mlops_dash.sources.mlflow.sqlalchemy.tables import (
    ALL,
    DATASET,
    LOGGED_MODEL,
    OF_A_RUN,
    RUN,
    SMALL,
    Row,
    Schema,
    Shape,
    columns_of,
    condition,
    selection,
    table_of,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

RUNS_AT_ONCE = 4_000  # of a first reading: some 100,000 rows in memory
RUNS_SWEPT = 2_000  # whose belongings are looked at for edits, each refresh
RUNNING = 200  # newest running runs whose belongings are looked at, each refresh
_COMPARED = ("run_id", "name", "status", "end_time", "lifecycle_stage", "experiment_id")


class Pass:
    """Reads once. ``mark`` is where it ends, complete when the iterator is exhausted."""

    def __init__(self, connection: Connection, kind: Kind, schema: Schema, reading: Reading) -> None:
        self._connection = connection
        self._kind = kind
        self._schema = schema
        self._reading = reading
        self._belongings = Belongings(connection, schema, reading)
        known = sorted(f"{shape.source}.{name}" for shape in ALL for name in schema.get(shape.source, ()))
        self.mark = Mark(blake2b(",".join(known).encode(), digest_size=8).hexdigest())

    def batches(self, before: Mark | None) -> Iterator[Batch | Position]:
        """Yield what changed since ``before``, or everything if nothing can go on from there."""
        if before is None or before.schema != self.mark.schema:
            before = Mark(self.mark.schema)
            for shape in ALL:
                yield Batch(shape.table, None, Apply.REPLACE)
        self.mark.parts = {table: dict(found) for table, found in before.parts.items()}
        self.mark.small, self.mark.swept = dict(before.small), before.swept
        yield from self._small()
        yield from self._runs()
        yield from self._running(before)
        yield from self._sweep()
        yield from self._logged_models()
        yield from self._datasets()

    # -- tables that are small ------------------------------------------------------------------------

    def _small(self) -> Iterator[Batch]:
        for shape in SMALL:
            self._reading.cancel.check()
            digest = whole(self._connection, self._kind, shape, self._schema)
            if self.mark.small.get(shape.source) == digest:
                continue
            self._reading.progress(Progress("tracking", shape.phase))
            rows = self._rows(shape) if shape.source in self._schema else []
            yield Batch(shape.table, columns_of(shape, rows) if rows else None, Apply.REPLACE)
            self.mark.small[shape.source] = digest

    def _rows(self, shape: Shape, *conditions: Any) -> list[Row]:
        from sqlalchemy import select

        self._reading.cancel.check()
        table, selected = selection(shape, self._schema)
        asked = select(*selected).select_from(table)
        found = self._connection.execute(asked.where(*condition(shape, table, self._schema), *conditions))
        return [tuple(row) for row in found]

    # -- runs -----------------------------------------------------------------------------------------

    def _runs(self) -> Iterator[Batch | Position]:
        """Yield runs that are new, changed or gone, with all that belongs to them."""
        now = parts(self._connection, self._kind, RUN, self._schema)
        known = self.mark.parts.setdefault(RUN.source, {})
        changed = sorted(part for part in now.keys() | known.keys() if now.get(part) != known.get(part))
        first = {part for part in changed if part not in known}
        total = sum(_count(now, part) for part in changed)
        done = 0
        for group in _groups(changed, now):
            self._reading.progress(Progress("tracking", "runs", done, total))
            fresh = [part for part in group if part in first]
            digests = self._digests_of(fresh)
            yield from self._group(group)
            for part in group:
                known.pop(part, None)
                if part in now:
                    known[part] = now[part]
            for source, found in digests.items():
                self.mark.parts.setdefault(source, {}).update(found)
            done += sum(_count(now, part) for part in group)
            if done < total:
                yield Position(self.mark.dump(), run_counts(self._reading.known), whole=False)

    def _digests_of(self, fresh: Sequence[str]) -> dict[str, Digests]:
        """Return digests of what belongs to runs that are about to be read for the first time."""
        if not fresh:
            return {}
        return {s.source: parts(self._connection, self._kind, s, self._schema, fresh) for s in OF_A_RUN}

    def _group(self, group: Sequence[str]) -> Iterator[Batch]:
        """Yield what changed in some parts."""

        table = table_of(RUN.source, self._schema)
        now = {str(row[0]): row for row in self._rows(RUN, starting(table.c.run_uuid, group))}
        held = self._held("database_runs_under", group)
        changed = [run_id for run_id, row in now.items() if held.get(run_id) != _compared(row)]
        gone = [run_id for run_id in held if run_id not in now]
        yield from self._belongings.of([now[run_id] for run_id in changed], gone)

    def _held(self, question: str, group: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        """Return what the store holds of some parts, by id."""
        if not group:
            return {}
        rows = self._reading.known.rows(question, prefixes=list(group), width=len(group[0]))
        return {row[0]: row for row in rows}

    # -- what belongs to runs -------------------------------------------------------------------------

    def _running(self, before: Mark) -> Iterator[Batch]:
        """Yield what belongs to runs that are running, where it changed."""
        from sqlalchemy import select

        table = table_of(RUN.source, self._schema)
        asked = (
            select(table.c.run_uuid).where(table.c.status == "RUNNING").order_by(table.c.start_time.desc())
        )
        ids = [str(row[0]) for row in self._connection.execute(asked.limit(RUNNING))]
        self.mark.running = self._belongings.digests(ids)
        changed = [run_id for run_id in ids if before.running.get(run_id) != self.mark.running.get(run_id)]
        if changed:
            yield from self._belongings.again(changed)

    def _sweep(self) -> Iterator[Batch]:
        """Yield what was edited of old runs, in the parts whose turn it is."""
        for group in _groups(self._turn(), self.mark.parts.get(RUN.source, {})):
            for shape in OF_A_RUN:
                self._reading.cancel.check()
                now = parts(self._connection, self._kind, shape, self._schema, group)
                known = self.mark.parts.setdefault(shape.source, {})
                changed = [part for part in group if now.get(part) != known.get(part)]
                if changed:
                    runs = self._held("database_runs_under", changed)
                    yield from self._belongings.table(shape, list(runs))
                for part in group:
                    known.pop(part, None)
                    if part in now:
                        known[part] = now[part]

    def _turn(self) -> list[str]:
        """Return the parts of runs in which edits are looked for now."""
        sizes = self.mark.parts.get(RUN.source, {})
        names = sorted(sizes)
        if self._reading.thorough or sum(_count(sizes, name) for name in names) <= RUNS_SWEPT:
            return names
        start = next((number for number, name in enumerate(names) if name > self.mark.swept), 0)
        turn: list[str] = []
        seen = 0
        for name in [*names[start:], *names[:start]]:
            seen += _count(sizes, name)
            if turn and seen > RUNS_SWEPT:
                break
            turn.append(name)
        self.mark.swept = turn[-1] if turn else ""
        return turn

    # -- logged models and datasets -------------------------------------------------------------------

    def _logged_models(self) -> Iterator[Batch]:

        now = parts(self._connection, self._kind, LOGGED_MODEL, self._schema)
        known = self.mark.parts.setdefault(LOGGED_MODEL.source, {})
        changed = sorted(part for part in now.keys() | known.keys() if now.get(part) != known.get(part))
        for group in _groups(changed, now):
            self._reading.progress(Progress("tracking", LOGGED_MODEL.phase))
            table = table_of(LOGGED_MODEL.source, self._schema)
            rows = self._rows(LOGGED_MODEL, starting(table.c.model_id, group))
            held = self._reading.known.rows(
                "database_models_under", prefixes=list(group), width=width_of(LOGGED_MODEL)
            )
            scope = {str(row[0]) for row in rows} | {row[0] for row in held}
            content = columns_of(LOGGED_MODEL, rows) if rows else None
            yield Batch("logged_model", content, Apply.REPLACE_WHERE, ("model_id",), tuple(sorted(scope)))
            for part in group:
                known.pop(part, None)
                if part in now:
                    known[part] = now[part]

    def _datasets(self) -> Iterator[Batch]:
        """Yield all datasets where there are others than the runs that were read brought along."""
        from sqlalchemy import func, select

        table = table_of(DATASET.source, self._schema)
        if "dataset_uuid" not in table.c:
            return
        count = int(self._connection.execute(select(func.count()).select_from(table)).scalar_one())
        ((held,),) = self._reading.known.rows("database_dataset_count") or [(0,)]
        if count == held:
            return
        mode, last = Apply.REPLACE, ""
        while True:
            page = self._page(table, last)
            if page or mode is Apply.REPLACE:
                yield Batch("dataset", columns_of(DATASET, page) if page else None, mode)
            if not page:
                return
            mode, last = Apply.APPEND, str(page[-1][0])

    def _page(self, table: Any, last: str) -> list[Row]:
        from sqlalchemy import select

        self._reading.cancel.check()
        _, selected = selection(DATASET, self._schema)
        asked = select(*selected).where(table.c.dataset_uuid > last).order_by(table.c.dataset_uuid)
        return [tuple(row) for row in self._connection.execute(asked.limit(RUNS_AT_ONCE))]


def _compared(row: Row) -> tuple[Any, ...]:
    """What of a run is compared with the store's."""
    by_name = {ours: kind(row[number]) for number, (ours, _, kind) in enumerate(RUN.columns)}
    return tuple(by_name[name] for name in _COMPARED)


def _count(digests: Digests, part: str) -> int:
    """The number of rows of a part; 0 where it is not there."""
    return int(digests.get(part, "0 ").partition(" ")[0])


def _groups(names: Sequence[str], sizes: Digests) -> Iterator[list[str]]:
    """Yield parts that are read at once."""
    group: list[str] = []
    rows = 0
    for name in names:
        rows += _count(sizes, name)
        group.append(name)
        if rows >= RUNS_AT_ONCE:
            yield group
            group, rows = [], 0
    if group:
        yield group
