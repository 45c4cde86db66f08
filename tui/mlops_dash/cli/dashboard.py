"""The dashboard itself, and the demo that opens it on a sample project."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.cli.command import Options
    from mlops_dash.project import Project

_INSTEAD = "mlops-dash live prints the same answer without a screen"
_COLOURFUL = re.compile(r"xterm|screen|tmux|rxvt|linux|kitty|alacritty|foot|wezterm|iterm|konsole|vte|color")


def dashboard(options: Options) -> int:
    """Open the dashboard and return its exit code.

    Raises:
        UsageError: there is no terminal that it could be drawn on.
    """
    require_terminal()
    from mlops_dash.ui.app import run

    def project() -> Project:
        from mlops_dash.cli.opening import project_of

        return project_of(options)

    return run(project, known_as=repr(options))


def demo(options: Options, arguments: argparse.Namespace) -> int:
    """Make the sample project, start its model servers and open the dashboard on it."""
    from mlops_dash.cli.output import stderr, stdout
    from mlops_dash.demo import start_story, start_story_soon, unpack

    if not arguments.no_open:
        require_terminal()
    folder = unpack(Path(arguments.dir) if arguments.dir else None)
    if arguments.no_open:
        for problem in start_story(folder):
            stderr(f"mlops-dash: {problem}")
        stdout(str(folder))
        stderr(f"mlops-dash --project {folder} opens it")
        return 0
    start_story_soon(folder)
    return dashboard(replace(options, project=str(folder), tracking_uri=None, config=None, repo=None))


def require_terminal() -> None:
    """Raise :class:`UsageError` unless the dashboard can be drawn: it needs a terminal with colours."""
    from mlops_dash.ui.app import terminal_problem

    if problem := terminal_problem():
        raise UsageError(problem, _INSTEAD if "live" not in problem else None)
    term = os.environ.get("TERM", "")
    if not _COLOURFUL.search(term) and _colours(term) == 0:
        raise UsageError(f"the dashboard needs a terminal with colours, and {term} has none", _INSTEAD)


def _colours(term: str) -> int | None:
    """Return how many colours the terminal database knows for ``term``, ``None`` if it does not."""
    try:
        import curses

        curses.setupterm(term, sys.stdout.fileno())
    except (ImportError, OSError, ValueError):
        return None
    except curses.error:
        return None
    return max(0, curses.tigetnum("colors"))
