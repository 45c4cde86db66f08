"""The Live board as a table of the store, so that SQL joins with the same answer that the screen gives."""

from __future__ import annotations

from mlops_dash.answers.shapes import EnvironmentRow, LiveAnswer
from mlops_dash.sources.base import Apply, Batch


def board_batch(answer: LiveAnswer) -> Batch:
    """Return the board's rows as a batch that replaces the table ``live_board``."""
    import pyarrow as pa

    text, time = pa.string(), pa.timestamp("us")
    schema = pa.schema(
        [(name, text) for name in ("environment", "model", "target", "live", "basis", "declared", "observed")]
        + [("drift", pa.bool_()), ("health", text), ("since", time), ("who", text), ("run_id", text)]
        + [("commit_hash", text), ("behind", pa.int64()), ("metric", text), ("value", pa.float64())]
        + [("asked_at", time)]
    )
    rows = [dict(zip(schema.names, _values(row), strict=True)) for row in answer.environments]
    return Batch("live_board", pa.Table.from_pylist(rows, schema=schema), Apply.REPLACE)


def _values(row: EnvironmentRow) -> tuple[object, ...]:
    known = not row.of_declared  # what is only declared is not said of what is live
    run, code = (row.run, row.code) if known else (None, None)
    seen = row.observed
    return (
        row.environment,
        row.model,
        row.target,
        row.live,
        row.basis.value,
        row.declared.version if row.declared else None,
        seen.version if seen is not None and seen.answered else None,
        row.drift,
        row.health.value,
        row.since.replace(tzinfo=None) if row.since else None,
        row.by,
        run.run_id if run else None,
        code.commit if code else None,
        code.behind if code else None,
        row.primary_metric if run else None,
        run.metrics.get(row.primary_metric) if run and row.primary_metric else None,
        seen.asked_at.replace(tzinfo=None) if seen else None,
    )
