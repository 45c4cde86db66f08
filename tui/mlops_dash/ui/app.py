"""How the interface starts and ends. Light: Textual is imported only once a project is being opened."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from mlops_dash.errors import DashError

if TYPE_CHECKING:
    from mlops_dash.answers.shapes import LiveAnswer
    from mlops_dash.ui.board import Board
    from mlops_dash.ui.glance import Glance

    _Opened = Future[tuple[Board, LiveAnswer]]
else:
    _Opened = Future


class Opening(_Opened):
    """A project being opened in a daemon thread, and what its board says then.

    Args:
        project_factory: opens the project; may raise.
    """

    def __init__(self, project_factory: Callable[[], Board]) -> None:
        super().__init__()
        self._factory = project_factory
        self._started = False

    def start(self) -> Opening:
        """Begin, unless it has begun."""
        if not self._started:
            self._started = True
            Thread(target=self._work, name="mlops-dash open", daemon=True).start()
        return self

    def again(self) -> Opening:
        """Return another try at the same project, not begun yet."""
        return Opening(self._factory)

    def _work(self) -> None:
        try:
            board = self._factory()
            self.set_result((board, board.live()))
        except BaseException as error:  # noqa: BLE001 - carried to the one who waits
            self.set_exception(error)


def terminal_problem() -> str | None:
    """Return why no dashboard can be drawn here, in plain words; ``None`` where it can."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        return "the dashboard needs a terminal; `mlops-dash live` prints the board as text or JSON"
    if sys.stderr is None or not sys.stderr.isatty():
        return "the dashboard draws on standard error, which is not a terminal here; run it without 2>…"
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        return (
            f"this terminal (TERM={os.environ.get('TERM', '')}) can't be drawn on; "
            "`mlops-dash live` prints the board as text"
        )
    return None


def run(project_factory: Callable[[], Board], *, known_as: str | None = None) -> int:
    """Show the dashboard until it is left.

    Args:
        project_factory: opens the project; called once, in a thread. A ``DashError`` that it raises ends the
            dashboard, is printed on standard error and gives the exit status.
        known_as: tells this project from others, for the glance that the first frame is drawn from.

    Returns:
        The exit status: 0, 128 + n after signal n, 1 after an internal error, or the error's own.
    """
    # Nothing of what is imported for the first frame is garbage: looking for some costs a tenth of that time.
    gc.disable()
    opening = Opening(project_factory)
    place, seen = _glance(known_as)
    if seen is None:
        opening.start()  # while Textual is being imported; else as soon as the first frame is drawn

    from mlops_dash.ui import terminal
    from mlops_dash.ui.dashboard import Dashboard

    terminal.remember()
    app = Dashboard(opening, seen=seen, place=place)
    app.run()
    code = app.return_code or 0
    if app.fatal is not None:
        _tell(app.fatal)
        code = app.fatal.exit_code
    if app.going_on:
        what = "an action goes" if app.going_on == 1 else f"{app.going_on} actions go"
        print(f"mlops-dash: {what} on without the dashboard: mlops-dash jobs", file=sys.stderr)
    if app.problems:
        from mlops_dash.domain.secrets import scrub

        for problem in app.problems:
            print(scrub(problem), file=sys.stderr)
    if not app.let_go():
        # A thread is still inside a driver's call that can't be cancelled: nobody should wait for it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _glance(known_as: str | None) -> tuple[Path | None, Glance | None]:
    if known_as is None:
        return None, None
    from mlops_dash.ui import glance

    place = glance.place(known_as)
    return place, glance.load(place)


def _tell(error: DashError) -> None:
    from mlops_dash.domain.secrets import scrub
    from mlops_dash.domain.text import visible

    for line in scrub(str(error)).splitlines():
        print(f"mlops-dash: {visible(line)}", file=sys.stderr)
