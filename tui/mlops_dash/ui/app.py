"""How the interface starts and ends. Light: Textual is imported only once a project is being opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING

from mlops_dash.errors import DashError

if TYPE_CHECKING:
    from mlops_dash.answers.shapes import LiveAnswer
    from mlops_dash.ui.board import Board

Opening = Future["tuple[Board, LiveAnswer]"]


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


def open_in_background(project_factory: Callable[[], Board]) -> Opening:
    """Open the project and ask for its board in a daemon thread, while the interface is being imported."""
    opening: Opening = Future()

    def work() -> None:
        try:
            board = project_factory()
            opening.set_result((board, board.live()))
        except BaseException as error:  # noqa: BLE001 - carried to the one who waits
            opening.set_exception(error)

    Thread(target=work, name="mlops-dash open", daemon=True).start()
    return opening


def run(project_factory: Callable[[], Board]) -> int:
    """Show the dashboard until it is left.

    Args:
        project_factory: opens the project; called once, in a thread. A ``DashError`` that it raises ends the
            dashboard, is printed on standard error and gives the exit status.

    Returns:
        The exit status: 0, 128 + n after signal n, 1 after an internal error, or the error's own.
    """
    opening = open_in_background(project_factory)

    from mlops_dash.ui import terminal
    from mlops_dash.ui.dashboard import Dashboard

    terminal.remember()
    app = Dashboard(opening)
    app.run()
    code = app.return_code or 0
    if app.fatal is not None:
        _tell(app.fatal)
        code = app.fatal.exit_code
    for problem in app.problems:
        print(problem, file=sys.stderr)
    if not app.let_go():
        # A thread is still inside a driver's call that can't be cancelled: nobody should wait for it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _tell(error: DashError) -> None:
    from mlops_dash.domain.text import visible

    for line in str(error).splitlines():
        print(f"mlops-dash: {visible(line)}", file=sys.stderr)
