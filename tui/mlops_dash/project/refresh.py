"""Reads every source into the store, side by side; one that fails costs its own freshness only."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.progress import Cancelled, CancelToken, ProgressCallback
from mlops_dash.errors import SourceError, StoreError
from mlops_dash.sources.base import Position, Reading, Source
from mlops_dash.store.database import Store

_LOG = logging.getLogger(__name__)
_BETWEEN = 5.0  # seconds between two looks at what a long reading has brought


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh brought.

    Attributes:
        changed: whether any fact in the store changed.
        statuses: freshness of each source afterwards.
    """

    changed: bool
    statuses: tuple[SourceStatus, ...]


@dataclass(slots=True)
class Refresher:
    """Reads sources into a store.

    Attributes:
        first: sources that stand on their own; read side by side.
        second: sources that look at what the first found; read after them, one after the other.
        statuses: freshness of each source by name, kept current; stored by :meth:`save`.
        look_again: the next refresh asks the second sources though the first bring nothing: what targets
            answered may make other commits matter.
    """

    store: Store
    first: Sequence[Source]
    second: Sequence[Source]
    statuses: dict[str, SourceStatus]
    look_again: bool = False
    _positions: dict[str, str | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _token: CancelToken | None = None
    _closed: bool = False
    _beginnings: int = -1
    _landed: Callable[[], None] = lambda: None
    _finished: set[str] = field(default_factory=set)
    _between: float = 0.0

    def refresh(
        self,
        *,
        thorough: bool,
        progress: ProgressCallback,
        cancel: CancelToken,
        landed: Callable[[], None] = lambda: None,
    ) -> Refreshed:
        """Read what has changed. Blocks; one refresh at a time, a later one waits.

        Args:
            landed: called, in a thread that reads, when what a source has read so far is of use.

        Raises:
            Cancelled: ``cancel`` was set; batches applied so far stand.
        """
        with self._lock:
            self._token, self._landed = cancel, landed
            if self._closed:
                raise Cancelled
            self._forget_what_the_store_lost()
            brought = self._side_by_side(thorough, progress, cancel)
            again, self.look_again = self.look_again, False
            for source in self.second:
                others = bool(brought - {source.name})  # its own news it has just seen
                if self._read(source, thorough, progress, cancel, force=others or again):
                    brought.add(source.name)
            cancel.check()
            return Refreshed(bool(brought), tuple(self.statuses.values()))

    def close(self, within: float) -> None:
        """Cancel what is being read, wait ``within`` seconds for it, and release the sources.

        Sources that are still read then keep what they hold: to close it under them could end the process.
        """
        self._closed = True
        if self._token is not None:
            self._token.cancel()
        if not self._lock.acquire(timeout=within):
            return
        try:
            for source in {id(s): s for s in (*self.first, *self.second)}.values():
                source.close()
        finally:
            self._lock.release()

    def _forget_what_the_store_lost(self) -> None:
        """Read all again where the store had to start over: it then knows none of our positions."""
        if self._beginnings == self.store.beginnings:
            return
        self._beginnings = self.store.beginnings
        if not any(self._positions.values()):
            return
        self._positions.clear()
        for name in [name for name in self.statuses if name != "targets"]:
            del self.statuses[name]

    def _side_by_side(self, thorough: bool, progress: ProgressCallback, cancel: CancelToken) -> set[str]:
        """Read the first sources; return the names of those that brought anything."""
        outcomes: dict[str, bool | BaseException] = {}

        def work(source: Source) -> None:
            try:
                outcomes[source.name] = self._read(source, thorough, progress, cancel)
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                outcomes[source.name] = error
            self._finished.add(source.name)

        self._finished.clear()
        others = self.first[1:]
        threads = [threading.Thread(target=work, args=(s,), daemon=True, name=s.name) for s in others]
        for thread in threads:
            thread.start()
        for source in self.first[:1]:
            work(source)  # in this thread: a thread costs more than to see that nothing changed
        for thread in threads:
            thread.join()
        for outcome in outcomes.values():
            if isinstance(outcome, BaseException):
                raise outcome
        return {name for name, outcome in outcomes.items() if outcome}

    def _read(
        self,
        source: Source,
        thorough: bool,
        progress: ProgressCallback,
        cancel: CancelToken,
        *,
        force: bool = False,
    ) -> bool:
        """Read one source; return whether it brought anything."""
        cancel.check()
        position = self._positions.get(source.name) or self.store.position(source.name)
        before = self.statuses.get(source.name)
        now = _now()
        try:
            current = before is not None and before.status in (Freshness.OK, Freshness.ABSENT)
            if before is not None and current and not thorough and not force and not source.changed(position):
                self.statuses[source.name] = replace(before, as_of=now, tried_at=now)
                return False
            reading = Reading(position, self.store, cancel, progress, thorough)
            changed, end = self._apply(source, reading, cancel)
        except (SourceError, StoreError) as error:
            cancel.check()
            return self._failed(source, before, error)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - told as the source's state: the others are read all the same
            cancel.check()
            _LOG.debug("reading %s failed", source.name, exc_info=True)
            surprise = SourceError(
                f"reading {source.name} failed unexpectedly ({type(error).__name__})",
                "run `mlops-dash doctor`, and report it if it stays",
            )
            return self._failed(source, before, surprise)
        state = self._arrived(source, end, now)
        return changed or before is None or before.status is not state.status

    def _arrived(self, source: Source, end: Position, now: datetime) -> SourceStatus:
        """Remember how far a source was read."""
        empty = Freshness.OK if end.counts else Freshness.ABSENT
        state = SourceStatus(source.name, source.kind, empty, now, now, end.counts, end.warning, end.remedy)
        self._save(state, end.value)
        return state

    def _apply(self, source: Source, reading: Reading, cancel: CancelToken) -> tuple[bool, Position]:
        changed = False
        end: Position | None = None
        for item in source.read(reading):
            cancel.check()
            if isinstance(item, Position):
                end = item
                if not item.whole:
                    self._arrived(source, item, _now())
                    self._look_between(source, reading)
                    self._landed()
            else:
                self.store.apply(item)
                changed = True
        if end is None or not end.whole:
            raise SourceError(f"{source.name} ended without saying where", "run `mlops-dash doctor`")
        return changed, end

    def _look_between(self, source: Source, reading: Reading) -> None:
        """Read the second sources for what a long reading has brought so far, now and then."""
        others = {one.name for one in self.first} - {source.name}
        if others <= self._finished and time.monotonic() >= self._between:
            for second in self.second:
                self._read(second, False, reading.progress, reading.cancel, force=True)
            self._between = time.monotonic() + _BETWEEN

    def _failed(self, source: Source, before: SourceStatus | None, error: SourceError | StoreError) -> bool:
        """Remember why a source could not be read; what it brought before, and its position, stand."""
        position = self._positions.get(source.name) or self.store.position(source.name)
        now = self.statuses.get(source.name)
        if now is not None and now is not before:  # part of it was read
            before = now
        as_of = before.as_of if before else None
        status = Freshness.STALE if as_of is not None else Freshness.FAILED
        counts = before.counts if before else ""
        state = SourceStatus(
            source.name, source.kind, status, as_of, _now(), counts, error.message, error.remedy
        )
        self._save(state, position)
        return before is None or (before.status, before.detail) != (state.status, state.detail)

    def _save(self, status: SourceStatus, position: str | None) -> None:
        self.statuses[status.name] = status
        self._positions[status.name] = position

    def save(self) -> None:
        """Write the freshness and position of every source to the store, as before it is published."""
        for name, status in list(self.statuses.items()):  # targets may be asked meanwhile
            self.store.set_source(status, self._positions.get(name) or self.store.position(name))


def _now() -> datetime:
    return datetime.now(UTC)
