"""MLflow's tracking server over HTTP, of any version from 2.9 on, asked through its public REST API."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from hashlib import blake2b

from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import Batch, Position, Reading
from mlops_dash.sources.mlflow.address import shown
from mlops_dash.sources.mlflow.http.access import Access
from mlops_dash.sources.mlflow.http.exchange import Exchange, Limits, together
from mlops_dash.sources.mlflow.http.position import Mark
from mlops_dash.sources.mlflow.http.probing import probe

__all__ = ["MlflowServer", "probe"]

_RUNS_AT_ONCE = 50  # that are read again by their ids, held in memory together


class MlflowServer:
    """A tracking server, and the registry behind it.

    The first reading brings the registry, the runs of its versions and the newest runs, then a position
    that is not whole, then everything, the newest first and experiments side by side. A refresh costs at
    most six requests where nothing changed: experiments, registered models, model versions, the newest
    runs, the running ones, and one window of at most 1,000 older runs (or logged models).

    So new and running runs, the runs that ended, the registry and the 20 newest runs are right after every
    refresh. **An edit of any older run shows after at most one refresh for each 475 runs** (as many logged
    models count as much; windows that are not full are joined), and one for each group of experiments, of
    which a first reading makes at most 32: with 20,000 runs and a refresh every 5 seconds within four
    minutes. A server that takes longer than 2.5 s for a page is asked for fewer runs at once, and its round
    takes that much longer. A thorough reading goes round for 20 seconds, and :meth:`runs` reads given runs
    at once. Of a registry of more than 1,000 models or versions the 1,000 that changed last are read in
    each refresh, all in every n-th, where n is the number of its pages of 1,000.

    Not told over HTTP are: when a run was deleted, storage locations of model versions, runs without a
    start time (MLflow's clients always write one), and datasets that no run uses.

    Args:
        uri: its address, with or without user info.
        limits: how long and how much; the defaults make a server that is down stale within 5 seconds.
    """

    name = "tracking"
    kind = "mlflow-http"

    def __init__(self, uri: str, limits: Limits | None = None) -> None:
        self._uri = uri
        self._limits = limits or Limits()
        self._exchange: Exchange | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"MlflowServer({shown(self._uri)!r})"

    def changed(self, position: str | None) -> bool:
        """Always: only asking tells."""
        return True

    def read(self, reading: Reading) -> Iterator[Batch | Position]:
        """Yield what is new since the position, or everything; what a person waits for comes first.

        Raises:
            SourceError: the server could not be read; says why and what to do.
            Cancelled: the reading's token was cancelled.
        """
        from mlops_dash.sources.mlflow.http.reading import Pass

        with self._asked() as exchange:
            server = blake2b(exchange.access.base.encode(), digest_size=8).hexdigest()
            mark = Mark.load(reading.position, server) or Mark(server)
            yield from Pass(exchange, reading, mark).parts()

    def runs(self, run_ids: list[str], reading: Reading) -> Iterator[Batch]:
        """Yield batches that bring these runs up to date; those that the server does not have are deleted.

        Raises:
            SourceError: they could not be read.
            Cancelled: the reading's token was cancelled.
        """
        from mlops_dash.sources.mlflow.http.questions import Questions
        from mlops_dash.sources.mlflow.http.tables import Writer

        with self._asked() as exchange:
            questions, writer = Questions(exchange), Writer(reading.known)
            for start in range(0, len(run_ids), _RUNS_AT_ONCE):
                some = list(dict.fromkeys(run_ids[start : start + _RUNS_AT_ONCE]))
                answers = exchange.wait(together(*map(questions.run, some)), reading.cancel)
                found = [run for run in answers if run is not None]
                yield from writer.runs(found, some)
                if len(found) < len(some):
                    yield from writer.sweep()

    def metric_history(
        self, run_ids: list[str], keys: list[str], cancel: CancelToken | None = None
    ) -> Generator[Batch | SourceError, None, None]:
        """Yield every value of some metrics, a few runs in each batch, at most ``MOST_VALUES`` of one run.

        ``metrics/get-history-bulk-interval`` would take fewer requests: it leaves values out evenly, and with
        them the extremes.

        Raises:
            SourceError: they could not be read.
            Cancelled: ``cancel`` was set.
        """
        from mlops_dash.sources.mlflow.http.histories import read_histories

        if run_ids and keys:
            with self._asked() as exchange:
                yield from read_histories(exchange, run_ids, keys, cancel or CancelToken())

    def close(self) -> None:
        """End what is under way and close the connections."""
        with self._lock:
            exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.close()

    @contextmanager
    def _asked(self) -> Iterator[Exchange]:
        """Give the connections to the server, with the credentials as they are set now."""
        access = Access.of(self._uri)
        with self._lock:
            if self._exchange is None or self._exchange.access != access:
                if self._exchange is not None:
                    self._exchange.close()
                self._exchange = Exchange(access, self._limits)
            exchange = self._exchange
        try:
            yield exchange
        except CancelledError:
            raise Cancelled from None
        except RuntimeError as error:
            if exchange.closed:
                raise Cancelled from None
            raise SourceError(
                f"reading the tracking server failed ({type(error).__name__}): {access.shown}",
                "Run `mlops-dash doctor`, and report it if it stays.",
            ) from None
