"""The store: a DuckDB of this process's own, started from the last published snapshot."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb

from mlops_dash.domain.environments import Observation
from mlops_dash.domain.freshness import SourceStatus
from mlops_dash.errors import StoreError
from mlops_dash.sources.base import Batch, Tracks
from mlops_dash.store import snapshot
from mlops_dash.store.asking import (
    fetch,
    fetch_arrow,
    fetch_plain,
    first_line,
    is_broken,
    is_damage,
    reading_statement,
)
from mlops_dash.store.engine import connect
from mlops_dash.store.histories import Histories
from mlops_dash.store.ingest import Columns, apply_batch, apply_tracks, table_columns
from mlops_dash.store.kept import Kept
from mlops_dash.store.questions import question, schema_version, statements, store_sql
from mlops_dash.store.remembered import read_sources, write_observations, write_source
from mlops_dash.store.turns import Turns

_Read = TypeVar("_Read")


class Store:
    """What was read, and where every question is answered.

    Safe to use from several threads. Use :meth:`open`, and :meth:`close` or a ``with`` block.

    Attributes:
        notice: why the cache is not kept or was set aside, in plain words; ``None`` when all is well.
        beginnings: how often it began empty; another number than before means that all must be read again.
        histories: the histories of metrics that somebody looked at; no snapshot keeps them.
        changes: another number than before means that answers may differ.
    """

    def __init__(self, folder: Path | None, identity: str) -> None:
        self.notice: str | None = None
        self.beginnings = 0
        self.changes = 0
        self._folder = folder
        self._identity = identity
        self._copy: snapshot.WorkingCopy | None = None
        self._local = threading.local()
        self._writing = threading.RLock()
        self._generation = 0
        self._applied = 0
        self._kept = Kept()
        self._turns = Turns()
        self._dirty = True
        self._closed = False
        self.histories = Histories(lambda: self._copy.folder / "spill" if self._copy is not None else None)

    @classmethod
    def open(cls, folder: Path | None, identity: str) -> Self:
        """Open a private copy of the snapshot that ``folder`` holds for the project ``identity``.

        A snapshot that cannot be used is set aside and the store starts empty. Without a folder, or where
        it cannot be written, the store is in memory and ``notice`` says why.
        """
        store = cls(folder, identity)
        store._start()
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- starting -----------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._folder is not None:
            try:
                self._copy = snapshot.prepare_copy(self._folder)
            except OSError as error:
                self.notice = (
                    f"The cache in {self._folder} cannot be written ({error.strerror or error}): "
                    "what is read is kept in memory and read again next time."
                )
                self._folder = None
            else:
                snapshot.sweep(self._folder, time.time)
        if self._copy is not None and self._copy.database.exists():
            if self._open_usable(self._copy.database):
                self._dirty = False
                return
            self._discard(self._copy.database)
        self._connect(None if self._copy is None else self._copy.database)
        self._create()

    def _connect(self, database: Path | None) -> None:
        self._connection = connect(database)
        self._generation += 1
        self.changes += 1

    def _open_usable(self, database: Path, *, published: bool = True) -> bool:
        """Open a copied snapshot; ``False`` if it is damaged, another project's or another version's."""
        try:
            self._connect(database)
        except duckdb.Error:
            return False
        try:
            meta = dict(self._connection.execute(statements()["meta"]).fetchall())
            if (meta.get("schema"), meta.get("identity")) == (schema_version(), self._identity) and (
                not published or meta["fingerprint"] == self._fingerprint(self._connection)
            ):
                self._tables: Columns = table_columns(self._connection)
                return True
        except (duckdb.Error, KeyError):
            pass  # any of these means that it cannot be used; that is the answer
        with contextlib.suppress(duckdb.Error):
            self._connection.close()
        return False

    def _discard(self, database: Path) -> None:
        """Set the published snapshot aside and forget our copy of it."""
        database.unlink(missing_ok=True)
        database.with_name(database.name + ".wal").unlink(missing_ok=True)
        if self._folder is None:
            return
        self.notice = "The cache could not be used (damaged or of another version): all is read again."
        try:
            snapshot.set_aside(self._folder)
        except OSError as error:
            self.notice += f" It could not be set aside either: {error.strerror or error}."

    def _create(self) -> None:
        connection = self._connection
        connection.begin()
        connection.execute(store_sql("schema.sql"))
        connection.execute(store_sql("views.sql"))
        for key, value in (("schema", schema_version()), ("identity", self._identity)):
            connection.execute(statements()["set_meta"], {"key": key, "value": value})
        connection.commit()
        self._tables = table_columns(connection)
        self._dirty = True
        self.beginnings += 1

    def _mend(self, error: Exception, cause: str) -> None:
        """The working copy broke under our hands: go on with what can be had of it.

        After a failed write DuckDB refuses everything until it is opened again, though nothing that was
        committed is lost. A damaged file is set aside with its snapshot. Where neither can be opened, the
        store goes on empty in memory.
        """
        damaged = is_damage(error)
        with self._writing:
            with contextlib.suppress(duckdb.Error):
                self._connection.close()
            if self._copy is not None:
                with contextlib.suppress(duckdb.Error):
                    if not damaged and self._open_usable(self._copy.database, published=False):
                        self.notice = f"{cause}: what is read is kept by this process only."
                        return
                    if damaged:
                        self._discard(self._copy.database)
                        self._connect(self._copy.database)
                        self._create()
                        return
                with contextlib.suppress(duckdb.Error):
                    self._connection.close()
                self._copy.remove()
                self._copy = None
            self.notice = f"{cause}: what is read is kept in memory only, and read again next time."
            self._connect(None)
            self._create()

    # -- asking -------------------------------------------------------------------------------------

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """Return this thread's cursor."""
        if self._closed:
            raise StoreError("the cache is closed")
        if getattr(self._local, "generation", None) != self._generation:
            self._local.cursor = self._connection.cursor()
            self._local.generation = self._generation
        cursor: duckdb.DuckDBPyConnection = self._local.cursor
        return cursor

    def ask(self, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        """Answer a question of ``queries/``.

        Raises:
            StoreError: there is no such question, or the cache could not answer.
        """
        return self._ask(name, parameters)[1]

    def records(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Answer a question with one dictionary per row."""
        columns, rows = self._ask(name, parameters)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def rows(self, question: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        """Answer a question for a source (:class:`mlops_dash.sources.base.Known`)."""
        return self._ask(question, parameters)[1]

    def kept(self, name: str, make: Callable[[list[tuple[Any, ...]]], _Read], /) -> _Read:
        """Answer a question without parameters as what ``make`` makes of it, once until a batch comes."""
        state = self._generation, self._applied
        return self._kept.answer(name, state, lambda: make(self.ask(name)))

    def _ask(self, name: str, parameters: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        text = question(name)
        return self._answered(name, lambda cursor: fetch(cursor, text, parameters))

    def composed(self, name: str, text: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Answer a question that was put together from the fragments of ``queries/NAME.sql``.

        Raises:
            StoreError: the cache could not answer.
        """
        return self._answered(name, lambda cursor: fetch(cursor, text, parameters))[1]

    def arrow(self, name: str, text: str, parameters: dict[str, Any]) -> list[Any]:
        """Do :meth:`composed`; return Arrow arrays, one struct of the columns for each stretch of rows."""
        return self._answered(name, lambda cursor: fetch_arrow(cursor, text, parameters))

    def _answered(self, name: str, read: Callable[[duckdb.DuckDBPyConnection], _Read]) -> _Read:
        """Read with this thread's cursor, once more where the cache broke and was mended."""
        generation = self._generation
        try:
            return self._turns.ask(lambda: read(self._cursor()))
        except duckdb.Error as error:
            if is_broken(error):
                if generation == self._generation:
                    self._mend(error, "The cache was damaged")
                with contextlib.suppress(duckdb.Error):
                    return read(self._cursor())
            raise StoreError(f"the cache cannot answer {name}: {error}") from error

    def sql(self, text: str, limit: int | None = 10_000) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Answer a question of the user's own. It reads: no file, extension, setting or row is touched.

        Args:
            text: one SQL statement; semicolons and comments may follow it.
            limit: rows returned at most; ``None`` for all.

        Raises:
            StoreError: it is no single reading statement, or it failed; says why.
        """
        generation = self._generation
        try:
            return self._turns.ask(lambda: self._read_only(text, limit))
        except duckdb.Error as error:
            if is_broken(error):
                if generation == self._generation:
                    self._mend(error, "The cache was damaged")
                raise StoreError(f"The cache could not answer: {first_line(error)}", "Ask again.") from error
            raise StoreError(str(error), "mlops-dash sql --tables lists what can be asked.") from error

    def _read_only(self, text: str, limit: int | None) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        with self._cursor().cursor() as cursor:
            statement = reading_statement(cursor, text)
            cursor.execute("begin transaction read only")
            return fetch_plain(cursor, statement, limit)

    # -- writing ------------------------------------------------------------------------------------

    def apply(self, item: Batch | Tracks) -> None:
        """Apply a source's batch in a transaction of its own: all of it, or nothing and the error.

        The sides of :class:`Tracks` are applied at once; where one fails, the batches applied before stand.

        Raises:
            SourceError: a batch's stream failed while it was read.
            StoreError: the cache could not be written.
        """
        what = item.table if isinstance(item, Batch) else "what was read"
        with self._writing, self._mending(f"take {what}"):
            self._dirty = True
            try:
                if isinstance(item, Batch):
                    apply_batch(self._cursor(), item, self._tables)
                else:
                    apply_tracks(self._cursor, item, self._tables)
            finally:
                self._applied += 1
                self.changes += 1

    def set_source(self, status: SourceStatus, position: str | None = None) -> None:
        """Remember a source's status; with ``position`` also from where its next reading goes on.

        Raises:
            StoreError: the cache could not be written.
        """
        with self._transaction() as cursor:
            write_source(cursor, status, self.position(status.name) if position is None else position)

    def sources(self) -> dict[str, SourceStatus]:
        """Return the last known status of every source, by name."""
        return {name: status for name, (status, _) in self._source_states().items()}

    def position(self, name: str) -> str | None:
        """Return from where a source's next reading goes on."""
        return self._source_states().get(name, (None, None))[1]

    def _source_states(self) -> dict[str, tuple[SourceStatus, str | None]]:
        return read_sources(fetch(self._cursor(), statements()["source_states"], {})[1])

    def save_observations(self, observations: Iterable[Observation]) -> None:
        """Remember what targets answered, in place of what they answered before.

        Raises:
            StoreError: the cache could not be written.
        """
        with self._transaction() as cursor:
            write_observations(cursor, observations)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._writing, self._mending("remember what was read"):
            self._dirty = True
            cursor = self._cursor()
            cursor.begin()
            try:
                yield cursor
                cursor.commit()
                self.changes += 1
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    cursor.rollback()
                raise

    @contextlib.contextmanager
    def _mending(self, work: str) -> Iterator[None]:
        """Turn a failure to write into a ``StoreError``, with the store usable again."""
        try:
            yield
        except duckdb.Error as error:
            if is_broken(error):
                self._mend(error, f"The cache could not be written ({first_line(error)})")
            remedy = "Make room on the disk." if is_broken(error) else None
            raise StoreError(f"The cache could not {work}: {first_line(error)}", remedy) from error

    # -- publishing ---------------------------------------------------------------------------------

    def publish(self) -> bool:
        """Publish what is known as the snapshot from which the next process starts.

        Never raises for a full or failing disk: reading goes on and ``notice`` says so.

        Returns:
            Whether a snapshot was published; ``False`` also when nothing had changed.
        """
        with self._writing:
            if self._folder is None or self._copy is None or not self._dirty:
                return False
            try:
                cursor = self._cursor()
                cursor.execute(statements()["clear_meta"], {"key": "fingerprint"})
                values = {"key": "fingerprint", "value": self._fingerprint(cursor)}
                cursor.execute(statements()["set_meta"], values)
                cursor.execute("checkpoint")
                snapshot.publish_copy(self._copy.database, self._folder)
            except OSError as error:
                self.notice = f"The cache could not be written ({error.strerror or error}): reading goes on."
                return False
            except duckdb.Error as error:
                self._mend(error, f"The cache could not be written ({first_line(error)})")
                return False
            self._dirty = False
            return True

    @staticmethod
    def _fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
        """Return the sizes of the main tables: a snapshot that lost its last writes has others."""
        row = connection.execute(statements()["fingerprint"]).fetchone()
        return str(row[0]) if row else ""

    def close(self) -> None:
        """Forget the working copy. What was not published is read again next time."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            self.histories.close()
            with contextlib.suppress(duckdb.Error):
                self._connection.close()
            if self._copy is not None:
                self._copy.remove()
