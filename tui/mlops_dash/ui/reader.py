"""Threads that read, ask and observe, so that nothing ever blocks the event loop.

Each kind of work has a lane: one daemon thread that takes its jobs in order. Daemon threads, because quitting
must not wait for a slow store; what they learn is posted as messages, what they hold of the app is ``post``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Lock, Thread

from textual.message import Message

from mlops_dash.domain.progress import Cancelled, CancelToken, Progress
from mlops_dash.ui.board import Board
from mlops_dash.ui.messages import (
    Answered,
    LiveAnswered,
    Observed,
    Read,
    ReaderFailed,
    Reading,
    TraceAnswered,
    VersionsAnswered,
)

_PROGRESS_EVERY = 0.1  # seconds between two progress messages
_PARTIAL_EVERY = 1.0  # seconds between two answers from what a long reading has brought so far
_KEEP_EVERY = 20.0  # seconds between two snapshots of what a long reading has brought
_PUBLISH_EVERY = 60.0  # seconds between two snapshots of a dashboard that stays open


class Lane:
    """One daemon thread that does one kind of work, a job at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = Lock()
        self._waiting = 0
        self._thread: Thread | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way or waiting."""
        return self._waiting == 0

    @property
    def alive(self) -> bool:
        """Whether the thread is still at work after :meth:`stop`."""
        return self._thread is not None and self._thread.is_alive()

    def submit(self, job: Callable[[], None]) -> None:
        """Do ``job`` after those that wait; it must not raise."""
        with self._lock:
            self._waiting += 1
            if self._thread is None:
                self._thread = Thread(target=self._work, name=f"mlops-dash {self.name}", daemon=True)
                self._thread.start()
        self._jobs.put(job)

    def close(self) -> None:
        """Take no more jobs."""
        self._jobs.put(None)

    def stop(self, timeout: float) -> None:
        """Take no more jobs and wait at most ``timeout`` seconds for the one under way."""
        self.close()
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            finally:
                with self._lock:
                    self._waiting -= 1


class Reader:
    """Asks a board in threads and posts what it answers.

    Args:
        board: the open project.
        post: posts a message to the app, from any thread.
    """

    def __init__(self, board: Board, post: Callable[[Message], object]) -> None:
        self.board = board
        self._post = post
        self._cancel = CancelToken()
        self._asking, self._reading, self._observing = Lane("ask"), Lane("read"), Lane("observe")
        self._rereading = Lane("reread")
        self._finding: dict[str, Lane] = {}  # by topic: a slow answer holds no other one up
        self._live_request = 0
        self._trace_request = 0
        self._versions_request = 0
        self._requests: dict[str, int] = {}
        self._published = 0.0
        self._progress: dict[str, Progress] = {}
        self._told = self._partial = self._kept = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return all(lane.idle for lane in self._lanes)

    @property
    def _lanes(self) -> tuple[Lane, ...]:
        return self._asking, *self._finding.values(), self._reading, self._rereading, self._observing

    # -- questions ----------------------------------------------------------------------------------------

    def ask_live(self) -> int:
        """Ask for the board; return the request's id. A newer request makes older ones void."""
        self._live_request += 1
        request = self._live_request

        def job() -> None:
            if request == self._live_request:
                self._guard("the board", lambda: self._post(LiveAnswered(request, self.board.live())))

        self._asking.submit(job)
        return request

    def ask_trace(self, ref: str) -> int:
        """Ask for a lineage; return the request's id."""
        self._trace_request += 1
        request = self._trace_request

        def job() -> None:
            if request != self._trace_request:
                return
            try:
                self._post(TraceAnswered(request, ref, self.board.trace(ref)))
            except Exception as error:  # noqa: BLE001 - shown as the answer
                self._post(TraceAnswered(request, ref, error))

        self._asking.submit(job)
        return request

    def ask_versions(self, model: str, environment: str) -> int:
        """Ask for the versions of a model against what is live in an environment; return the request's id."""
        self._versions_request += 1
        request = self._versions_request

        def job() -> None:
            if request == self._versions_request:
                answer = self.board.versions(model, environment)
                self._post(VersionsAnswered(request, answer))

        self._asking.submit(lambda: self._guard("the versions", job))
        return request

    def ask(self, topic: str, question: Callable[[], object]) -> int:
        """Ask a question of a screen's own; return the request's id. A newer one of its topic makes it void.

        The answer, or the error that it raised, is posted as :class:`~mlops_dash.ui.messages.Answered`.
        """
        return self.ask_each(topic, lambda: (question(),))

    def ask_each(self, topic: str, question: Callable[[], Iterable[object]]) -> int:
        """As :meth:`ask`, of a question that is answered bit by bit: each bit is posted when it is there."""
        request = self._requests[topic] = self._requests.get(topic, 0) + 1

        def wanted() -> bool:
            return request == self._requests[topic] and not self._cancel.cancelled

        def job() -> None:
            if not wanted():
                return
            try:
                for answer in question():
                    self._post(Answered(topic, request, answer))
                    if not wanted():
                        return
            except Exception as error:  # noqa: BLE001 - shown as the answer
                self._post(Answered(topic, request, error))

        self._lane(topic).submit(job)
        return request

    def run(self, topic: str, job: Callable[[], object]) -> None:
        """Do something that has no answer, after what else there is to a topic; only an error is posted."""

        def guarded() -> None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - shown as the answer
                self._post(Answered(topic, self._requests.get(topic, 0), error))

        self._lane(topic).submit(guarded)

    def _lane(self, topic: str) -> Lane:
        if topic not in self._finding:
            self._finding[topic] = Lane(topic)
        return self._finding[topic]

    def is_busy(self, topic: str) -> bool:
        """Whether a question of a topic is being answered or waits."""
        return topic in self._finding and not self._finding[topic].idle

    def forget(self, topic: str) -> None:
        """Nobody waits for the answer to a question any more."""
        self._requests[topic] = self._requests.get(topic, 0) + 1

    def is_current(self, message: LiveAnswered | TraceAnswered | VersionsAnswered | Answered) -> bool:
        """Whether an answer is to the newest request of its kind."""
        if isinstance(message, Answered):
            return message.request == self._requests.get(message.topic, 0)
        if isinstance(message, VersionsAnswered):
            return message.request == self._versions_request
        newest = self._live_request if isinstance(message, LiveAnswered) else self._trace_request
        return message.request == newest

    # -- reading and observing ----------------------------------------------------------------------------

    def refresh(self, *, thorough: bool = False) -> bool:
        """Read all sources unless that is under way; tell whether it was begun."""
        if not self._reading.idle:
            return False
        self._reading.submit(lambda: self._guard("reading", lambda: self._read(thorough)))
        return True

    def reread(self, run_ids: Iterable[str]) -> bool:
        """Read single runs again beside all else, unless that is under way; tell whether it was begun."""
        wanted = list(run_ids)
        if not wanted or not self._rereading.idle:
            return False

        def job() -> None:
            self.board.reread(wanted, self._cancel)
            self.ask_live()

        self._rereading.submit(lambda: self._guard("reading the run again", job))
        return True

    def observe(self) -> bool:
        """Ask all targets unless that is under way; tell whether it was begun."""
        if not self._observing.idle:
            return False
        self._observing.submit(lambda: self._guard("asking the targets", self._observe))
        return True

    def _read(self, thorough: bool) -> None:
        self._progress = {}
        self._kept = time.monotonic()
        done = self.board.refresh(
            thorough=thorough, progress=self._on_progress, cancel=self._cancel, landed=self._on_landed
        )
        self._progress = {}
        self._post(Read(done.changed, tuple(done.statuses)))
        now = time.monotonic()
        if done.changed and (not self._published or now - self._published > _PUBLISH_EVERY):
            self._published = now
            self.board.publish()

    def _observe(self) -> None:
        self.board.observe()
        self._post(Observed())

    def _on_landed(self) -> None:
        """Show what a reading has brought so far, and keep it for the next start."""
        self.ask_live()
        now = time.monotonic()
        if now - self._kept > _KEEP_EVERY:
            self._kept = now
            self.board.publish()

    def _on_progress(self, progress: Progress) -> None:
        now = time.monotonic()
        self._progress = {**self._progress, progress.source: progress}
        if now - self._told < _PROGRESS_EVERY:
            return
        self._told = now
        self._post(Reading(dict(self._progress)))
        if now - self._partial > _PARTIAL_EVERY and self._asking.idle:
            self._partial = now
            self.ask_live()

    def _guard(self, work: str, job: Callable[[], object]) -> None:
        try:
            job()
        except Cancelled:
            return
        except Exception as error:  # noqa: BLE001 - told to the person; a reader never ends the app
            if not self._cancel.cancelled:
                self._post(ReaderFailed(work, error))

    # -- the end ------------------------------------------------------------------------------------------

    def stop(self, timeout: float = 0.2) -> bool:
        """Cancel everything; tell whether all threads have ended: those that read and ask within ``timeout``
        seconds each, those of the screens' own questions within as much in all."""
        self._cancel.cancel()
        for lane in self._lanes:
            lane.close()
        end = time.monotonic() + timeout
        for lane in self._finding.values():
            lane.stop(max(0.0, end - time.monotonic()))
        for lane in self._lanes:
            lane.stop(0.0 if lane in self._finding.values() else timeout)
        return not any(lane.alive for lane in self._lanes)
