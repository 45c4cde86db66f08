"""The Live board as a table of the store, so that SQL joins with the same answer that the screen gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mlops_dash.answers.shapes import EnvironmentRow, LiveAnswer
from mlops_dash.sources.base import Apply, Batch
from mlops_dash.sources.columns import Columns

_INTEGERS = ("since", "behind", "asked_at")


def board_batch(answer: LiveAnswer) -> Batch:
    """Return the board's rows as a batch that replaces the table ``live_board``."""
    rows = [_values(row) for row in answer.environments]
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    if not rows:
        return Batch("live_board", None, Apply.REPLACE)
    table = Columns(
        integers={name: columns.pop(name) for name in _INTEGERS},
        reals={"value": columns.pop("value")},
        booleans={"drift": columns.pop("drift")},
        texts=columns,
    )
    return Batch("live_board", table, Apply.REPLACE)


def _values(row: EnvironmentRow) -> dict[str, Any]:
    known = not row.of_declared  # what is only declared is not said of what is live
    run, code = (row.run, row.code) if known else (None, None)
    seen = row.observed
    return {
        "environment": row.environment,
        "model": row.model,
        "target": row.target,
        "live": row.live,
        "basis": row.basis.value,
        "declared": row.declared.version if row.declared else None,
        "observed": seen.version if seen is not None and seen.answered else None,
        "drift": row.drift,
        "health": row.health.value,
        "since": _milliseconds(row.since),
        "who": row.by,
        "run_id": run.run_id if run else None,
        "commit_hash": code.commit if code else None,
        "behind": code.behind if code else None,
        "metric": row.primary_metric if run else None,
        "value": run.metrics.get(row.primary_metric) if run and row.primary_metric else None,
        "asked_at": _milliseconds(seen.asked_at if seen else None),
    }


def _milliseconds(moment: datetime | None) -> int | None:
    return round(moment.timestamp() * 1000) if moment else None
