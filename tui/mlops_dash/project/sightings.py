"""What looks at a project saw of declared and served versions, kept beside the cache and outliving it.

One file of changes for each project, appended to under a lock, so that several dashboards may see the same
without writing it twice; and a small one of when each version was seen last, written once a minute at most.
Where they cannot be written nothing is kept, and :attr:`Sightings.problem` says so.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mlops_dash.domain.changes import PAUSE, Aspect, Sighting
from mlops_dash.domain.text import storable
from mlops_dash.paths import state_dir
from mlops_dash.project.seen_lines import Key, Line, Seen, fold, key_of, line_of, pruned

_WRITE_EVERY = 60.0  # seconds between two writings of when versions were seen last
_TRY_EVERY = 60.0  # seconds between two tries where nothing can be written
_LOCKED_FOR = 0.5  # seconds to wait for another dashboard that is writing
_LARGEST = 64_000_000  # bytes of a file that are read: its last ones
_DENSE = 4_000_000  # bytes from which on places with very many changes lose their oldest


class Look(msgspec.Struct, frozen=True):
    """What one look saw at one place.

    Attributes:
        began, ended: when it was asked for, and when it was known.
        since: since when the server says that it serves it.
    """

    environment: str
    model: str
    aspect: Aspect
    version: str | None
    began: datetime
    ended: datetime
    healthy: bool | None = None
    by: str | None = None
    via: str | None = None
    since: datetime | None = None


class Sightings:
    """The sightings of one project. Thread-safe; every method may block for a moment, none raises.

    Args:
        project: what the project's model servers are known by.
        sources: what tells its sources from others: what these declare is theirs alone.

    Attributes:
        problem: why nothing can be kept, in plain words; ``None`` where it is.
    """

    def __init__(self, project: str, sources: str) -> None:
        digest = hashlib.sha256(storable(project).encode()).hexdigest()[:16]
        folder = state_dir() / "seen"
        self._changes, self._last = folder / f"{digest}.jsonl", folder / f"{digest}.last.json"
        self._lock_path = folder / f"{digest}.lock"
        self._sources = sources
        self.problem: str | None = None
        self._lock = threading.RLock()
        self._seen: dict[Key, list[Sighting]] = {}
        self._read_to: tuple[int, int] = (0, 0)  # inode, bytes of whole lines
        self._looked_to = 0
        self._written = self._blocked = float("-inf")
        self._unsaved = False

    def saw(self, looks: Sequence[Look]) -> None:
        """Remember what was seen; where it is what was seen before, that costs microseconds."""
        with self._lock:
            now = time.monotonic()
            with contextlib.suppress(OSError):  # told where it is written
                self._catch_up()
            news = [look for look in looks if not self._still(look)]
            due = self._unsaved and now - self._written >= _WRITE_EVERY
            if not (news or due) or now < self._blocked:
                return
            try:
                self._write(looks)
                self.problem = None
            except OSError as error:
                self._blocked = now + _TRY_EVERY
                self.problem = f"{self._changes.parent} cannot be written ({error.strerror or error})"

    def known(self) -> tuple[Sighting, ...]:
        """Return all sightings, those of other dashboards too."""
        with self._lock:
            try:
                self._catch_up()
                self._load_last()
            except OSError as error:
                self.problem = f"{self._changes} cannot be read ({error.strerror or error})"
            mine = ("", self._sources)
            return tuple(one for key, many in self._seen.items() if key[0] in mine for one in many)

    def declared(self) -> dict[tuple[str, str], Sighting]:
        """Return what these sources were last seen to declare, by (environment in lower case, model)."""
        known = [one for one in self.known() if one.aspect is Aspect.DECLARED]
        return {(one.environment.casefold(), one.model): one for one in known}

    def _still(self, look: Look) -> bool:
        """Take a look that brings nothing new; tell whether it is one."""
        many = self._seen.get(self._key(look))
        if not many:
            return False
        current = many[-1]
        if look.began < current.first:
            if current.first <= datetime.now(UTC) + PAUSE:
                return True  # it is older than what was seen since
            self._seen, self._read_to = {}, (0, 0)  # the clock was set back: what was ahead is not read again
            return False
        if current.version != look.version or (look.healthy and not current.healthy):
            return False
        if look.healthy is not None and current.healthy is None:
            return False
        if look.began - current.last > PAUSE:
            return False
        if look.began > current.last:
            many[-1] = replace(current, last=look.began)
            self._unsaved = True
        return True

    def _key(self, look: Look) -> Key:
        of = self._sources if look.aspect is Aspect.DECLARED else ""
        return key_of(of, look.environment, look.model, look.aspect)

    # -- files --------------------------------------------------------------------------------------------

    def _write(self, looks: Sequence[Look]) -> None:
        self._changes.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            self._catch_up()
            self._load_last()
            lines = [(look, self._line(look)) for look in looks if not self._still(look)]
            if lines:
                self._append([line for _, line in lines])
                self._catch_up()
                for look, _ in lines:
                    self._still(look)
            if lines or self._last_is_old():
                self._save_last()
                self._unsaved = False
        self._written = time.monotonic()

    def _line(self, look: Look) -> Line:
        key = self._key(look)
        many = self._seen.get(key)
        current = many[-1] if many else None
        if current is None:
            first = look.since if look.since is not None and look.since <= look.ended else look.ended
            return line_of(key[0], look.environment, look.model, look, first)
        began_before = current.last
        if current.version == look.version and look.began - current.last <= PAUSE:
            return line_of(key[0], look.environment, look.model, look, look.ended, same=True)
        first = look.since if look.since and began_before < look.since <= look.ended else look.ended
        return line_of(key[0], look.environment, look.model, look, first, before=current)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        import fcntl

        with self._lock_path.open("ab") as file:
            os.chmod(self._lock_path, 0o600)
            until = time.monotonic() + _LOCKED_FOR
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.005)
            yield  # closing the file lets the lock go

    def _catch_up(self) -> None:
        """Read what was appended since the last time; all of it where the file was replaced."""
        inode, offset = self._read_to
        try:
            found = os.stat(self._changes)
            if (found.st_ino, found.st_size) == (inode, self._looked_to):
                return
            changes = self._changes.open("rb")
        except FileNotFoundError:
            self._seen, self._read_to, self._looked_to = {}, (0, 0), 0
            return
        with changes as file:
            status = os.fstat(file.fileno())
            if inode != status.st_ino or status.st_size < offset:
                self._seen, offset = {}, max(0, status.st_size - _LARGEST)
            file.seek(offset)
            data = file.read(status.st_size - offset)
        whole = data.rfind(b"\n") + 1  # a line that is being written, or was torn, is read when it is whole
        fold(self._seen, data[:whole].splitlines(), datetime.now(UTC))
        self._read_to, self._looked_to = (status.st_ino, offset + whole), offset + len(data)

    def _append(self, lines: Sequence[Line]) -> None:
        descriptor = os.open(self._changes, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = bool(size) and os.pread(descriptor, 1, size - 1) != b"\n"
            data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
            data = b"\n" + data if torn else data
            if os.write(descriptor, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if size > _DENSE:
            self._prune()

    def _prune(self) -> None:
        """Take the oldest changes of places that have very many: a target that flaps fills no disk."""
        kept = pruned(self._changes.read_bytes()[-_LARGEST:].splitlines())
        if kept is not None:
            _replace(self._changes, b"".join(line + b"\n" for line in kept))

    def _load_last(self) -> None:
        """Take from the file when other dashboards saw what is there."""
        try:
            seen = msgspec.json.decode(self._last.read_bytes()[:_DENSE], type=list[Seen])
        except (FileNotFoundError, msgspec.MsgspecError, ValueError, RecursionError):
            return
        latest = datetime.now(UTC) + PAUSE
        for one in seen:
            many = self._seen.get(key_of(one.of, one.env, one.model, one.what))
            last = one.moment()
            if (
                many
                and last is not None
                and many[-1].version == one.version
                and many[-1].last < last < latest
            ):
                many[-1] = replace(many[-1], last=last)

    def _last_is_old(self) -> bool:
        """Tell whether no dashboard has written for a while when versions were seen last."""
        try:
            return not 0 <= time.time() - self._last.stat().st_mtime < _WRITE_EVERY
        except FileNotFoundError:
            return True

    def _save_last(self) -> None:
        seen = [
            Seen(
                key[0],
                one.environment,
                one.model,
                one.aspect,
                one.version,
                int(one.last.timestamp() * 1000),
            )
            for key, many in self._seen.items()
            for one in many[-1:]
        ]
        _replace(self._last, msgspec.json.encode(seen))


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one."""
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
