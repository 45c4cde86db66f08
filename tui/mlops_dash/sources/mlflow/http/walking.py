"""Reads stretches of time page by page, several side by side, the newest first.

What was not read yet of a group of experiments is one stretch of time; pages are cut off it at its newest
end, and at its oldest too where no other group has work for a free place. A page ends between two moments:
rows of its last millisecond may go on beyond it, so they are left to the next.
"""

from __future__ import annotations

import asyncio
import math
import queue
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from mlops_dash.domain.progress import CancelToken
from mlops_dash.sources.mlflow.http.exchange import Exchange
from mlops_dash.sources.mlflow.http.position import LOWEST, RUNS, Group
from mlops_dash.sources.mlflow.http.questions import Questions
from mlops_dash.sources.mlflow.http.troubles import ServerError, Trouble

LARGEST = 1000  # rows of a page
_FIRST = 250
_SMALLEST = 1
_IN_GOOD_TIME = 2.5  # seconds in which a page should come: other users of the server wait meanwhile
_SMALLER = 4
GROWN = 50  # rows that may have come to a window since it was read
_WAITING = 3  # pages that were read and not yet taken: bounds memory
_LOOK = 0.05


@dataclass(slots=True)
class Stretch:
    """A stretch of time to be read: after ``low``, up to ``high``.

    Attributes:
        unread: it is what was never read of its group.
        ends: which of its ends are being read now: the newest (``True``), the oldest (``False``).
        count: how many rows it had when it was read before.
        pages: how many were read of it.
        density: rows of the last page for each millisecond.
    """

    group: Group
    low: int
    high: int
    unread: bool
    ends: set[bool] = field(default_factory=set)
    count: int = 0
    pages: int = 0
    density: float = 0.0

    @property
    def left(self) -> float:
        """How many rows are left, judged by the page that was read last."""
        return math.inf if self.low == LOWEST else self.density * (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Found:
    """All that there is after ``low`` and up to ``high``.

    Attributes:
        newest: it is the newest end of what is left of its stretch; the oldest otherwise.
        rest: bounds of what is left; ``None`` where all of it was read.
    """

    stretch: Stretch
    rows: Sequence[Any]
    low: int
    high: int
    newest: bool
    rest: tuple[int, int] | None


class Walk:
    """Reads stretches. Made and iterated in one thread, it works on the exchange's loop.

    Args:
        seconds: after so many what was read before is no longer begun to be read again; what is unread is.
        one_page: read at most one page of what was read before, though it may have grown since.

    Attributes:
        size: rows that are asked for at once: as many as come in good time.
    """

    def __init__(
        self,
        exchange: Exchange,
        stretches: Sequence[Stretch],
        experiments: Sequence[str],
        size: int,
        seconds: float,
        *,
        one_page: bool,
    ) -> None:
        self._until = time.monotonic() + seconds
        self._one_page = one_page
        self.size = size or _FIRST
        self._exchange = exchange
        self._questions = Questions(exchange)
        self._stretches = deque(stretches)
        self._existing = list(experiments)
        self._out: queue.SimpleQueue[Found | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_WAITING)

    def found(self, cancel: CancelToken) -> Iterator[Found]:
        """Yield what is read, in the order in which it must be remembered.

        Raises:
            ServerError: a page could not be read; all pages before were yielded.
            Cancelled: the token was cancelled.
        """
        work: Future[None] = self._exchange.submit(self._work())
        try:
            while True:
                cancel.check()
                try:
                    one = self._out.get(timeout=_LOOK)
                except queue.Empty:
                    continue
                if one is None:
                    work.result()
                    return
                yield one
                self._exchange.call(self._room.release)
        finally:
            work.cancel()

    async def _work(self) -> None:
        pages: dict[asyncio.Task[Found | None], tuple[Stretch, bool]] = {}
        try:
            while True:
                while len(pages) < self._exchange.limits.pages_at_once and (job := self._next()):
                    stretch, newest = job
                    stretch.ends.add(newest)
                    pages[asyncio.create_task(self._page(stretch, newest))] = job
                if not pages:
                    return
                done, _ = await asyncio.wait(pages, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    stretch, newest = pages.pop(task)
                    stretch.ends.discard(newest)
                    found = task.result()
                    if found is not None and stretch in self._stretches:
                        await self._take(found)
        finally:
            for task in pages:
                task.cancel()
            self._out.put(None)

    def _next(self) -> tuple[Stretch, bool] | None:
        """Return the stretch to read on, and at which end."""
        in_time = time.monotonic() < self._until
        again = in_time and not self._one_page
        free = [
            one
            for one in self._stretches
            if not one.ends and (one.unread or again or (in_time and not one.pages))
        ]
        if free:
            return min(free, key=lambda one: one.pages), True
        for one in self._stretches:
            # the other end too, unless one page is likely to be all that is left
            if len(one.ends) == 1 and one.unread and one.pages and one.left > self.size:
                return one, one.ends == {False}
        return None

    async def _take(self, found: Found) -> None:
        """Cut what was found off its stretch, less what the other end has read meanwhile."""
        stretch = found.stretch
        low, high = max(found.low, stretch.low), min(found.high, stretch.high)
        if found.newest:
            rest = (stretch.low, low) if low > stretch.low else None
        else:
            rest = (high, stretch.high) if high < stretch.high else None
        if rest is None:
            self._stretches.remove(stretch)
        else:
            stretch.low, stretch.high = rest
        stretch.pages += 1
        rows = [row for row in found.rows if low < row.time <= high]
        if rows:
            times = (rows[0].time, rows[-1].time)
            stretch.density = len(rows) / (max(times) - min(times) + 1)
        await self._room.acquire()
        self._out.put(Found(stretch, rows, low, high, found.newest, rest))

    async def _page(self, stretch: Stretch, newest: bool) -> Found | None:
        """Read one page; a smaller one where it is too large, or late though the server answers."""
        while True:
            size = self.size
            if not newest and stretch.low == LOWEST:
                size = max(_SMALLEST, size // _SMALLER)  # to learn where it ends: it may be all that is left
            if not stretch.unread:
                size = min(LARGEST, 2 * size, max(size, stretch.count + GROWN))
            started = asyncio.get_running_loop().time()
            try:
                found = await self._ask(stretch, newest, size)
            except ServerError as error:
                timeout = error.trouble is Trouble.TIMEOUT
                if timeout or error.trouble is Trouble.LARGE:
                    self.size = max(_SMALLEST, min(self.size, size // _SMALLER))
                    if size > _SMALLEST and (not timeout or self._exchange.alive):
                        continue
                raise
            took = asyncio.get_running_loop().time() - started
            if len(found.rows) >= size // 2:
                factor = min(2.0, max(0.25, _IN_GOOD_TIME / max(took, 0.001)))
                self.size = max(_SMALLEST, min(LARGEST, int(size * factor)))
            return found

    async def _ask(self, stretch: Stretch, newest: bool, size: int) -> Found:
        group, low, high = stretch.group, stretch.low, stretch.high
        existing = self._existing
        if group.kind == RUNS:
            ours = set(group.experiments)
            existing = [one for one in existing if one in ours]
        rows: list[Any] = []
        token: str | None = None
        while existing:
            page = await self._questions.between(
                group.kind, existing, low, high, size, newest=newest, token=token
            )
            rows += page.rows
            if not page.token or page.token == token or not page.rows:
                break
            last = rows[-1].time
            if last != rows[0].time:
                rows = [row for row in rows if row.time != last]
                return Found(
                    stretch, rows, last if newest else low, high if newest else last - 1, newest, None
                )
            token = page.token  # all of them started in one millisecond
        return Found(stretch, rows, low, high, newest, None)
