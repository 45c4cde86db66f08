"""Slow questions, asked beside the caller and waited for within a time; answers are remembered."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from mlops_dash.domain.progress import Cancelled
from mlops_dash.errors import DashError

_LOG = logging.getLogger(__name__)
_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Beside(Generic[_K, _V]):
    """Jobs that a few threads do while the caller goes on.

    Threads end with the process: one that hangs, as on a disk that is gone, keeps nobody.

    Args:
        jobs: what to do, by what it is for; they are begun in this order.
        threads: how many work at once.
        name: of the threads.
    """

    def __init__(self, jobs: Mapping[_K, Callable[[], _V]], threads: int, name: str) -> None:
        self._open = list(jobs.items())[::-1]
        self._wanted = len(jobs)
        self._done: dict[_K, _V | DashError] = {}
        self._news = threading.Condition()
        self._ended = False
        for _ in range(min(threads, len(jobs))):
            threading.Thread(target=self._work, daemon=True, name=name).start()

    def results(self, end: float) -> dict[_K, _V | DashError]:
        """Return what is done at ``end`` (``time.monotonic()``), or why it failed; begin nothing more."""
        with self._news:
            while len(self._done) < self._wanted and (left := end - time.monotonic()) > 0:
                self._news.wait(left)
            self._ended = True
            return dict(self._done)

    def _work(self) -> None:
        while True:
            with self._news:
                if self._ended or not self._open:
                    return
                key, job = self._open.pop()
            found: _V | DashError
            try:
                found = job()
            except DashError as error:
                found = error
            except Cancelled:
                found = DashError("it was ended")
            except Exception as error:  # noqa: BLE001 - told as the reason why it is not known
                _LOG.debug("a question beside failed", exc_info=True)
                found = DashError(f"it failed unexpectedly ({type(error).__name__})")
            with self._news:
                self._done[key] = found
                self._news.notify_all()


class Remembered(Generic[_K, _V]):
    """The latest answers, by what was asked. Thread-safe.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[_K, tuple[_V, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _K) -> _V | None:
        """Return an answer, ``None`` where there is none or its time is over."""
        with self._lock:
            value, until = self._kept.get(key, (None, 0.0))
            if value is None or time.monotonic() > until:
                return None
            self._kept.move_to_end(key)
            return value

    def put(self, key: _K, value: _V, seconds: float = float("inf")) -> _V:
        """Remember an answer for so many seconds, and return it."""
        with self._lock:
            self._kept[key] = (value, time.monotonic() + seconds)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value
