"""What reaches standard output: strict JSON, safe CSV, colours. Everything else goes to stderr."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

from mlops_dash.answers import tabular
from mlops_dash.answers.tabular import csv_text, md_text, plain, utc
from mlops_dash.errors import DashError

__all__ = [
    "csv_text", "has_colour", "json_text", "md_text", "paint", "plain", "room_of_stdout",
    "stderr", "stdout", "utc",
]  # fmt: skip

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def stdout(text: str) -> None:
    """Write ``text`` and a line end to standard output.

    Raises:
        BrokenPipeError: the reader has gone.
        DashError: it could not be written.
    """
    _write(sys.stdout, text, "standard output")


def stderr(text: str) -> None:
    """Write ``text`` and a line end to standard error; where that is not possible there is nobody to tell."""
    try:
        _write(sys.stderr, text, "standard error")
    except (DashError, BrokenPipeError):
        return


def _write(stream: TextIO | None, text: str, name: str) -> None:
    if stream is None:
        raise DashError(f"{name} is closed")
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise DashError(f"{name} cannot be written: {getattr(error, 'strerror', None) or error}") from error


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Return strict JSON of ``value``; what could act on a terminal or cannot be written there is escaped."""
    encoding = (sys.stdout.encoding if sys.stdout else None) or "utf-8"
    return tabular.json_text(value, indent=indent, ascii_only=not encoding.lower().startswith("utf"))


def has_colour(stream: TextIO | None) -> bool:
    """Tell whether ``stream`` is a terminal that the user lets us colour."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    return wanted and stream is not None and stream.isatty()


def paint(text: str, colour: str) -> str:
    """Return ``text`` in ``colour`` where standard output takes colours."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if text and has_colour(sys.stdout) else text


def room_of_stdout() -> int | None:
    """Return the cells of a line of the terminal that standard output is, ``None`` where it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    try:
        return max(20, os.get_terminal_size(sys.stdout.fileno()).columns)
    except OSError:
        return None
