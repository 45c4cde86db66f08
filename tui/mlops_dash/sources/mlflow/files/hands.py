"""Work on many folders at once: as many at a time as the disk keeps waiting.

A fast disk is best read by two threads, since more would only wait for each other; a slow one (a network's)
by many. Which it is shows in how busy the processor is meanwhile.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

FEWEST, MOST = 1, 16
_IDLE, _BUSY = 0.5, 0.85  # processor seconds for each second
_LONG_ENOUGH = 0.05  # seconds over which that tells something
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Hands:
    """Threads that work side by side, closed at the end of a ``with``."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MOST, thread_name_prefix="tracking-files")
        self._at_once = FEWEST
        self._since = (time.monotonic(), time.process_time())

    def __enter__(self) -> Hands:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def map(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Yield what ``work`` returns for each item, in order, a few of them under way."""
        waiting = iter(items)
        under_way: deque[Future[_Result]] = deque()
        more = True
        while more or under_way:
            while more and len(under_way) < self._at_once:
                try:
                    item = next(waiting)
                except StopIteration:
                    more = False
                else:
                    under_way.append(self._pool.submit(work, item))
            if under_way:
                result = under_way.popleft().result()
                self._adapt()
                yield result

    def _adapt(self) -> None:
        now = (time.monotonic(), time.process_time())
        took = now[0] - self._since[0]
        if took < _LONG_ENOUGH:
            return
        busy = (now[1] - self._since[1]) / took
        if busy < _IDLE:
            self._at_once = min(MOST, self._at_once * 2)
        elif busy > _BUSY:
            self._at_once = max(FEWEST, self._at_once - 1)
        self._since = now


def blocks(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """Cut a sequence into blocks."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
