"""Rows that hold what is no text (bytes that are not UTF-8), read one range at a time and mended."""

# ruff: noqa: S608 - identifiers in SQL are ours, texts are quoted

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_dash.sources.base import Apply, Batch
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.mlflow.sqlite.columns import Schema, Shape, rows_sql, shape_column
from mlops_dash.sources.mlflow.sqlite.connection import Reader, explain

_ROWS_AT_ONCE = 8192


def recovered(
    error: Exception, reader: Reader, shape: Shape, schema: Schema, conditions: tuple[str, ...], failed: Batch
) -> Iterator[Batch]:
    """Yield the rows of a batch that failed because of invalid text, each invalid byte as ``\ufffd``.

    Raises:
        SourceError: it failed for another reason; says which.
    """
    if "unicode" not in str(error).lower() and "utf" not in str(error).lower():
        raise explain(error, reader.path) from error
    mode, keys, scope = failed.apply, failed.keys, failed.scope
    for condition in conditions:
        above = -1
        while True:
            part = f"rowid in (select rowid from {shape.source} where rowid > {above} and ({condition}) "
            part += f"order by rowid limit {_ROWS_AT_ONCE})"
            rows = _rows(reader, shape, schema, part)
            yield Batch(failed.table, _table(shape, rows), mode, keys, scope)
            mode = Apply.APPEND
            last = reader.ask(f"select coalesce(max(rowid), -1) as last from {shape.source} where {part}")[0][
                0
            ]
            if last < 0:
                break
            above = last


def _rows(reader: Reader, shape: Shape, schema: Schema, condition: str) -> list[tuple[Any, ...]]:
    try:
        rows = reader.ask(rows_sql(shape, schema, condition, blobs=True))[1:]  # without the shape row
        return rows if shape_column(shape) == "rowno" else [row[1:] for row in rows]
    except Exception as error:
        raise explain(error, reader.path) from error


def _table(shape: Shape, rows: list[tuple[Any, ...]]) -> Columns:
    columns: dict[str, dict[str, list[Any]]] = {"text": {}, "integer": {}, "real": {}, "boolean": {}}
    for number, column in enumerate(shape.columns):
        values = [row[number] for row in rows]
        if column.kind == "text":
            values = [None if value is None else bytes(value).decode("utf-8", "replace") for value in values]
        elif column.kind == "boolean":
            values = [bool(value) for value in values]
        columns[column.kind][column.name] = values
    return Columns(columns["text"], columns["integer"], columns["real"], columns["boolean"])
