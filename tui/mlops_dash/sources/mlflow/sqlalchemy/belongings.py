"""What belongs to runs: their parameters, tags, metrics and dataset inputs, and the datasets of those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from mlops_dash.domain.progress import CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import MOST_VALUES, POINTS, Apply, Batch, Reading, too_many
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.mlflow.sqlalchemy.tables import (
    DATASET,
    INPUT,
    INPUT_TAG,
    OF_A_RUN,
    RUN,
    Row,
    Schema,
    Shape,
    columns_of,
    condition,
    number_of,
    selection,
    table_of,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

_IDS_AT_ONCE = 1_000  # in one list of a statement; SQL Server takes 2,100 at most


class Belongings:
    """Reads what belongs to runs."""

    def __init__(self, connection: Connection, schema: Schema, reading: Reading) -> None:
        self._connection = connection
        self._schema = schema
        self._reading = reading

    def of(self, runs: Sequence[Row], gone: Sequence[str]) -> Iterator[Batch]:
        """Yield runs with all that belongs to them, in place of what the store holds of them.

        Args:
            runs: rows as they were selected.
            gone: ids of runs that were removed for good.
        """
        ids = [str(row[0]) for row in runs]
        scope = (*ids, *gone)
        if not scope:
            return
        # what belongs to them comes first: a reading that ends in between finds the runs changed again
        for shape in OF_A_RUN:
            yield from self.table(shape, ids, gone)
        yield Batch("run", columns_of(RUN, runs) if runs else None, Apply.REPLACE_WHERE, ("run_id",), scope)

    def again(self, run_ids: Sequence[str]) -> Iterator[Batch]:
        """Yield everything of these runs, whatever the store holds; those that are gone go."""
        runs = self._selected(RUN, "run_uuid", run_ids)
        there = {str(row[0]) for row in runs}
        yield from self.of(runs, [run_id for run_id in run_ids if run_id not in there])

    def table(self, shape: Shape, run_ids: Sequence[str], gone: Sequence[str] = ()) -> Iterator[Batch]:
        """Yield what one table holds of these runs."""
        scope = (*run_ids, *gone)
        rows = self._selected(shape, shape.key or "", run_ids)
        if shape is INPUT:
            yield from self._of_inputs(rows, scope)
        content = columns_of(shape, rows) if rows else None
        yield Batch(shape.table, content, Apply.REPLACE_WHERE, ("run_id",), scope)

    def _of_inputs(self, inputs: Sequence[Row], scope: tuple[str, ...]) -> Iterator[Batch]:
        datasets = self._selected(DATASET, "dataset_uuid", sorted({str(row[1]) for row in inputs}))
        if datasets:
            yield Batch("dataset", columns_of(DATASET, datasets), Apply.UPSERT, ("dataset_id",))
        now = [str(row[0]) for row in inputs]
        held = [row[0] for row in self._reading.known.rows("tracking_inputs_of_runs", run_ids=list(scope))]
        every = tuple(sorted({*now, *held}))
        if every:
            tags = self._selected(INPUT_TAG, "input_uuid", now)
            content = columns_of(INPUT_TAG, tags) if tags else None
            yield Batch("input_tag", content, Apply.REPLACE_WHERE, ("input_id",), every)

    def digests(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Return a digest of what belongs to each of these runs."""
        found = {run_id: blake2b(digest_size=8) for run_id in run_ids}
        for shape in OF_A_RUN:
            at = [ours for ours, _, _ in shape.columns].index("run_id")
            for row in sorted(self._selected(shape, shape.key or "", run_ids), key=repr):
                found[str(row[at])].update(repr(row).encode("utf-8", "surrogatepass"))
        return {run_id: digest.hexdigest() for run_id, digest in found.items()}

    def _selected(self, shape: Shape, key: str, values: Sequence[str]) -> list[Row]:
        """Return the rows of a table with these keys."""
        from sqlalchemy import select

        table, selected = selection(shape, self._schema)
        found: list[Row] = []
        if key not in table_of(shape.source, self._schema).c:
            return found
        shown: list[Any] = condition(shape, table, self._schema)
        for start in range(0, len(values), _IDS_AT_ONCE):
            self._reading.cancel.check()
            some = list(values[start : start + _IDS_AT_ONCE])
            asked = select(*selected).select_from(table).where(table.c[key].in_(some), *shown)
            found += [tuple(row) for row in self._connection.execute(asked)]
        return found


def read_histories(
    connection: Connection, schema: Schema, run_ids: Sequence[str], keys: Sequence[str], cancel: CancelToken
) -> Iterator[Batch | SourceError]:
    """Yield every value of some metrics, a batch for each run that has any."""
    from sqlalchemy import select

    table = table_of("metrics", schema)
    columns = [table.c[name] for name in ("run_uuid", "key", "step", "timestamp", "value", "is_nan")]
    wanted = set(keys)
    for run_id in dict.fromkeys(run_ids):
        cancel.check()
        asked = select(*columns).where(table.c.run_uuid == run_id, table.c.key.in_(sorted(wanted)))
        rows = [tuple(row) for row in connection.execute(asked.limit(MOST_VALUES))]
        if len(rows) >= MOST_VALUES:
            yield too_many(run_id)
        # a collation may take another id or key for the same
        rows = [row for row in rows if row[0] == run_id and row[1] in wanted]
        if rows:
            texts = {"run_id": [run_id] * len(rows), "key": [str(row[1]) for row in rows]}
            integers = {"step": [int(row[2]) for row in rows], "time": [int(row[3]) for row in rows]}
            values = {"value": [number_of(row[4], row[5]) for row in rows]}
            yield Batch(POINTS, Columns(texts, integers, values), Apply.APPEND)
