"""Tables of runs for other programs: one flat row for each run, and the JSON that is promised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlops_dash.answers.run_names import METRIC, PARAM, TAG, split_id
from mlops_dash.answers.run_shapes import RunRow, RunsAnswer
from mlops_dash.answers.table_files import write_table

BASE = (
    "run_id", "name", "experiment", "status", "user", "started_at", "ended_at", "commit", "data", "versions",
    "live",
)  # fmt: skip
"""The columns that a flat table has before those that were asked for."""

_PLAIN = frozenset((METRIC, PARAM, TAG))


def runs_rows(answer: RunsAnswer) -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of a flat table: numbers as numbers, times as times, ``None`` for nothing."""
    rows = [[*_base(row), *(row.values.get(column) for column in answer.columns)] for row in answer.rows]
    return [*BASE, *answer.columns], rows


def _base(row: RunRow) -> Sequence[Any]:
    return (
        row.run_id,
        row.name,
        row.experiment,
        row.status,
        row.user,
        row.started_at,
        row.ended_at,
        row.commit,
        " ".join(f"{name}:{digest}" for name, digest in row.data) or None,
        " ".join(f"{name}/{version}" for name, version in row.versions) or None,
        " ".join(row.live) or None,
    )


def runs_object(answer: RunsAnswer) -> dict[str, Any]:
    """Return ``runs --json``; ``other`` is there only where other columns were asked for."""
    return {
        "as_of": answer.as_of,
        "matched": answer.matched,
        "total": answer.total,
        "columns": answer.columns,
        "runs": [_run(row) for row in answer.rows],
    }


def _run(row: RunRow) -> dict[str, Any]:
    logged: dict[str, dict[str, float | str]] = {METRIC: {}, PARAM: {}, TAG: {}}
    other: dict[str, float | str] = {}
    for column, value in row.values.items():
        kind, key = split_id(column)
        if kind in _PLAIN:
            logged[kind][key] = value
        else:
            other[column] = value
    found = {
        "run_id": row.run_id,
        "name": row.name,
        "experiment": row.experiment,
        "status": "DELETED" if row.deleted else row.status,
        "user": row.user,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "metrics": logged[METRIC],
        "params": logged[PARAM],
        "tags": logged[TAG],
        "commit": row.commit,
        "data": [{"name": name, "digest": digest} for name, digest in row.data],
        "versions": [{"model": name, "version": version} for name, version in row.versions],
        "live": row.live,
    }
    return found | ({"other": other} if other else {})


def write_runs(answer: RunsAnswer, path: Path) -> Path:
    """Write a table of runs to a file whose name ends in .csv, .json, .md or .parquet.

    Returns:
        The whole path.

    Raises:
        UsageError: the name does not say how to write it.
        DashError: it could not be written.
    """
    return write_table(path, *runs_rows(answer), document=runs_object(answer))
