"""What a person chose for a project: columns, order and filters, kept in the state folder.

One small JSON file for each project. It is read and written in threads, whole or not at all; a file that is
damaged is as good as none. Of two dashboards on one project each changes what is in the file then, so neither
takes the other's filters away.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

import msgspec

from mlops_dash.paths import state_dir

MOST_RECENT = 50
_LARGEST = 2_000_000  # bytes

Change = Callable[["Remembered"], "Remembered"]


class Remembered(msgspec.Struct, frozen=True):
    """What is remembered of the Runs screen.

    Attributes:
        columns: ids of the columns in their order; ``None`` for those by default.
        sort: (column id, descending).
        filters: saved filters by name.
        recent: filters that were used, the newest first.
    """

    columns: tuple[str, ...] | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    filters: dict[str, str] = {}
    recent: tuple[str, ...] = ()


def used(filter_text: str) -> Change:
    """Return the change that puts a filter first among those that were used."""

    def change(now: Remembered) -> Remembered:
        others = (text for text in now.recent if text != filter_text)
        return msgspec.structs.replace(now, recent=(filter_text, *others)[:MOST_RECENT])

    return change


class Memory:
    """The memory of one project.

    Args:
        identity: what tells the project's sources from those of others.
    """

    def __init__(self, identity: str) -> None:
        self._path = state_dir() / "runs" / f"{identity}.json"
        self.now = Remembered()
        self._lock = Lock()
        self._changes: SimpleQueue[Change | None] = SimpleQueue()
        self._thread: Thread | None = None

    def load(self) -> Remembered:
        """Read what is remembered; nothing where there is no file, or none that can be read."""
        with self._lock:
            self.now = self._read()
            return self.now

    def change(self, change: Change) -> None:
        """Remember something else, now and in the file as soon as the disk allows."""
        with self._lock:
            self.now = change(self.now)
        self._changes.put(change)
        if self._thread is None:
            self._thread = Thread(target=self._work, name="mlops-dash remember", daemon=True)
            self._thread.start()

    def close(self, timeout: float = 0.5) -> None:
        """Write what is not written yet, for at most ``timeout`` seconds."""
        self._changes.put(None)
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        while (change := self._changes.get()) is not None:
            self._write(change(self._read()))

    def _read(self) -> Remembered:
        try:
            with self._path.open("rb") as file:
                data = file.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                return Remembered()
            return msgspec.json.decode(data, type=Remembered)
        except (OSError, msgspec.MsgspecError, ValueError):
            return Remembered()

    def _write(self, remembered: Remembered) -> None:
        """A state folder that can't be written costs the memory, nothing else."""
        import tempfile

        with contextlib.suppress(OSError, ValueError):
            data = msgspec.json.format(msgspec.json.encode(remembered), indent=1)
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.stem, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(name, self._path)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(name)
