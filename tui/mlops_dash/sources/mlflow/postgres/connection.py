"""Connections to one PostgreSQL database that only read, and that are given up when the server is silent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.sources.mlflow.postgres.catalogue import Catalogue, look
from mlops_dash.sources.mlflow.postgres.conninfo import ConnInfo
from mlops_dash.sources.mlflow.postgres.failures import driver_missing, explain, is_answer, silent
from mlops_dash.sources.mlflow.postgres.lane import Job, Lane, Rows

_CONNECTS = 4.0  # seconds that a connection may take to be made
_QUIET = 2.5  # seconds without a sign of life after which another connection is tried
_ALIVE = 2.0  # seconds that the other one may take
_TICK = 0.1
BULK, SIDE = 0, 1


class Link:
    """Lanes to one database: ``BULK`` is held, ``SIDE`` reads beside it for a while.

    Args:
        target: the address.
        cancel: looked at while something is waited for.
    """

    def __init__(self, target: ConnInfo) -> None:
        self.target = target
        self.cancel = CancelToken()
        self._pooled = False  # whether the server is a pooler that takes no settings of a session
        self._lanes: dict[int, Lane] = {}
        self._catalogue: Catalogue | None = None

    # -- asking -------------------------------------------------------------------------------------

    def ask(self, sql: str, lane: int = BULK) -> list[tuple[Any, ...]]:
        """Return the rows of a small selection.

        Raises:
            SourceError: it failed, or the server is silent.
            Cancelled: the reading was cancelled.
        """
        return self.wait(self.submit(sql, lane), lane).tuples()

    def submit(self, sql: str, lane: int = BULK) -> Job:
        """Start a selection; :meth:`wait` for it."""
        if lane not in self._lanes:
            self._lanes[lane] = Lane(self._database, lambda: self._pooled)
        return self._lanes[lane].submit(sql)

    def wait(self, job: Job, lane: int = BULK) -> Rows:
        """Return what a selection brought, as soon as it is there."""
        asked = time.monotonic()
        while not job.done.wait(_TICK):
            if self.cancel.cancelled:
                self.sever()
                raise Cancelled
            quiet = time.monotonic() - max(job.stamp, asked)
            if job.connected and quiet > _QUIET:
                if not self.alive():
                    self.sever()
                    raise silent(self.target.shown)
                asked = time.monotonic()  # the server is slow, and there
            elif not job.connected and quiet > _CONNECTS:
                self.sever()
                raise silent(self.target.shown)
        if job.error is not None:
            self.sever()
            raise explain(job.error, self.target.shown) from None
        return job.rows()

    def ranges(self, statements: Iterator[str], lane: int) -> Iterator[Rows]:
        """Yield what selections bring, the next one being read while the last one is put to use."""
        job: Job | None = None
        for sql in statements:
            following = self.submit(sql, lane)
            if job is not None:
                yield self.wait(job, lane)
            job = following
        if job is not None:
            yield self.wait(job, lane)

    def peek(self, sql: str, within: float) -> list[tuple[Any, ...]] | None:
        """Return the rows of a selection if they come within some seconds, and never raise.

        What comes later is thrown away.
        """
        job = self.submit(sql, BULK)
        if not job.done.wait(within) or job.error is not None:
            return None
        return job.rows().tuples()

    def catalogue(self, *, again: bool = False) -> Catalogue:
        """Return what there is, read once for each link unless asked for ``again``."""
        if self._catalogue is None or again:
            self._catalogue = look(self.ask, self.target.shown)
        return self._catalogue

    # -- connections --------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether there is a connection that was not given up."""
        return BULK in self._lanes

    def alive(self) -> bool:
        """Tell within two seconds whether the server still answers, by another connection."""
        other = Lane(self._database, lambda: self._pooled)
        job = other.submit("select 1")
        answered = job.done.wait(_ALIVE)
        (other.close if answered else other.sever)()
        return answered and (job.error is None or is_answer(job.error))

    def release(self, lane: int) -> None:
        """Close a lane that is not needed any longer."""
        found = self._lanes.pop(lane, None)
        if found is not None:
            found.close()

    def sever(self) -> None:
        """Give every connection up at once; the next question makes new ones and looks at everything anew."""
        self._catalogue = None
        lanes, self._lanes = self._lanes, {}
        for lane in lanes.values():
            lane.sever()

    def close(self) -> None:
        """Close every connection; what a lane is doing ends first, unheard."""
        for number in list(self._lanes):
            self.release(number)

    def _database(self) -> Any:
        """Return ADBC's database, which connects to learn the server's types. Called in a lane's thread."""
        try:
            import adbc_driver_manager
            import adbc_driver_postgresql
        except ImportError as error:
            raise driver_missing(error) from None
        path = adbc_driver_postgresql._driver_path()
        if not self._pooled:
            try:
                return adbc_driver_manager.AdbcDatabase(driver=path, uri=self.target.text())
            except adbc_driver_manager.Error as error:
                if "startup parameter" not in str(error):
                    raise
        self._pooled = True
        return adbc_driver_manager.AdbcDatabase(driver=path, uri=self.target.text(pooled=True))
