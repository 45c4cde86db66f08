"""MLflow's tracking store on SQLite, of any schema from MLflow 1.30 on, read in bulk and never written."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.errors import DashError, SourceError
from mlops_dash.sources.base import POINTS, Apply, Batch, Position, Reading, Tracks, run_counts
from mlops_dash.sources.mlflow.sqlite.columns import history_sql
from mlops_dash.sources.mlflow.sqlite.connection import (
    FileState,
    Reader,
    Stream,
    check_header,
    explain,
    file_state,
)
from mlops_dash.sources.mlflow.sqlite.position import Mark
from mlops_dash.sources.mlflow.sqlite.reading import Pass

if TYPE_CHECKING:
    from mlops_dash.sources.mlflow.probing import Step


def probe(uri: str) -> Iterable[Step]:
    """Look at a store step by step, for ``doctor``."""
    from mlops_dash.sources.mlflow.sqlite import probing

    return probing.probe(uri)


_QUICK = 0.05  # seconds in which a part of histories is read, so that the next may be larger
_MOST_RUNS = 16


class MlflowSqlite:
    """A tracking store in one SQLite file.

    Args:
        path: the file. It is opened for reading only; nothing beside it is created.
    """

    name = "tracking"
    kind = "mlflow-sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: Reader | None = None
        self._signature: tuple[int, ...] = ()
        self._write_ahead = False
        # the position last returned, and the file's signature, its data version and what was left to do then
        self._seen: tuple[str, tuple[int, ...], int, int] | None = None

    def changed(self, position: str | None) -> bool:
        """Tell within 5 ms whether the file was written since ``position``, or not all of it compared."""
        try:
            state = file_state(self.path, time.time_ns())
            if self._seen is not None and self._seen[0] == position:
                return self._seen[3] > 0 or self._written(state, None)
            mark = Mark.load(position)
            return mark is None or mark.left > 0 or self._written(state, mark)
        except Exception:  # noqa: BLE001 - whatever it is, reading will say so
            return True

    def read(self, reading: Reading) -> Iterator[Batch | Tracks | Position]:
        """Yield what is new since the position, or everything.

        Raises:
            SourceError: the store is missing, no tracking store, damaged or locked; says what to do.
            Cancelled: the reading's token was cancelled.
        """
        with self._explained():
            state = file_state(self.path, time.time_ns())
            reader = self._open(state)
            version = self._data_version()
            mark = Mark(state.signature[:2], None if state.racing else state.signature, "")  # type: ignore[arg-type]
            one = Pass(reader, reading, mark)
            before = Mark.load(reading.position)
            one.look(before)
            self._check_tables(one.tables)
            ours = self._seen is not None and self._seen[0] == reading.position
            yield from one.batches(before, written=self._written(state, None if ours else before))
            self._check_still_there(state)
            position = mark.dump()
            self._seen = (position, state.signature, version, mark.left)
            yield Position(position, run_counts(reading.known))

    def metric_history(
        self, run_ids: list[str], keys: list[str], cancel: CancelToken | None = None
    ) -> Generator[Batch, None, None]:
        """Yield every value of some metrics, a batch for a few runs: none holds the file's lock for long.

        Raises:
            SourceError: the store could not be read.
            Cancelled: ``cancel`` was set.
        """
        if not run_ids or not keys:
            return
        file_state(self.path, time.time_ns())  # it may be gone
        # connections of its own: a refresh may be reading on another thread
        reader = Reader(self.path, write_ahead=check_header(self.path))
        try:
            with closing(_ahead(reader, list(dict.fromkeys(run_ids)), keys)) as streams:
                for stream in streams:
                    if cancel is not None:
                        cancel.check()
                    yield Batch(POINTS, stream, Apply.APPEND, shaped="rowno", recover=self._explain)
        except (Cancelled, GeneratorExit, DashError):
            raise
        except Exception as error:
            raise explain(error, self.path) from error
        finally:
            reader.close()

    def _explain(self, error: Exception) -> list[Batch]:
        """Say what it means that a batch could not be read."""
        raise explain(error, self.path) from error

    def runs(self, run_ids: list[str], reading: Reading) -> Iterator[Batch]:
        """Yield batches that bring these runs up to date.

        Raises:
            SourceError: the store could not be read.
            Cancelled: the reading's token was cancelled.
        """
        state = file_state(self.path, time.time_ns())
        # connections of its own: a refresh may be reading on another thread
        reader = Reader(self.path, write_ahead=check_header(self.path))
        try:
            one = Pass(reader, reading, Mark(state.signature[:2], None, ""))  # type: ignore[arg-type]
            one.look(None)
            self._check_tables(one.tables)
            yield from one.of_runs(run_ids)
        except (Cancelled, GeneratorExit, DashError):
            raise
        except Exception as error:
            raise explain(error, self.path) from error
        finally:
            reader.close()

    def close(self) -> None:
        """Close every connection to the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._seen = None

    # -- the file -----------------------------------------------------------------------------------

    def _open(self, state: FileState) -> Reader:
        """Return connections to the file as it is now: pages that they remember could hide damage."""
        write_ahead = check_header(self.path)
        if self._reader is None or write_ahead or self._write_ahead:
            self.close()
            self._reader = Reader(self.path, write_ahead=write_ahead)
        elif state.signature != self._signature:
            self._reader.forget()
        self._write_ahead = write_ahead
        self._signature = state.signature
        return self._reader

    def _written(self, state: FileState, mark: Mark | None) -> bool:
        """Tell whether the file was written since ``mark``, or by default since it was read last."""
        if mark is not None:
            return state.signature != mark.signature
        if self._seen is None:
            return True
        return state.signature != self._seen[1] or self._data_version() != self._seen[2]

    def _data_version(self) -> int:
        """Return a number that changes with every write by another connection."""
        if self._reader is None:
            return -1
        return int(self._reader.ask("pragma data_version", Reader.WATCH)[0][0])

    def _check_tables(self, tables: frozenset[str]) -> None:
        if {"alembic_version", "runs", "experiments"} <= tables:
            return
        if "runs" in tables and "experiments" in tables:
            raise SourceError(
                f"MLflow's tables without their version (alembic_version): {self.path}",
                "It was written by an unknown program or an MLflow older than 1.0: restore it from a backup.",
            )
        raise SourceError(
            f"an SQLite database, but no MLflow tracking store: {self.path}",
            "Check MLFLOW_TRACKING_URI or [tracking] uri. Nothing was created in it.",
        )

    def _check_still_there(self, state: FileState) -> None:
        after = file_state(self.path, time.time_ns())
        if self._write_ahead and after.signature != state.signature:
            raise SourceError(
                f"written while it was read: {self.path}",
                "It is read again at the next refresh.",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn whatever goes wrong into what it means; connections that failed are not used again."""
        try:
            yield
        except (Cancelled, GeneratorExit):
            raise
        except DashError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise explain(error, self.path) from error


def _ahead(reader: Reader, run_ids: list[str], keys: list[str]) -> Generator[Stream, None, None]:
    """Yield selections to be scanned one after the other, the next one being started meanwhile: of one run
    at first, of more while they are read quickly."""
    from concurrent.futures import Future, ThreadPoolExecutor

    at, number, size = 0, 0, 1
    streams: list[Stream] = []

    def begin() -> Future[Stream] | None:
        nonlocal at, number
        some = run_ids[at : at + size]
        if not some:
            return None
        streams.append(reader.stream(history_sql(some, keys), number % 2))
        at, number = at + len(some), number + 1
        return thread.submit(streams[-1].started)

    try:
        with ThreadPoolExecutor(1, "tracking-history") as thread:
            coming = begin()
            while coming is not None:
                stream = coming.result()
                coming = begin()
                begun = time.monotonic()
                yield stream
                stream.close()
                quick = time.monotonic() - begun < _QUICK
                size = min(2 * size, _MOST_RUNS) if quick else max(1, size // 2)
    finally:
        for stream in streams:
            stream.close()
