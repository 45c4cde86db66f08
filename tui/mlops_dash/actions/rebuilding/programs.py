"""Other programs of the user's that a rebuild has do a part of its work: waited for, and stopped with it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError

_EVERY = 0.2  # seconds between two looks
_LEVEL = re.compile(r"(error|ERROR|WARNING): ")
_FRAMES = " ×╰─▶│\t"  # what lines of errors are decorated with


def run(
    words: Sequence[str],
    environment: Mapping[str, str],
    stopped: Callable[[], bool],
    within: float,
    folder: Path | None = None,
) -> tuple[int, str]:
    """Run a program to its end; return what it exits with, and what it says of an error in one line.

    Args:
        within: seconds.

    Raises:
        OSError: it cannot be started.
        DashError: it was stopped, or took too long.
    """
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=folder,
    )
    waited = 0.0
    while True:
        try:
            _, said = process.communicate(timeout=_EVERY)
            return process.returncode, _reason(said.decode("utf-8", "replace"))
        except subprocess.TimeoutExpired:
            waited += _EVERY
            if stopped() or waited > within:
                process.kill()
                process.communicate()
                name = Path(words[0]).name
                why = "it was cancelled" if stopped() else f"{name} took longer than {within:.0f} s"
                raise DashError(why) from None


def _reason(said: str) -> str:
    lines = [
        line.strip(_FRAMES).removeprefix("error: ").removeprefix("ERROR: ") for line in said.splitlines()
    ]
    return visible(scrub(" ".join(line for line in lines if line)), 400)
