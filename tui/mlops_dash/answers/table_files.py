"""Tables as files for other programs: JSON, CSV, Markdown and Parquet, each written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mlops_dash.answers.tabular import Rows, csv_text, json_text, md_text, plain
from mlops_dash.domain.text import storable, visible
from mlops_dash.errors import DashError, UsageError

FORMS = ("csv", "json", "md", "parquet")
"""The kinds of files that a table can be written to, as their names end."""

_INDENTED = 1000  # rows; Python takes four times as long to indent
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DUCKDB: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}


def indent_of(rows: int) -> int | None:
    """Return how far JSON is indented: large answers are for programs."""
    return 2 if rows <= _INDENTED else None


def write_table(path: Path, columns: Sequence[str], rows: Rows, *, document: Any = None) -> Path:
    """Write a table to a file whose name says how, replacing the one that is there, all of it or nothing.

    Args:
        path: ends in one of :data:`FORMS`.
        document: what a JSON file holds in place of a list of rows.

    Returns:
        The whole path.

    Raises:
        UsageError: the name does not say how.
        DashError: it could not be written.
    """
    path = Path(os.path.abspath(path.expanduser()))
    form = path.suffix.lower().removeprefix(".")
    if form == "parquet":
        return write_parquet(path, columns, rows)
    if form == "csv":
        text = csv_text(columns, rows)
    elif form == "md":
        text = md_text(columns, rows)
    elif form == "json":
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
        text = json_text(listed if document is None else document, indent=indent_of(len(listed)))
    else:
        raise UsageError(
            f"{visible(path.name, 200)} does not say what to write", f"end it in .{', .'.join(FORMS)}"
        )
    with _replaced(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")
    return path


def write_parquet(path: Path, columns: Sequence[str], rows: Rows) -> Path:
    """Write a table as Parquet: numbers as numbers, times as times in UTC, the rest as text.

    Names of columns that differ in case only get a number, as DuckDB has it.

    Raises:
        DashError: it could not be written.
    """
    import duckdb

    path = Path(os.path.abspath(path.expanduser()))
    with _replaced(path) as aside, duckdb.connect(":memory:", config=_DUCKDB) as connection:
        connection.register("incoming", _Table(columns, list(rows)))
        try:
            connection.execute("copy (from incoming) to $path (format parquet)", {"path": str(aside)})
        except duckdb.Error as error:
            raise DashError(f"{visible(str(path), 400)} cannot be written: {error}") from error
    return path


class _Table:
    """Rows as one Arrow array, each column of the type that its values have."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        import nanoarrow as na

        made = [_column([row[place] for row in rows]) for place in range(len(columns))]
        names = [storable(column) for column in columns]
        fields = {name: kind for name, (kind, _) in zip(names, made, strict=True)}
        self._schema = na.c_schema(na.struct(fields))
        self._array = na.c_array_from_buffers(
            self._schema, len(rows), [None], children=[na.c_array(values, kind) for kind, values in made]
        )

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        from nanoarrow.c_array_stream import CArrayStream

        stream = CArrayStream.from_c_arrays([self._array], self._schema)
        return stream.__arrow_c_stream__(requested_schema)


def _column(values: list[Any]) -> tuple[Any, list[Any]]:
    import nanoarrow as na

    there = [value for value in values if value is not None]
    if there and all(isinstance(value, bool) for value in there):
        return na.bool_(), values
    if there and all(isinstance(value, int) and not isinstance(value, bool) for value in there):
        return na.int64(), values
    if there and all(isinstance(value, float) for value in there):
        return na.float64(), values
    if there and all(isinstance(value, datetime) for value in there):
        return na.timestamp("us", timezone="UTC"), [
            None if at is None else _microseconds(at) for at in values
        ]
    return na.string(), [None if value is None else _text(value) for value in values]


def _text(value: Any) -> str:
    value = plain(value)
    return value if isinstance(value, str) else json_text(value, indent=None)


def _microseconds(at: datetime) -> int:
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return (aware - _EPOCH) // timedelta(microseconds=1)


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """Give a name beside ``path`` to write to, and put it in its place when all is written."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:40]}.") as folder:
            aside = Path(folder) / "table"
            yield aside
            os.replace(aside, path)
    except OSError as error:
        raise DashError(
            f"{visible(str(path), 400)} cannot be written: {error.strerror or error}", "name another file"
        ) from error
