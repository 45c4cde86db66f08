"""How MLflow's tables are selected in PostgreSQL: the shapes are SQLite's reader's, the words PostgreSQL's.

PostgreSQL types its columns itself, and rows have no number of their own, so neither shape rows nor
``rowno`` are selected.
"""

# ruff: noqa: S608 - identifiers in SQL are the catalogue's, quoted by the server; texts are quoted

from __future__ import annotations

from mlops_dash.sources.mlflow.postgres.catalogue import Catalogue, Table
from mlops_dash.sources.mlflow.sqlite.columns import (
    DATASET,
    DATASET_INPUT,
    INPUT_TAG,
    LOGGED_MODEL,
    METRIC,
    METRIC_VALUE,
    MODEL_VERSION,
    MODEL_VERSION_TAG,
    PARAM,
    RUN,
    TAG,
    Column,
    Shape,
)

GROWING = (RUN, TAG, DATASET, DATASET_INPUT, INPUT_TAG, LOGGED_MODEL, PARAM, METRIC)
"""Changes are found by the transaction that wrote a row."""
KEYS = {
    RUN.table: ("run_id",),
    TAG.table: ("run_id", "key"),
    PARAM.table: ("run_id", "key"),
    METRIC.table: ("run_id", "key"),
    DATASET.table: ("dataset_id",),
    DATASET_INPUT.table: ("input_id",),
    INPUT_TAG.table: ("input_id", "key"),
    LOGGED_MODEL.table: ("model_id",),
}
"""The store's columns that tell a row from every other; by the first of them rows are read again."""
_LARGEST = "1.7976931348623157e308::float8"  # MLflow stores infinities as the largest double
VALUE = (
    f"case when is_nan then null when value >= {_LARGEST} then 'infinity'::float8 "
    f"when value <= -{_LARGEST} then '-infinity'::float8 else value::float8 end"
)
# what MLflow deleted and keeps the rows of is not read, as by SQLite's reader
_WHERE = {
    DATASET_INPUT.table: "source_type = 'DATASET' and destination_type = 'RUN'",
    LOGGED_MODEL.table: "lifecycle_stage is distinct from 'deleted'",
    MODEL_VERSION.table: "current_stage is distinct from 'Deleted_Internal'",
    MODEL_VERSION_TAG.table: "(name, version) not in (select v.name, v.version from model_versions as v "
    "where v.current_stage = 'Deleted_Internal')",
}
_RANGES_SINCE = 140_000
_SMALLEST_ROW = 28  # bytes of a block that every row takes: its header and pointer
_CASTS = {"integer": "bigint", "real": "float8", "boolean": "boolean"}


def rows_sql(shape: Shape, catalogue: Catalogue, condition: str = "true") -> str:
    """Return the selection of a table's rows, as the store names them.

    Args:
        condition: which rows, an SQL expression over MLflow's columns.
    """
    values = ", ".join(f"{_value(shape, column, catalogue)} as {column.name}" for column in _columns(shape))
    return (
        f"select {values} from {catalogue.tables[shape.source].place} as {shape.source} "
        f"where ({where(shape, catalogue)}) and ({condition})"
    )


def digest_sql(shape: Shape, catalogue: Catalogue) -> str:
    """Return one text of a table's whole content, whatever the order of its rows."""
    digest = "hashtextextended(row_of::text, 0)" if catalogue.version >= 110_000 else "hashtext(row_of::text)"
    return (
        f"select count(*) || ' ' || coalesce(sum({digest})::text, '') as digest "
        f"from ({rows_sql(shape, catalogue)}) as row_of"
    )


def where(shape: Shape, catalogue: Catalogue) -> str:
    """Return which rows of its table a shape takes."""
    if shape is MODEL_VERSION_TAG and not catalogue.has("model_versions", "current_stage"):
        return "true"
    return _WHERE.get(shape.table, "true")


def source_of(shape: Shape, name: str) -> str:
    """Return MLflow's name of one of the store's columns, quoted."""
    return next(column.source for column in shape.columns if column.name == name)


def recent(table: Table, oldest: int) -> str:
    """Return the condition for rows that were written by a transaction numbered ``oldest`` or later.

    ``age`` counts transactions modulo 2**32, as rows hold them: numbers that wrapped around compare right.
    """
    name = table.name
    return f"age({name}.xmin) <= (select age('{oldest & 0xFFFFFFFF}'::xid))"


def between(table: Table, first: int, end: int, version: int) -> str:
    """Return the condition for rows in the table's blocks from ``first`` to before ``end``.

    PostgreSQL finds a range of blocks without looking at the others since version 14; before it only rows
    that are named one by one.
    """
    if version >= _RANGES_SINCE:
        return f"{table.name}.ctid >= '({first},0)' and {table.name}.ctid < '({end},0)'"
    return (
        f"{table.name}.ctid = any(array(select ('(' || b || ',' || o || ')')::tid "
        f"from generate_series({first}, {end - 1}) as b, "
        f"generate_series(1, current_setting('block_size')::int / {_SMALLEST_ROW}) as o))"
    )


def quoted(texts: list[str]) -> str:
    """Return texts as a list of SQL literals."""
    return ", ".join("'" + text.replace("'", "''").replace("\0", "") + "'" for text in texts)


def _columns(shape: Shape) -> tuple[Column, ...]:
    return tuple(column for column in shape.columns if column.name != "rowno")


def _value(shape: Shape, column: Column, catalogue: Catalogue) -> str:
    """Return the expression that reads a column, or null where it is not there or may not be read."""
    lacking = [need for need in column.needs if not catalogue.has(*need.split("."))]
    if shape is RUN and column.name == "name" and lacking == ["tags.run_uuid"]:
        return "nullif(runs.name, '')"
    if lacking:
        return f"null::{_CASTS.get(column.kind, 'text')}"
    if column.source == METRIC_VALUE:
        return VALUE
    if column.kind == "boolean":
        return f"coalesce({column.source}::boolean, false)"
    return column.source
