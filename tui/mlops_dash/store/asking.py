"""How DuckDB is asked, and what its errors mean."""

from __future__ import annotations

import re
from typing import Any

import duckdb

from mlops_dash.errors import StoreError

_CHUNK = 2000  # rows turned into Python objects at a time: other threads run between two chunks
_BROKEN = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)
_ZONED = "TIMESTAMP WITH TIME ZONE"
_DAMAGE = re.compile("corrupt database file|checksum|could not read", re.IGNORECASE)


def fetch(
    cursor: duckdb.DuckDBPyConnection, text: Any, parameters: dict[str, Any], limit: int | None = None
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return the columns and rows of a statement, at most ``limit`` rows."""
    if parameters:
        cursor.execute(text, parameters)
    else:
        cursor.execute(text)
    return _columns(cursor), _rows(cursor, limit)


def _columns(cursor: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    return tuple(column[0] for column in cursor.description or ())


def _rows(cursor: duckdb.DuckDBPyConnection, limit: int | None) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    while limit is None or len(rows) < limit:
        chunk = cursor.fetchmany(_CHUNK if limit is None else min(_CHUNK, limit - len(rows)))
        if not chunk:
            break
        rows.extend(chunk)
    return rows


def fetch_arrow(cursor: duckdb.DuckDBPyConnection, text: str, parameters: dict[str, Any]) -> list[Any]:
    """Return the rows of a statement as Arrow arrays of nanoarrow.

    Raises:
        duckdb.Error: it failed, now or while its rows were fetched.
    """
    import nanoarrow

    try:
        return list(nanoarrow.c_array_stream(cursor.sql(text, params=parameters)))
    except RuntimeError as error:  # nanoarrow's: the stream failed, which has no type of its own
        raise duckdb.OperationalError(str(error)) from error


def fetch_plain(
    cursor: duckdb.DuckDBPyConnection, statement: duckdb.Statement, limit: int | None
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Do :func:`fetch` for a user's statement: times with a zone come as UTC without one, as all others are.

    DuckDB turns those into Python objects with the help of pytz alone.
    """
    cursor.execute(statement)
    columns = _columns(cursor)
    types = [str(column[1]) for column in cursor.description or ()]
    if not any(_ZONED in kind for kind in types):
        return columns, _rows(cursor, limit)
    plain = (f"#{number}::{kind.replace(_ZONED, 'TIMESTAMP')}" for number, kind in enumerate(types, 1))
    with cursor.cursor() as again:
        again.execute("begin transaction read only")
        relation = again.sql(statement).project(", ".join(plain))
        return columns, (relation if limit is None else relation.limit(limit)).fetchall()


def reading_statement(cursor: duckdb.DuckDBPyConnection, text: str) -> duckdb.Statement:
    """Return the user's one statement, which reads.

    Raises:
        StoreError: there are more, or none, or it would change something.
        duckdb.Error: it cannot be understood.
    """
    found = cursor.extract_statements(bare(text))
    if len(found) != 1:
        raise StoreError("Write one SQL statement." if found else "The SQL is empty.")
    if found[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise StoreError(
            "Only reading is possible here: the statement would change something.",
            "Start with select, with, from, describe, summarize or show tables.",
        )
    return found[0]


def bare(text: str) -> str:
    """Return SQL without the comments and semicolons at its end: a statement with them cannot be part of
    another."""
    data = text.encode("utf-8", "replace")
    end = len(data)
    for offset, kind in reversed(duckdb.tokenize(data.decode())):  # offsets count bytes
        if kind != duckdb.token_type.comment and data[offset : offset + 1] != b";":
            break
        end = offset
    return data[:end].decode()


def is_damage(error: Exception) -> bool:
    """Tell whether an error says that the file itself is damaged."""
    return _DAMAGE.search(str(error)) is not None


def is_broken(error: duckdb.Error) -> bool:
    """Tell an error of the file or the engine from one of the question. Damage has no type of its own."""
    return isinstance(error, _BROKEN) or (type(error) is duckdb.Error and is_damage(error))


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
