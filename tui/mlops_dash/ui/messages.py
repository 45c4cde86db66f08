"""What the reader's threads tell the app. State changes only in the handlers of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from mlops_dash.answers.shapes import LiveAnswer, TraceAnswer
    from mlops_dash.answers.versions import VersionsAnswer
    from mlops_dash.domain.freshness import SourceStatus
    from mlops_dash.domain.progress import Progress
    from mlops_dash.ui.board import Board


class Opened(Message):
    """The project is open; ``answer`` is what the last snapshot says."""

    def __init__(self, board: Board, answer: LiveAnswer) -> None:
        self.board = board
        self.answer = answer
        super().__init__()


class OpeningFailed(Message):
    """The project could not be opened."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__()


class Reconfigured(Message):
    """The configuration had changed: the project that it describes now, or why it cannot be used."""

    def __init__(self, opened: tuple[Board, LiveAnswer] | Exception) -> None:
        self.opened = opened
        super().__init__()


class LiveAnswered(Message):
    """The board's answer to request ``request``."""

    def __init__(self, request: int, answer: LiveAnswer) -> None:
        self.request = request
        self.answer = answer
        super().__init__()


class TraceAnswered(Message):
    """A lineage, or the reason why there is none."""

    def __init__(self, request: int, ref: str, answer: TraceAnswer | Exception) -> None:
        self.request = request
        self.ref = ref
        self.answer = answer
        super().__init__()


class VersionsAnswered(Message):
    """The versions of a model."""

    def __init__(self, request: int, answer: VersionsAnswer) -> None:
        self.request = request
        self.answer = answer
        super().__init__()


class Answered(Message):
    """An answer to a screen's own question, or the reason why there is none.

    Attributes:
        topic: what was asked about; only the newest request of a topic counts.
    """

    def __init__(self, topic: str, request: int, answer: object) -> None:
        self.topic = topic
        self.request = request
        self.answer = answer
        super().__init__()


class Reading(Message):
    """How far the readings are, by source; empty when none is under way."""

    def __init__(self, progress: dict[str, Progress]) -> None:
        self.progress = progress
        super().__init__()


class Read(Message):
    """A reading of all sources ended."""

    def __init__(self, changed: bool, statuses: tuple[SourceStatus, ...]) -> None:
        self.changed = changed
        self.statuses = statuses
        super().__init__()


class Observed(Message):
    """All targets were asked."""


class ReaderFailed(Message):
    """Work of a reader's thread raised: ``work`` says which, for a person."""

    def __init__(self, work: str, error: Exception) -> None:
        self.work = work
        self.error = error
        super().__init__()
