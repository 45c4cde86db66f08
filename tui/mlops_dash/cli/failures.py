"""What a person is told when something went wrong, and the log of errors of our own."""

from __future__ import annotations

import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from mlops_dash import __version__
from mlops_dash.cli.output import has_colour, stderr
from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError
from mlops_dash.paths import state_dir

KEPT_LOGS = 10


def tell(error: DashError) -> None:
    """Write what happened and what to do about it to standard error."""
    label = "\x1b[31mmlops-dash:\x1b[0m" if has_colour(sys.stderr) else "mlops-dash:"
    stderr(f"{label} {_lines(scrub(error.message))}")
    if error.remedy:
        stderr(f"  {_lines(scrub(error.remedy))}")


def tell_unexpected(error: BaseException) -> None:
    """Say that an error of our own happened, and where its traceback is; locals are never shown."""
    path = _write_log(error)
    where = f"The traceback is in {path}" if path else "No traceback could be written"
    text = visible(scrub(str(error)), 300)
    tell(DashError(f"an error of its own: {type(error).__name__}: {text}", where))


def _lines(text: str) -> str:
    return "\n".join(visible(line, 2000) for line in text.split("\n"))


def _write_log(error: BaseException) -> Path | None:
    now = datetime.now(UTC)
    try:
        folder = state_dir() / "errors"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{now:%Y%m%dT%H%M%S%f}-{os.getpid()}.log"
        trace = "".join(traceback.format_exception(error))
        python = f"Python {sys.version.split()[0]}, {sys.platform}"
        head = f"mlops-dash {__version__}, {python}, {now:%Y-%m-%dT%H:%M:%SZ}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{head}\n\n{scrub(trace)}".encode("utf-8", "backslashreplace").decode("utf-8"))
        for old in sorted(folder.glob("*.log"))[:-KEPT_LOGS]:
            old.unlink(missing_ok=True)
    except OSError:
        return None
    return path
