"""What a source tells of metrics' histories, as plain rows."""

from __future__ import annotations

from typing import Any

import duckdb

from mlops_dash.sources.base import POINTS, Apply, Batch


def history_of(source: Any, run_ids: list[str], keys: list[str]) -> list[tuple[Any, ...]]:
    """Return (run id, key, step, time in ms, value or ``None`` for NaN) of every value, sorted by the first
    four; values of one step and time come as the source tells them.

    Raises:
        SourceError: some, or all, could not be read.
    """
    rows: list[tuple[Any, ...]] = []
    told: set[str] = set()
    with duckdb.connect(":memory:", config={"threads": "1"}) as scratch:
        for batch in source.metric_history(run_ids, keys):
            if not isinstance(batch, Batch):
                raise batch
            assert (batch.table, batch.apply) == (POINTS, Apply.APPEND)
            scratch.register("incoming", batch.rows)
            shape = f" where {batch.shaped} >= 0" if batch.shaped else ""
            columns = "run_id, key, step, time, value"
            scratch.execute(f"create or replace temp table told as select {columns} from incoming{shape}")
            scratch.unregister("incoming")
            some = scratch.execute("from told").fetchall()
            kinds = [row[1] for row in scratch.execute("describe told").fetchall()]
            assert kinds == ["VARCHAR", "VARCHAR", "BIGINT", "BIGINT", "DOUBLE"]
            runs = {row[0] for row in some}
            assert not runs & told, "all of a run comes in one batch"
            told |= runs
            rows += some
    return sorted(rows, key=lambda row: row[:4])
