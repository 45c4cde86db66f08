"""Files of two folders: listed without following links, opened only where plain, hashed by streaming."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

MOST_FILES = 10_000
WHOLE = 50_000_000
"""Bytes up to which a file is read whole to compare what it says."""

_IGNORED = frozenset({"registered_model_meta", ".DS_Store"})  # written when a model is fetched or looked at


class Unreadable(Exception):  # noqa: N818 - it is told as a fact, not as an error
    """A file or folder cannot be compared; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder.

    Attributes:
        names: of plain files, from the folder, POSIX.
        odd: links, pipes and devices, which are never opened.
    """

    names: frozenset[str]
    odd: frozenset[str]


def listing(folder: Path) -> Listing:
    """Return the files of a folder and those below; none where there is no folder.

    Raises:
        Unreadable: there are too many, or a folder cannot be read.
    """
    names: set[str] = set()
    odd: set[str] = set()
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder / below) as entries:
                for entry in entries:
                    name = f"{below}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{name}/")
                    elif entry.name not in _IGNORED:
                        (names if entry.is_file(follow_symlinks=False) else odd).add(name)
                    if len(names) + len(odd) + len(waiting) > MOST_FILES:
                        raise Unreadable(f"there are more than {MOST_FILES:,} files")
        except FileNotFoundError:
            if below:
                raise Unreadable("its folder changed meanwhile") from None
        except OSError as error:
            raise Unreadable(f"its folder cannot be read ({error.strerror})") from None
    return Listing(frozenset(names), frozenset(odd))


def opened(path: Path) -> BufferedReader:
    """Open a plain file for reading.

    Raises:
        Unreadable: it is a link, no plain file, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise Unreadable(f"cannot be read ({getattr(error, 'strerror', None) or 'no path'})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("is no plain file")
    return open(descriptor, "rb")


def same_bytes(first: Path, second: Path) -> str | None:
    """Return the SHA-256 of two files if they are equal byte for byte, else ``None``.

    Raises:
        Unreadable: one of them cannot be read.
    """
    with opened(first) as one, opened(second) as two:
        if os.fstat(one.fileno()).st_size != os.fstat(two.fileno()).st_size:
            return None
        try:
            digest = hashlib.file_digest(one, "sha256").hexdigest()
            return digest if hashlib.file_digest(two, "sha256").hexdigest() == digest else None
        except OSError as error:
            raise Unreadable(f"cannot be read ({error.strerror})") from None


def whole(path: Path, limit: int = WHOLE) -> bytes:
    """Return what a file holds.

    Raises:
        Unreadable: it is larger than ``limit`` bytes, or cannot be read.
    """
    with opened(path) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise Unreadable(f"cannot be read ({error.strerror})") from None
    if len(content) > limit:
        raise Unreadable(f"is larger than {limit // 1_000_000} MB")
    return content
