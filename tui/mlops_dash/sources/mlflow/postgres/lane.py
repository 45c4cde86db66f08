"""One connection to PostgreSQL, waited for by a thread of its own, so that whoever asks never hangs."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from mlops_dash.sources.mlflow.postgres.conninfo import TRANSACTION

_BATCH_BYTES = str(512 * 1024)  # a slow line shows signs of life within a second
_PORT = "select coalesce(inet_client_port(), 0)"
_OPENING = threading.Lock()  # one connection at a time: new sockets are told by comparing


class Rows:
    """What a selection brought, in memory as Arrow; it can be scanned again and again.

    Attributes:
        names: its columns.
        num_rows: how many rows there are.
        seconds: how long it took.
    """

    def __init__(self, names: tuple[str, ...], schema: Any, arrays: list[Any], seconds: float) -> None:
        self.names = names
        self.num_rows = sum(array.length for array in arrays)
        self.seconds = seconds
        self._schema = schema
        self._arrays = arrays

    def __arrow_c_schema__(self) -> Any:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        from nanoarrow.c_array_stream import CArrayStream

        stream = CArrayStream.from_c_arrays(self._arrays, self._schema)
        return stream.__arrow_c_stream__(requested_schema)

    def tuples(self) -> list[tuple[Any, ...]]:
        """Return the rows as Python objects."""
        from nanoarrow.iterator import iter_tuples

        return list(iter_tuples(self))


class Job:
    """Something that a lane was asked to do.

    Attributes:
        done: set when there is a result or an error.
        stamp: when there was a sign of life last, on the monotonic clock.
        connected: whether the lane has a connection.
    """

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.done = threading.Event()
        self.stamp = time.monotonic()
        self.connected = False
        self._rows: Rows | None = None
        self._error: BaseException | None = None

    def finish(self, rows: Rows | None, error: BaseException | None) -> None:
        self._rows, self._error = rows, error
        self.done.set()

    @property
    def error(self) -> BaseException | None:
        """Why it failed, once it is done."""
        return self._error

    def rows(self) -> Rows:
        """Return the result; raise the error."""
        if self._error is not None:
            raise self._error
        assert self._rows is not None
        return self._rows


class Lane:
    """One connection. It is made at the first job, and never again: a lane that failed is thrown away.

    Args:
        database: returns ADBC's database; called in the lane's thread.
        pooled: asked once there is one: whether every selection needs a transaction of its own.
    """

    def __init__(self, database: Callable[[], Any], pooled: Callable[[], bool]) -> None:
        self._database = database
        self._pooled = pooled
        self._socket: socket.socket | None = None
        self._severed = False
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True, name="tracking-postgresql").start()

    def submit(self, sql: str) -> Job:
        """Have a selection read; jobs are done one after the other."""
        job = Job(sql)
        self._jobs.put(job)
        return job

    def close(self) -> None:
        """Close the connection when the jobs so far are done. Returns at once."""
        self._jobs.put(None)

    def sever(self) -> None:
        """Break the connection off, so that whatever waits for it fails now."""
        self._severed = True
        if self._socket is not None:
            with suppress(OSError):  # the other side may have closed it already
                self._socket.shutdown(socket.SHUT_RDWR)
        self.close()

    def _work(self) -> None:
        connection: Any = None
        database: Any = None
        while (job := self._jobs.get()) is not None:
            job.stamp = time.monotonic()
            try:
                if connection is None and not self._severed:
                    database = database or self._database()
                    connection = self._connect(database)
                if self._severed:
                    raise ConnectionError("timed out: the connection was given up")
                job.connected = True
                job.stamp = time.monotonic()
                read = _read_in_transaction if self._pooled() else _read
                job.finish(read(connection, job), None)
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                job.finish(None, error)
        for opened in (connection, database):
            if opened is not None:
                with suppress(Exception):  # it may be broken: there is nothing left to close then
                    opened.close()
        if self._socket is not None:
            self._socket.close()

    def _connect(self, database: Any) -> Any:
        import adbc_driver_manager

        alone = _OPENING.acquire(timeout=2)
        try:
            before = _open_files() if alone else None
            connection = adbc_driver_manager.AdbcConnection(database)
            port = 0 if self._pooled() else _read(connection, Job(_PORT)).tuples()[0][0]
            if before is not None:
                self._socket = _new_socket(before, int(port))
        finally:
            if alone:
                _OPENING.release()
        return connection


def _read(connection: Any, job: Job) -> Rows:
    import adbc_driver_manager
    import nanoarrow

    started = time.monotonic()
    statement = adbc_driver_manager.AdbcStatement(connection)
    try:
        statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES})
        statement.set_sql_query(job.sql)
        handle, _ = statement.execute_query()
        stream = nanoarrow.c_array_stream(handle)
        schema = stream.get_schema()
        arrays = []
        while True:
            job.stamp = time.monotonic()
            try:
                arrays.append(stream.get_next())
            except StopIteration:
                break
        stream.release()
    finally:
        statement.close()
    names = tuple(child.name for child in schema.children)
    return Rows(names, schema, arrays, time.monotonic() - started)


def _read_in_transaction(connection: Any, job: Job) -> Rows:
    """As :func:`_read`, through a pooler: without a transaction each step could go to another session."""
    connection.set_autocommit(False)
    try:
        for setting in TRANSACTION:
            _execute(connection, setting)
        return _read(connection, job)
    finally:
        connection.set_autocommit(True)  # which ends it


def _execute(connection: Any, sql: str) -> None:
    import adbc_driver_manager

    statement = adbc_driver_manager.AdbcStatement(connection)
    try:
        statement.set_sql_query(sql)
        statement.execute_update()
    finally:
        statement.close()


def _open_files() -> frozenset[int]:
    try:
        listed = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return frozenset()
    return frozenset(file for file in listed if _is_open(file))  # the listing's own is closed by now


def _is_open(file: int) -> bool:
    try:
        os.fstat(file)
    except OSError:
        return False
    return True


def _new_socket(before: Iterable[int], port: int) -> socket.socket | None:
    """Return the socket of a connection that was just made, or ``None`` if it cannot be told for sure."""
    found = []
    for file in _open_files().difference(before):
        try:
            copy = socket.socket(fileno=os.dup(file))
        except OSError:  # no socket, or closed again
            continue
        if _is_connected(copy):
            found.append(copy)
        else:
            copy.close()
    ours = [one for one in found if port and one.getsockname()[1:2] == (port,)] or found
    chosen = ours[0] if len(ours) == 1 else None
    for one in found:
        if one is not chosen:
            one.close()
    return chosen


def _is_connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return one.type == socket.SOCK_STREAM
