"""Files that outlive a crash, and locks that die with their process."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

_PATIENCE = 0.5  # seconds for which a lock that somebody only looks at is waited for
_LOOK = 0.01  # seconds between two tries


def cut_torn_line(file: IO[bytes]) -> None:
    """Take away what a killed process left of a line: nothing was begun on the strength of it."""
    content = file.read()
    file.truncate(content.rfind(b"\n") + 1)


def write_whole(file: IO[bytes], data: bytes) -> None:
    """Write all of it, or raise :class:`OSError`."""
    view = memoryview(data)
    while view:
        written = file.write(view)
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        view = view[written:]


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk; errors as :func:`write_whole`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def locked(path: Path) -> IO[bytes] | None:
    """Return a file that this process has locked; ``None`` where another holds it.

    Whoever asks whether it is held takes it for a moment, so a first failure does not count.

    Raises:
        OSError: the file cannot be opened for writing.
    """
    file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)  # noqa: SIM115
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > end:
                file.close()
                return None
            time.sleep(_LOOK)
        except OSError:
            file.close()
            raise


def is_held(path: Path) -> bool:
    """Tell whether some process, this one included, has locked a file."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def release(*locks: IO[bytes] | None) -> None:
    """Let go of locked files."""
    for lock in locks:
        if lock is not None:
            with suppress(OSError):
                lock.close()
