"""Connections to a tracking store on SQLite that can only read, and what their failures mean.

All reading goes through one SQLite library (ADBC's): file locks belong to the process, so a second library
in it would release the first one's without knowing.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from mlops_dash.errors import DashError, SourceError

_MAGIC = b"SQLite format 3\x00"
_WAIT_FOR_WRITER = 2000  # milliseconds
_CHUNK = 2000  # rows turned into Python objects at a time


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells a file that was not written since from one that may have been.

    ``racing`` is set when it was written so recently that a further write could carry the same time.
    """

    signature: tuple[int, ...]
    racing: bool


def file_state(path: Path, now_ns: int) -> FileState:
    """Look at the store's file and its write-ahead log without opening them.

    Raises:
        SourceError: it is not there, or it cannot be one.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise SourceError(
            f"there is no tracking store at {path}",
            "Check MLFLOW_TRACKING_URI or [tracking] uri. Nothing was created.",
        ) from None
    except OSError as error:
        raise SourceError(
            f"cannot be looked at ({error.strerror}): {path}", "Check its permissions."
        ) from None
    if stat.S_ISDIR(found.st_mode):
        raise SourceError(
            f"a folder, not an SQLite file: {path}",
            "Point at the file. A folder of runs is named by its path alone, without sqlite://",
        )
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(f"no plain file: {path}", "Point at an SQLite file.")
    signature = [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns]
    newest = found.st_mtime_ns
    try:
        log = os.stat(f"{path}-wal")
    except OSError:
        pass  # no write-ahead log: the usual case
    else:
        signature += [log.st_size, log.st_mtime_ns]
        newest = max(newest, log.st_mtime_ns)
    return FileState(tuple(signature), abs(now_ns - newest) < 100_000_000)


def check_header(path: Path) -> bool:
    """Make sure that the file is a whole SQLite database, and tell whether it keeps a write-ahead log.

    Raises:
        SourceError: it is empty, something else, or cut short; says which.
    """
    try:
        with path.open("rb") as file:
            header = file.read(100)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror}): {path}", "Check its permissions.") from None
    if not size:
        raise SourceError(
            f"empty (0 bytes): {path}",
            "MLflow fills it with the first run that is logged to it. It was left as it is.",
        )
    if header[:16] != _MAGIC:
        raise SourceError(f"not an SQLite database: {path}", "Check MLFLOW_TRACKING_URI or [tracking] uri.")
    page = int.from_bytes(header[16:18]) or 0
    page = 65536 if page == 1 else page
    pages = int.from_bytes(header[28:32])
    if header[24:28] == header[92:96] and page and size < pages * page:
        raise SourceError(
            f"cut short, {size:,} of {pages * page:,} bytes are there: {path}",
            "Wait if it is being copied; otherwise restore it from a backup.",
        )
    return header[18:20] == b"\x02\x02"


def explain(error: Exception, path: Path) -> DashError:
    """Return what an error of SQLite, ADBC or DuckDB means for the person who wants to see runs."""
    if isinstance(error, DashError):
        return error
    text = str(error).lower()
    if not path.exists():
        return SourceError(f"deleted while it was read: {path}", "Restore it.")
    if "locked" in text or "busy" in text:
        return SourceError(
            f"locked by another program: {path}",
            "It is read again at the next refresh; close programs that keep it open for writing.",
        )
    if "malformed" in text or "corrupt" in text:
        return SourceError(
            f"damaged: {path}",
            "Restore it from a backup, or save what can be read with: sqlite3 FILE .recover",
        )
    if "not a database" in text:
        return SourceError(f"not an SQLite database: {path}", "Check MLFLOW_TRACKING_URI or [tracking] uri.")
    if "readonly" in text or "read-only" in text:
        return SourceError(
            f"left in the middle of a write: {path}",
            "Let MLflow or sqlite3 open it once, so that the unfinished write is rolled back.",
        )
    if "unable to open" in text or "disk i/o" in text:
        return SourceError(f"cannot be read from its disk: {path}", "Check disk and permissions.")
    return SourceError(f"{_first_line(error)}: {path}", None)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


class Stream:
    """A selection that runs only when it is scanned, so that no lock is held before."""

    def __init__(self, lane: Lane, sql: str) -> None:
        self._lane = lane
        self._sql = sql
        self._statement: Any = None
        self._handle: Any = None
        self._scanned = False

    def __arrow_c_schema__(self) -> Any:
        # where this is missing DuckDB runs the selection twice more, only to learn its columns
        self._run()
        return self._handle.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        if self._scanned:
            self.close()
        self._run()
        self._scanned = True
        return self._handle.__arrow_c_stream__(requested_schema)

    def started(self) -> Stream:
        """Run the selection up to its first rows."""
        self._run()
        return self

    def _run(self) -> None:
        if self._handle is None:
            self._statement, self._handle = self._lane.execute(self._sql)

    def close(self) -> None:
        """End the selection and with it the lock, however far it was read."""
        if self._handle is not None:
            self._handle.release()
            self._statement.close()
            self._statement = self._handle = None
        self._scanned = False


class Lane:
    """One read-only connection to the file, outside of any transaction between selections."""

    def __init__(self, uri: str, wait: int = _WAIT_FOR_WRITER) -> None:
        import adbc_driver_manager
        import adbc_driver_sqlite

        self._manager = adbc_driver_manager
        self._database = adbc_driver_manager.AdbcDatabase(driver=adbc_driver_sqlite._driver_path(), uri=uri)
        try:
            self._connection = adbc_driver_manager.AdbcConnection(self._database)
        except BaseException:
            self._database.close()
            raise
        statement, handle = self.execute(f"pragma busy_timeout = {wait}")
        handle.release()
        statement.close()

    def execute(self, sql: str) -> tuple[Any, Any]:
        """Start a selection: its statement, and a handle with ``__arrow_c_stream__``. Both must be closed."""
        statement = self._manager.AdbcStatement(self._connection)
        try:
            statement.set_options(**{"adbc.sqlite.query.batch_rows": "8192"})
            statement.set_sql_query(sql)
            handle, _ = statement.execute_query()
        except BaseException:
            statement.close()
            raise
        return statement, handle

    def close(self) -> None:
        self._connection.close()
        self._database.close()


class Reader:
    """Reads one SQLite file through lanes that can work side by side.

    Lanes 0 and 1 stream rows to the store, 2 and 3 compute digests meanwhile, ``WATCH`` only looks and never
    waits for a writer.

    Attributes:
        schema: columns by table, and the digest of the tables' definitions that they were learnt from.
    """

    WATCH = 9

    def __init__(self, path: Path, *, write_ahead: bool) -> None:
        self.path = path
        options = "?mode=ro"
        if write_ahead and not Path(f"{path}-wal").exists():
            # without this SQLite would create a log and an index beside the file, only to read it
            options += "&immutable=1"
        self._uri = "file:" + quote(str(path.absolute())) + options
        self.schema: tuple[str, dict[str, frozenset[str]]] = ("", {})
        self._lanes: dict[int, Lane] = {}
        self._streams: WeakSet[Stream] = WeakSet()
        self._opening = threading.Lock()
        self._converter: Any = None

    def lane(self, number: int) -> Lane:
        with self._opening:
            if number not in self._lanes:
                self._lanes[number] = Lane(self._uri, 0 if number == self.WATCH else _WAIT_FOR_WRITER)
            return self._lanes[number]

    def stream(self, sql: str, lane: int = 0) -> Stream:
        """Return a selection to be scanned later."""
        stream = Stream(self.lane(lane), sql)
        self._streams.add(stream)
        return stream

    def ask(self, sql: str, lane: int = 0, through: str = "from asked") -> list[tuple[Any, ...]]:
        """Return the rows of a small selection.

        Args:
            through: DuckDB SQL over ``asked``, applied before rows become Python objects.
        """
        stream = self.stream(sql, lane)
        try:
            with closing(self._converting()) as cursor:
                cursor.register("asked", stream)
                cursor.execute(through)
                return list(_chunks(cursor))
        finally:
            stream.close()

    def _converting(self) -> Any:
        import duckdb

        with self._opening:
            if self._converter is None:
                self._converter = duckdb.connect(
                    ":memory:", config={"threads": "1", "enable_external_access": "false"}
                )
            return self._converter.cursor()

    def forget(self) -> None:
        """Close the connections to the file and what still reads from them; new ones open when needed."""
        for stream in list(self._streams):
            stream.close()
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    def close(self) -> None:
        """Close everything."""
        self.forget()
        if self._converter is not None:
            self._converter.close()


def _chunks(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_CHUNK):
        yield from rows
