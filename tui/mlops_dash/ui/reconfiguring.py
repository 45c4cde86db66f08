"""Reading the configuration again while the dashboard runs. Everything here that blocks has a thread."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from threading import Thread

from textual.message import Message

from mlops_dash.answers.shapes import LiveAnswer
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.errors import DashError
from mlops_dash.ui.app import Opening
from mlops_dash.ui.board import Board
from mlops_dash.ui.messages import Reconfigured
from mlops_dash.ui.reader import Reader

_ENDS_WITHIN = 10.0  # seconds that each of a former reader's threads has to end
_FILE = re.compile(r"^[^:“\n]*/[^/,: ]*[,:]? ")


def look(board: Board, again: Opening, post: Callable[[Message], object]) -> None:
    """Open the project again where its configuration has changed, and post how that went.

    Args:
        board: the project as it is now; what it has read is kept for the new one to begin with.
        again: opens it anew; not begun yet.
        post: posts a message to the app, from any thread.
    """

    def tell(opening: Future[tuple[Board, LiveAnswer]]) -> None:
        error = opening.exception()
        if error is None:
            post(Reconfigured(opening.result()))
        else:
            post(Reconfigured(error if isinstance(error, Exception) else Exception(error)))

    def work() -> None:
        if board.reconfigured():
            board.publish()
            again.add_done_callback(tell)
            again.start()

    Thread(target=work, name="mlops-dash configuration", daemon=True).start()


def let_go(reader: Reader | None, board: Board | None) -> None:
    """Stop a former reader, and close its board when nothing reads any more."""

    def work() -> None:
        if (reader is None or reader.stop(_ENDS_WITHIN)) and board is not None:
            board.close()

    Thread(target=work, name="mlops-dash former", daemon=True).start()


def status_of(error: Exception, now: datetime) -> SourceStatus:
    """Return a configuration that cannot be used as a source that failed; where its file is, is left out."""
    message = error.message if isinstance(error, DashError) else f"it could not be read: {error}"
    remedy = error.remedy if isinstance(error, DashError) else None
    detail = "; ".join(line.strip() for line in _FILE.sub("", message).splitlines())
    then = f"{remedy}; then press r" if remedy else "mend it, then press r"
    return SourceStatus(
        "configuration",
        "mlops-dash.toml",
        Freshness.FAILED,
        tried_at=now,
        detail=detail,
        remedy=f"{then} again: until then the former one counts",
    )
