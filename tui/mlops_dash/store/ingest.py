"""Applies a source's batches to the store: one transaction each, all of it or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb

from mlops_dash.errors import StoreError
from mlops_dash.sources.base import Apply, Batch, Tracks
from mlops_dash.store.questions import statements

Columns = dict[str, dict[str, str]]
_RUN, _KEY, _ODD = "run_id", "run_key", "odd_run_id"
_MAY_HOLD_ADDRESSES = {
    "experiment": ("artifact_location",),
    "run": ("name", "source_name", "artifact_uri"),
    "param": ("value",),
    "tag": ("value",),
    "dataset": ("name", "source", "profile"),
    "input_tag": ("value",),
    "logged_model": ("artifact_location",),
    "registered_model": ("description",),
    "model_version": ("source", "storage_location", "description"),
    "model_version_tag": ("value",),
    "git_commit": ("subject",),
    "git_ref": ("message",),
    "git_state": ("remote",),
    "commit_position": ("subject",),
    "manifest": ("value", "subject"),
    "manifest_change": ("subject",),
}
"""Columns whose texts people write: passwords and signatures in addresses are not kept."""


def table_columns(connection: duckdb.DuckDBPyConnection) -> Columns:
    """Return the type of every column by table and column name."""
    tables: Columns = {}
    for table, column, kind in connection.execute(statements()["columns"]).fetchall():
        tables.setdefault(table, {})[column] = kind
    return tables


def apply_batch(connection: duckdb.DuckDBPyConnection, batch: Batch, tables: Columns) -> None:
    """Apply one batch in a transaction of its own.

    A batch that fails and knows how to ``recover`` is applied in its recovered form instead.

    Raises:
        StoreError: the batch does not fit the schema.
        Exception: whatever the batch's stream or its ``recover`` raised; nothing was changed then.
    """
    if batch.table not in tables:
        raise StoreError(f"the cache has no table {batch.table!r}")
    try:
        _transact(connection, batch, tables[batch.table])
    except Exception as error:
        if batch.recover is None:
            raise
        for part in batch.recover(error):
            _transact(connection, part, tables[part.table])


def apply_tracks(cursor: Callable[[], duckdb.DuckDBPyConnection], tracks: Tracks, tables: Columns) -> None:
    """Apply the sides of ``tracks`` at once, each on a thread of its own.

    Args:
        cursor: returns the calling thread's cursor.

    Raises:
        Exception: what the first side that failed raised; the others ended after their current batch.
    """
    failures: list[BaseException] = []

    def work(side: Iterator[Batch]) -> None:
        try:
            for batch in side:
                if failures:
                    return
                apply_batch(cursor(), batch, tables)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(side,), daemon=True) for side in tracks.sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _transact(connection: duckdb.DuckDBPyConnection, batch: Batch, columns: dict[str, str]) -> None:
    parts = _register(connection, batch)
    try:
        connection.begin()
        try:
            _clear_and_insert(connection, batch, columns, parts)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    finally:
        for name in parts:
            connection.unregister(name)


def _register(connection: duckdb.DuckDBPyConnection, batch: Batch) -> dict[str, Any]:
    """Make the batch's streams known to the connection; they are not opened before the scan."""
    if batch.rows is None:
        return {}
    streams = batch.rows if isinstance(batch.rows, tuple) else (batch.rows,)
    parts = {f"incoming_{number}": stream for number, stream in enumerate(streams)}
    for name, stream in parts.items():
        connection.register(name, stream)
    return parts


def _clear_and_insert(
    connection: duckdb.DuckDBPyConnection, batch: Batch, columns: dict[str, str], parts: dict[str, Any]
) -> None:
    text = statements()
    given = [column for column in columns if column not in (_KEY, _ODD) and _has_column(parts, column)]
    stored = [name for column in given for name in _stored(column, columns)]
    selection = " union all ".join(
        text["select_part"].format(
            expressions=", ".join(_expression(batch.table, column, columns) for column in stored),
            part=text["keyed_part"].format(part=part) if _KEY in stored else part,
            where=f" where {batch.shaped} >= 0" if batch.shaped else "",
        )
        for part in parts
    )
    _clear(connection, batch, columns)
    table = batch.table
    if not parts:
        return
    if batch.apply is Apply.UPSERT:
        selection = _upsert(connection, batch, selection, [_stored(key, columns)[0] for key in batch.keys])
    names = [f'"{name}"' for name in stored]
    connection.execute(text["insert"].format(table=table, columns=", ".join(names), selection=selection))
    if batch.apply is Apply.UPSERT:
        connection.execute(text["unstage"].format(staging=f"staging_{table}"))


def _clear(connection: duckdb.DuckDBPyConnection, batch: Batch, columns: dict[str, str]) -> None:
    """Delete what the batch replaces, but for rows with equal keys."""
    text, table = statements(), batch.table
    if batch.apply is Apply.REPLACE:
        connection.execute(text["clear"].format(table=table))
    elif batch.apply is Apply.REPLACE_WHERE:
        name, bounds = "clear_where", {}
        within, low, high = batch.within or ("", 0, 0)
        if within:
            name, bounds = "clear_where_within", {"low": low, "high": high}
        key = _stored(batch.keys[0], columns)[0]
        scope = text["scope_of_runs" if key == _KEY else "scope"]
        clear = text[name].format(table=table, key=key, within=within, scope=scope)
        connection.execute(clear, {"scope": list(batch.scope), **bounds})
    elif batch.apply is Apply.REPLACE_RANGE:
        clear = text["clear_range"].format(table=table, key=batch.keys[0])
        connection.execute(clear, {"low": int(batch.scope[0]), "high": int(batch.scope[1])})


def _stored(column: str, columns: dict[str, str]) -> tuple[str, ...]:
    """Return the columns that hold what is given as ``column``: for a run's id its key, and the id itself or
    as much of it as the key does not tell."""
    if column == _RUN and _KEY in columns:
        return (_KEY, _ODD if _ODD in columns else _RUN)
    return (column,)


def _upsert(connection: duckdb.DuckDBPyConnection, batch: Batch, selection: str, keys: Sequence[str]) -> str:
    """Read the streams once into a staging table, clear the rows that they replace, and read from there."""
    text = statements()
    staging = f"staging_{batch.table}"
    connection.execute(text["stage"].format(staging=staging, selection=selection))
    condition = " and ".join(f's."{key}" is not distinct from {batch.table}."{key}"' for key in keys)
    connection.execute(text["clear_matching"].format(table=batch.table, staging=staging, condition=condition))
    return f"from {staging}"


def _has_column(parts: dict[str, Any], column: str) -> bool:
    """Tell whether the streams bring a column. Those that do not say must bring all of the table's."""
    for stream in parts.values():
        names = getattr(stream, "names", None) or getattr(getattr(stream, "schema", None), "names", None)
        if names is not None and column not in names:
            return False
    return True


def _expression(table: str, column: str, columns: dict[str, str]) -> str:
    quoted, kind = f'"{column}"', columns[column]
    if column in (_KEY, _ODD):
        return statements()[column]
    if kind != "VARCHAR" or column.endswith("_id"):
        return quoted
    expression = statements()["storable"].format(column=f"{quoted}::varchar")
    if column in _MAY_HOLD_ADDRESSES.get(table, ()):
        expression = statements()["public"].format(text=expression)
    return expression + f" as {quoted}"
