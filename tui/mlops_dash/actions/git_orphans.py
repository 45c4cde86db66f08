"""Pushes that outlive the process that began them: ended before anything is said of the remote.

While a push is under way a note of it stands in the state folder. A note whose process is gone belongs to one
that was killed: its ``git push`` may still be at work, and would make a lie of whatever is told meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path

from mlops_dash.paths import state_dir

_WAITED = 3.0  # seconds for which it may end by itself


@contextlib.contextmanager
def noted(root: Path) -> Iterator[None]:
    """Keep a note that this process pushes from a repository."""
    path = _folder(root) / f"{os.getpid()}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(json.dumps({"begun": _begun(os.getpid())}))
    except OSError:  # without a durable state folder nothing is begun; what is noted here only helps
        yield
        return
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def end_orphans(root: Path) -> None:
    """End pushes from a repository whose process is gone; costs nothing where none was interrupted."""
    folder = _folder(root)
    try:
        notes = list(folder.iterdir())
    except OSError:
        return
    alive = {note for note in notes if _alive(note)}
    dead = [note for note in notes if note not in alive]
    if not dead:
        return
    _end(root, {int(note.stem) for note in alive})
    for note in dead:
        note.unlink(missing_ok=True)


def _end(root: Path, parents: Collection[int]) -> None:
    """End the pushes from a repository but those that one of ``parents`` waits for."""
    import psutil

    ours = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = process.cmdline()
            if "push" in words and "--porcelain" in words and ("-C", str(root)) in pairwise(words):
                ours += [process] if process.ppid() not in parents else []
    _, left = psutil.wait_procs(ours, timeout=_WAITED)
    for process in left:
        with contextlib.suppress(psutil.Error, OSError):
            os.killpg(os.getpgid(process.pid), signal.SIGKILL)
    psutil.wait_procs(left, timeout=_WAITED)


def _folder(root: Path) -> Path:
    name = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:16]
    return state_dir() / "pushes" / name


def _begun(pid: int) -> float | None:
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def _alive(note: Path) -> bool:
    try:
        begun = json.loads(note.read_text())["begun"]
        return begun is not None and _begun(int(note.stem)) == begun
    except (OSError, ValueError, KeyError, TypeError):
        return False
