"""Runs as a table for a person, which fits the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mlops_dash.answers.run_names import split_id
from mlops_dash.answers.run_shapes import RunRow, RunsAnswer
from mlops_dash.cli.reports import COLOURS
from mlops_dash.cli.tables import cell_text, cut, table, width

_NARROWEST = 8  # cells to which a column may shrink


def runs_text(answer: RunsAnswer, room: int | None, *, chosen: bool = False) -> tuple[str, list[str]]:
    """Return runs as a table that fits the terminal, and the columns that were left out for that.

    Args:
        room: cells of a line; ``None`` for any number.
        chosen: the columns were asked for by name: none is left out.
    """
    heads = ["run", "name"]
    cells = [[row.run_id[:8] + _mark(row), row.name] for row in answer.rows]
    if any(row.versions for row in answer.rows):
        heads.append("version")
        for line, row in zip(cells, answer.rows, strict=True):
            line.append(" ".join(f"{name} v{v.removeprefix('v')}" for name, v in row.versions))
    if any(row.live for row in answer.rows):
        heads.append("live in")
        for line, row in zip(cells, answer.rows, strict=True):
            line.append(" ".join(row.live))
    columns = list(answer.columns)
    shown = [[_cell(row, column) for column in columns] for row in answer.rows]
    keep = len(columns) if chosen or room is None else _fitting(heads, cells, columns, shown, room)
    heads += [_head(column) for column in columns[:keep]]
    rows = [[*line, *more[:keep]] for line, more in zip(cells, shown, strict=True)]
    return table(heads, rows, colours=COLOURS, room=room, widest=40), columns[keep:]


def _fitting(
    heads: Sequence[str], cells: Sequence[Sequence[Any]], columns: Sequence[str], shown: Any, room: int
) -> int:
    """Return how many columns fit, every one at least so wide that something of it can be read."""

    def least(head: str, texts: Sequence[Any]) -> int:
        widest = max((width(cut(cell_text(text), _NARROWEST)) for text in texts), default=0)
        return max(min(_NARROWEST, width(head)), widest) + 2

    used = sum(least(head, [row[place] for row in cells]) for place, head in enumerate(heads))
    for place, column in enumerate(columns):
        used += least(_head(column), [row[place] for row in shown])
        if used - 2 > room:
            return place
    return len(columns)


def _mark(row: RunRow) -> str:
    return " ✗" if row.deleted else " ◌" if row.status in ("RUNNING", "SCHEDULED") else ""


def _head(column: str) -> str:
    """Return a column's head: its key where that says enough."""
    kind, key = split_id(column)
    if kind in ("version", "data", "code"):
        key = {"commit": "commit", "digest": "data"}.get(key, f"{kind} {key}")
    return {"start_time": "started", "end_time": "ended", "run_name": "name"}.get(key, key)


def _cell(row: RunRow, column: str) -> Any:
    match column:
        case "attributes.start_time" | "attributes.end_time":
            at: datetime | None = row.started_at if column.endswith("start_time") else row.ended_at
            return at.strftime("%Y-%m-%d %H:%M") if at is not None else None
        case "attributes.status":
            return "DELETED" if row.deleted else row.status
        case "attributes.duration":
            seconds = row.values.get(column)
            return _duration(seconds) if isinstance(seconds, float) else None
        case "code.commit":
            return str(row.values.get(column, ""))[:7] or None
        case "data.digest":
            return " ".join(part[:8] for part in str(row.values.get(column, "")).split(", ")) or None
    return row.values.get(column)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"
