"""Answers as pandas frames, for notebooks. pandas is imported when the first one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mlops_dash.answers.shapes import EnvironmentRow, LiveAnswer, TableAnswer, TraceAnswer

_LIVE = (
    "environment", "model", "target", "protected", "live", "basis", "drift", "declared", "observed", "health",
    "since", "by", "run_id", "run", "experiment", "commit", "subject", "author", "committed_at", "behind",
    "code_status", "data", "newer_data", "rebuildable", "missing", "attention",
)  # fmt: skip


def live_frame(answer: LiveAnswer) -> pd.DataFrame:
    """Return one row for each environment; metrics and parameters as ``metrics.KEY`` and ``params.KEY``.

    As in ``live --json``, run, code and data are empty where it is not known what is live.
    """
    rows = [_environment(row) for row in answer.environments]
    keys = {key for row in rows for key in row}
    metrics = sorted(key for key in keys if key.startswith("metrics."))
    params = sorted(key for key in keys if key.startswith("params."))
    frame = _frame([*_LIVE, *metrics, *params], rows)
    for column in ("since", "committed_at"):
        frame[column] = _times(frame[column])
    frame["behind"] = frame["behind"].astype("Int64")
    return frame


def trace_frame(answer: TraceAnswer) -> pd.DataFrame:
    """Return one row for each node, its facts as columns; the edges are in ``frame.attrs["edges"]``."""
    own = ["id", "kind", "label"]
    rows: list[dict[str, Any]] = []
    for node in answer.nodes:
        facts = {key: value for key, value in node.facts.items() if key not in own}
        rows.append({"id": node.id, "kind": node.kind, "label": node.label} | facts)
    columns = list(dict.fromkeys(key for row in rows for key in row)) or own
    frame = _frame(columns, rows)
    frame.attrs["edges"] = [(edge.source, edge.target, edge.kind) for edge in answer.edges]
    return frame


def table_frame(answer: TableAnswer) -> pd.DataFrame:
    """Return the rows with their columns as they were named."""
    import pandas as pd

    return pd.DataFrame(list(answer.rows), columns=list(answer.columns))


def _environment(row: EnvironmentRow) -> dict[str, Any]:
    known = not row.of_declared
    run, code = (row.run, row.code) if known else (None, None)
    data = row.data if known else ()
    seen = row.observed
    found: dict[str, Any] = {
        "environment": row.environment,
        "model": row.model,
        "target": row.target,
        "protected": row.protected,
        "live": row.live,
        "basis": row.basis.value,
        "drift": row.drift,
        "declared": row.declared.version if row.declared else None,
        "observed": seen.version if seen is not None and seen.answered else None,
        "health": row.health.value,
        "since": row.since,
        "by": row.by,
        "run_id": run.run_id if run else None,
        "run": run.name if run else None,
        "experiment": run.experiment if run else None,
        "commit": code.commit if code else None,
        "subject": code.subject if code else None,
        "author": code.author if code else None,
        "committed_at": code.committed_at if code else None,
        "behind": code.behind if code else None,
        "code_status": code.status.value if code else None,
        "data": [f"{d.name}@{d.digest}" for d in data],
        "newer_data": sum(d.newer for d in data),
        "rebuildable": known and row.rebuildable.ready,
        "missing": list(row.rebuildable.missing) if known else ["live version"],
        "attention": [item.code for item in row.attention],
    }
    if run is not None:
        found |= {f"metrics.{key}": value for key, value in run.metrics.items()}
        found |= {f"params.{key}": value for key, value in run.params.items()}
    return found


def _frame(columns: list[str], rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({key: pd.Series([row.get(key) for row in rows]) for key in columns}, columns=columns)


def _times(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return times in UTC; those that no pandas clock holds are missing."""
    import pandas as pd

    return pd.to_datetime(column, utc=True, errors="coerce")
