"""One running git process: its input, output, errors and deadline, and what its errors mean."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from mlops_dash.domain.text import visible
from mlops_dash.errors import SourceError

_DAMAGE = re.compile(
    r"missing|could not read|bad object|unable to read|corrupt|bad tree|invalid object|unable to find|"
    r"not a valid object|bad revision|packfile|could not parse|broken ref",
    re.IGNORECASE,
)


class GitError(SourceError):
    """git could not answer.

    Attributes:
        damaged: an object is missing or unreadable; other objects may well be readable.
    """

    damaged = False


class GitProcess:
    """One git process: input, output and errors are served in one loop, so that none can block another."""

    def __init__(self, started: Any, verb: str, place: str, deadline: float, stdin: bytes | None) -> None:
        self._handle = started  # GitPython ends the process when this goes
        self._process = started.proc
        self._verb, self._place, self._deadline = verb, place, deadline
        self._end = time.monotonic() + deadline
        self._errors = b""
        self._unsent = memoryview(b"")
        self._close_input = stdin is not None
        _widen(self._process.stdout.fileno())
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._selector.register(self._process.stderr, selectors.EVENT_READ)
        if stdin is not None:
            self.send(stdin)

    def send(self, data: bytes) -> None:
        """Send input, as far as the process takes it, while its output is waited for."""
        self._unsent = memoryview(bytes(self._unsent) + data)
        if self._process.stdin not in self._selector.get_map():
            os.set_blocking(self._process.stdin.fileno(), False)
            self._selector.register(self._process.stdin, selectors.EVENT_WRITE)

    def more(self) -> bytes:
        """Return the next output; nothing at the end.

        Raises:
            GitError: the deadline passed.
        """
        while self._process.stdout in self._selector.get_map():
            if data := self._served():
                return data
        return b""

    def finish(self, accept: Sequence[int]) -> int:
        """Wait for the end and return the exit code.

        Raises:
            GitError: it was late, or ended with a code that is not in ``accept``.
        """
        while self._process.stderr in self._selector.get_map():
            self._served()
        try:
            code = self._process.wait(max(0.0, self._end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise self._late() from None
        if code not in accept:
            raise _explained(self.errors, self._verb, self._place)
        return int(code)

    @property
    def errors(self) -> str:
        """What it wrote to its errors so far."""
        return self._errors.decode("utf-8", "replace")

    def close(self) -> None:
        """End the process if it still runs, with what it started, and release its pipes."""
        self._selector.close()
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):  # unsent input of a process that is gone
                    pipe.close()

    def _served(self) -> bytes:
        ready = self._selector.select(max(0.0, self._end - time.monotonic()))
        if not ready:
            raise self._late()
        output = b""
        for key, _ in ready:
            if key.fileobj is self._process.stdin:
                self._send_some()
                continue
            data = os.read(key.fd, 1 << 18)
            if not data:
                self._selector.unregister(key.fileobj)
            elif key.fileobj is self._process.stdout:
                output = data
            else:
                self._errors = (self._errors + data)[: 1 << 16]
        return output

    def _send_some(self) -> None:
        pipe = self._process.stdin
        try:
            self._unsent = self._unsent[os.write(pipe.fileno(), self._unsent[: 1 << 16]) :]
        except BlockingIOError:
            return
        except OSError:  # it ended early and says why itself
            self._unsent = memoryview(b"")
        if not self._unsent:
            self._selector.unregister(pipe)
            if self._close_input:
                pipe.close()

    def _late(self) -> GitError:
        return GitError(
            f"git {self._verb} took longer than {self._deadline:g} s and was stopped: {self._place}"
        )


def _widen(pipe: int) -> None:
    """Let git work ahead while its output is worked on (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)


def _explained(errors: str, verb: str, place: str) -> GitError:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    reason = named[0] if named else ""
    reason = visible(reason.removeprefix("fatal: ").removeprefix("error: "), 300)
    if "dubious ownership" in errors:
        owned = re.search(r"repository at '(.*)'", errors)
        where = owned[1] if owned else place
        return GitError(
            f"it belongs to another user, so git refuses it: {visible(where, 200)}",
            f"If you trust it: git config --global --add safe.directory {shlex.quote(visible(where, 200))}",
        )
    if "cannot change to" in errors:
        return GitError(f"gone or cannot be entered: {place}", "Check --repo and [git] repo.")
    if "not a git repository" in errors:
        return GitError(f"no Git repository: {place}", "Check --repo and [git] repo.")
    if "repository version" in errors or "unknown repository extension" in errors:
        return GitError(f"it needs a newer git ({reason}): {place}", "Install a newer git.")
    error = GitError(f"git {verb} failed ({reason or 'it gave no reason'}): {place}")
    if _DAMAGE.search(errors):
        error = GitError(
            f"an object is missing or damaged ({reason}): {place}",
            "git fsck lists what is broken; a fresh clone or git fetch may bring it back.",
        )
        error.damaged = True
    return error
