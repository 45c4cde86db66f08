"""Looking at folders and reading files that nobody vouches for.

No link below the store's own folder is followed, nothing but plain files is opened, sizes are bounded.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntFlag
from typing import NamedTuple

from mlops_dash.domain.text import storable

META = "meta.yaml"
DATASET_LIMIT = 32 << 20  # its schema and profile stand in its meta.yaml
TEXT_LIMIT = 1 << 20
_DEEPEST = 32  # folders in folders, as keys with slashes make them
_MOST_FILES = 50_000  # of a run
_RACING_NS = 2_000_000_000  # some file systems count in seconds
_OPEN = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
)
_OPEN |= getattr(os, "O_BINARY", 0)


class Flag(IntFlag):
    """What is the matter with something that was read; a person is told."""

    NONE = 0
    DAMAGED = 1
    """Its ``meta.yaml`` is half-written or damaged."""
    FORBIDDEN = 2
    """It, or a part of it, may not or could not be read."""
    LINKED = 4
    """A link was not followed."""
    CUT = 8
    """A metric file ends in the middle of a line."""
    LARGE = 16
    """Something was too large and was cut."""
    STRANGE = 32
    """It says that it belongs elsewhere."""
    MISSING = 64
    """Nothing of it is shown."""


class Found(NamedTuple):
    """A file: its key (path below the folder, slashes between), where it is, its state when looked at."""

    key: str
    path: str
    size: int


@dataclass(slots=True)
class Look:
    """What was seen of one folder and all in it.

    Attributes:
        stamps: one number for each file, different after every write to it.
        newest: time of the newest change in nanoseconds since the epoch.
    """

    stamps: list[int] = field(default_factory=list)
    newest: int = 0
    flags: Flag = Flag.NONE

    def saw(self, state: os.stat_result) -> int:
        """Take in one file; return its stamp."""
        changed = state.st_ctime_ns if state.st_ctime_ns > state.st_mtime_ns else state.st_mtime_ns
        if changed > self.newest:
            self.newest = changed
        stamp = stamp_of_state(state)
        self.stamps.append(stamp)
        return stamp

    @property
    def signature(self) -> int:
        """One number for all that was seen, whatever the order."""
        self.stamps.sort()
        return hash(tuple(self.stamps))


def stamp_of_state(state: os.stat_result) -> int:
    """Return a number that is different after every write to the file.

    Integers hash alike in every process. A write that restores the old time still changes ``st_ctime``.
    """
    return hash((state.st_ino, state.st_mtime_ns, state.st_ctime_ns, state.st_size))


def now_ns() -> int:
    """Return the time in nanoseconds since the epoch, as files have it."""
    return time.time_ns()


def racing(newest: int) -> bool:
    """Tell whether a further write could leave the same times and size as one at ``newest``."""
    return abs(now_ns() - newest) < _RACING_NS


def stamp_of(path: str, look: Look) -> int | None:
    """Return the stamp of one plain file: ``None`` where it is missing, 0 where it could not be looked at.

    What is no plain file is as good as missing.
    """
    try:
        state = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        look.flags |= Flag.FORBIDDEN
        return 0
    if stat.S_ISLNK(state.st_mode):
        look.flags |= Flag.LINKED
    return look.saw(state) if stat.S_ISREG(state.st_mode) else None


def files_below(folder: str, look: Look, prefix: str = "", depth: int = 0) -> Iterator[Found]:
    """Yield the files in a folder and in those below it; a missing folder has none."""
    below = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    state = entry.stat(follow_symlinks=False)
                    look.saw(state)
                    if len(look.stamps) > _MOST_FILES:
                        look.flags |= Flag.LARGE
                        return
                    yield Found(prefix + entry.name, entry.path, state.st_size)
                elif entry.is_dir(follow_symlinks=False):
                    below.append(entry)
                elif entry.is_symlink():
                    look.flags |= Flag.LINKED
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        look.flags |= Flag.FORBIDDEN
        return
    if below and depth >= _DEEPEST:
        look.flags |= Flag.LARGE
        return
    for entry in below:
        yield from files_below(entry.path, look, f"{prefix}{entry.name}/", depth + 1)


def stamps_below(folder: str, stamps: list[int], depth: int = 0) -> None:
    """Add the stamps of all files that :func:`files_below` finds, as quickly as can be."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    stamps.append(stamp_of_state(entry.stat(follow_symlinks=False)))
                    if len(stamps) > _MOST_FILES:
                        return
                elif depth < _DEEPEST and entry.is_dir(follow_symlinks=False):
                    stamps_below(entry.path, stamps, depth + 1)
    except OSError:
        return


def folders_in(folder: str) -> tuple[list[os.DirEntry[str]], list[str]]:
    """Return the folders in a folder, and the names of links in it that are not followed.

    Raises:
        OSError: it could not be listed.
    """
    with os.scandir(folder) as entries:
        found = list(entries)
    return (
        [entry for entry in found if entry.is_dir(follow_symlinks=False)],
        [entry.name for entry in found if entry.is_symlink()],
    )


def opened(path: str) -> int:
    """Return a descriptor of a plain file, never of what a link leads to.

    Raises:
        OSError: it is not there, no plain file, or may not be read.
    """
    return os.open(path, _OPEN)


def content(path: str, size: int, limit: int) -> tuple[bytes, bool]:
    """Return what a file holds, and whether it was cut to ``limit`` bytes.

    Args:
        size: how large it was when it was looked at; saves asking once more.

    Raises:
        OSError: it could not be read.
    """
    descriptor = opened(path)
    try:
        asked = min(size, limit) + 1
        found = os.read(descriptor, asked)
        while len(found) == asked <= limit:  # it has grown since
            more = os.read(descriptor, asked)
            if not more:
                break
            found += more
            asked = len(found)
    finally:
        os.close(descriptor)
    return found[:limit], len(found) > limit


def text(raw: bytes) -> str:
    """Return bytes from outside as text: what is no UTF-8 becomes ``\ufffd``."""
    return raw.decode("utf-8", "replace")


def name(raw: str) -> str:
    """Return the name of a file or folder as the store can hold it."""
    return raw if raw.isascii() else storable(raw)
