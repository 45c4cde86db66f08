"""The cache's files: one published snapshot per project, and a private working copy for each process.

Nobody opens the snapshot itself: it is copied, and replaced whole by renaming. So no process can lock out
another, and what is lost with a process is only what it had not published yet.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SNAPSHOT = "snapshot.duckdb"
SET_ASIDE = "snapshot.set-aside"
_ALIVE = "alive"
UNUSED_AFTER = 60 * 86_400.0
"""Seconds after which the cache of a project that was not opened is deleted."""
_ASIDE_FOR = 7 * 86_400.0  # seconds; long enough to look at what could not be used
_FORGOTTEN_AFTER = 3600.0  # seconds; a copy in preparation is never that old


@dataclass(slots=True)
class WorkingCopy:
    """A folder that only this process uses, held by a lock that the system drops when the process ends.

    Attributes:
        folder: the private folder, mode 0700.
        database: the DuckDB file in it.
    """

    folder: Path
    database: Path
    _lock: int

    def remove(self) -> None:
        """Delete the copy and release the lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def prepare_copy(folder: Path) -> WorkingCopy:
    """Make a private working folder in ``folder`` and copy the published snapshot into it, if there is one.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid == os.getuid():
        folder.chmod(0o700)
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    preparing = folder / f"new-{token}"
    preparing.mkdir(mode=0o700)
    lock = -1
    try:
        lock = os.open(preparing / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _try_lock(lock)
        _copy(folder / SNAPSHOT, preparing / "store.duckdb")
        ready = folder / f"work-{token}"
        preparing.rename(ready)
    except BaseException:
        if lock >= 0:
            os.close(lock)
        shutil.rmtree(preparing, ignore_errors=True)
        raise
    return WorkingCopy(ready, ready / "store.duckdb", lock)


def publish_copy(working: Path, folder: Path) -> None:
    """Replace the snapshot by a copy of ``working``, which must not be written meanwhile.

    Raises:
        OSError: the disk is full or cannot be written; the old snapshot stays as it was.
    """
    aside = folder / f"new-{os.getpid()}-{secrets.token_hex(4)}.duckdb"
    try:
        _copy(working, aside, durable=True)
        os.replace(aside, folder / SNAPSHOT)
        _sync_folder(folder)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def set_aside(folder: Path) -> None:
    """Rename the snapshot to the one file that is kept of what could not be used."""
    try:
        os.replace(folder / SNAPSHOT, folder / SET_ASIDE)
    except FileNotFoundError:
        return  # another process was quicker


def sweep(folder: Path, now: Callable[[], float]) -> None:
    """Delete working copies whose process is gone, and what was set aside long ago.

    What cannot be deleted is left for the next time.
    """
    for entry in list(folder.iterdir()):
        try:
            if entry.name.startswith("work-") and entry.is_dir():
                _remove_if_dead(entry)
            elif entry.name.startswith("new-") and now() - entry.stat().st_mtime > _FORGOTTEN_AFTER:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            elif entry.name == SET_ASIDE and now() - entry.stat().st_mtime > _ASIDE_FOR:
                entry.unlink()
        except OSError:
            continue


def sweep_unused(projects: Path, now: float) -> None:
    """Delete the caches of projects that nobody has opened for ``UNUSED_AFTER`` seconds.

    Each start makes a working copy in the project's folder, which sets its time. What another process still
    uses, and what cannot be deleted, stays.

    Args:
        projects: the folder that holds one folder per project.
        now: seconds since the epoch.
    """
    try:
        entries = list(projects.iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_symlink() or not entry.is_dir() or now - entry.stat().st_mtime < UNUSED_AFTER:
                continue
            sweep(entry, lambda: now)
            if not any(one.name.startswith("work-") for one in entry.iterdir()):
                shutil.rmtree(entry, ignore_errors=True)
        except OSError:
            continue


def _remove_if_dead(entry: Path) -> None:
    try:
        lock = os.open(entry / _ALIVE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        shutil.rmtree(entry, ignore_errors=True)  # half swept by another process
        return
    try:
        if _try_lock(lock):
            shutil.rmtree(entry, ignore_errors=True)
    finally:
        os.close(lock)


def _try_lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks here: nothing is ever found dead, the system's cleaner remains
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _copy(source: Path, target: Path, *, durable: bool = False) -> None:
    """Copy a file, mode 0600; a missing source makes no copy."""
    try:
        reading = source.open("rb")
    except FileNotFoundError:
        return
    with reading:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as writing:
            _copy_bytes(reading.fileno(), writing.fileno())
            if durable:
                os.fsync(writing.fileno())


def _copy_bytes(reading: int, writing: int) -> None:
    """Copy within the kernel where it can."""
    copy = getattr(os, "sendfile", None)
    if copy is None:
        while chunk := os.read(reading, 1 << 20):
            view = memoryview(chunk)
            while view:
                view = view[os.write(writing, view) :]
        return
    offset = 0
    while sent := copy(writing, reading, offset, 1 << 26):
        offset += sent


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
