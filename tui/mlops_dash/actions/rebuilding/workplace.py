"""The folder of one rebuild, and the marks in it that say which steps are done."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlops_dash.actions.durable import sync_folder
from mlops_dash.errors import RefusedError

_LINE = 1_000_000  # bytes that the lines of a journal may take
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4,32}")


class Workplace:
    """The folder of one rebuild.

    A step is done when its mark is there: it is written last, whole and durably, so that a process that is
    killed before leaves none.

    Attributes:
        tree: the worktree.
        home, scratch: what the command has for ``HOME`` and ``TMPDIR``.
    """

    def __init__(self, folder: Path, action_id: str) -> None:
        if not _ID.fullmatch(action_id):
            raise RefusedError(f"a rebuild cannot be called {action_id[:60]!r}")
        self.id = action_id
        self.folder = folder / action_id
        self.tree = self.folder / "tree"
        self.home = self.folder / "home"
        self.scratch = self.folder / "tmp"

    def make(self) -> None:
        """Make the folder, for the user's own eyes.

        Raises:
            RefusedError: it cannot be written.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RefusedError(
                f"{self.folder} cannot be written: {error.strerror}.",
                "MLOPS_DASH_STATE_DIR names another folder.",
            ) from None

    def mark(self, step: str, told: Mapping[str, Any]) -> None:
        """Write durably that a step is done, and what it found."""
        path = self._mark(step)
        aside = path.with_suffix(f".{os.getpid()}")
        with open(
            os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(self.folder)

    def marked(self, step: str) -> dict[str, Any] | None:
        """Return what a step found; ``None`` where it is not done."""
        with suppress(OSError, ValueError):
            told = json.loads(self._mark(step).read_text("utf-8"))
            return told if isinstance(told, dict) else None
        return None

    def unmark(self, step: str) -> None:
        """Take a mark away."""
        self._mark(step).unlink(missing_ok=True)

    @property
    def is_used(self) -> bool:
        """Whether anything is there that has to be swept."""
        return any(os.path.lexists(path) for path in (self.tree, self.home, self.scratch))

    @property
    def is_full(self) -> bool:
        """Whether its disk has no room for as much as a line of a journal."""
        with suppress(OSError):
            return shutil.disk_usage(self.folder).free < _LINE
        return False

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for it to be stopped."""
        return (self.folder / "cancel").exists()

    def _mark(self, step: str) -> Path:
        return self.folder / f"{step}.done.json"


def remove(folder: Path) -> None:
    """Take a folder away with all that is in it, whatever rights the command gave it; links are not followed.

    Raises:
        OSError: something of it cannot be taken away.
    """
    if folder.is_symlink():
        folder.unlink()
    if not folder.exists():
        return
    for root, names, _ in os.walk(folder):
        for path in (root, *(os.path.join(root, name) for name in names)):
            with suppress(OSError):
                if not os.path.islink(path) and os.stat(path).st_mode & 0o700 != 0o700:
                    os.chmod(path, 0o700)
    shutil.rmtree(folder)
