"""The only place that runs git: nothing that a repository configures is run, fetched or written.

A repository's own configuration can make even reading commands run programs. Every command here is started
through GitPython with those doors shut: hooks, ``core.fsmonitor``, external diffs, signature checks, pagers,
content filters, lazy fetches of partial clones and every transport. Index refreshes are not written back, and
``GIT_*`` variables of the caller do not reach it. Ownership is still checked by git itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_dash.domain.text import visible
from mlops_dash.errors import SourceError

if TYPE_CHECKING:
    from git.cmd import Git

_HASH = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_OLDEST = (2, 31)

_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", ""),
    ("core.alternateRefsCommand", ""),
    ("core.attributesFile", os.devnull),
    ("core.pager", "cat"),
    ("core.askPass", ""),
    ("diff.external", ""),
    ("diff.trustExitCode", "false"),
    ("log.showSignature", "false"),
    ("log.mailmap", "false"),
    ("submodule.recurse", "false"),
    ("status.submoduleSummary", "false"),
    ("protocol.allow", "never"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("color.ui", "false"),
)
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_PAGER": "cat",
}
# where the user keeps their own configuration is theirs to say: it holds safe.directory
_KEPT = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"})
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


def is_hash(text: str) -> bool:
    """Whether ``text`` is a full object name (SHA-1 or SHA-256), the only form ever handed to git."""
    return _HASH.fullmatch(text) is not None


def hashes(*names: str) -> list[str]:
    """Return ``names``, each checked to be a full object name: nothing else may become an argument.

    Raises:
        ValueError: one is not.
    """
    for name in names:
        if not is_hash(name):
            raise ValueError(f"{visible(name, 60)!r} is no commit")
    return list(names)


class GitRunner:
    """Runs git in one repository.

    Args:
        root: the top of the working tree, or the folder of a bare repository.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._git: Git | None = None
        self._program = ""

    def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        deadline: float = 15.0,
        limit: int = 64 << 20,
        settings: Sequence[tuple[str, str]] = (),
        accept: Sequence[int] = (0,),
    ) -> bytes:
        """Return what a command prints.

        Args:
            deadline: seconds after which it is killed.
            limit: bytes of output after which it is killed.
            settings: more configuration, for this command only.
            accept: exit codes that are no error.

        Raises:
            GitError: it failed, took too long or printed too much.
        """
        return b"".join(
            self.stream(
                *arguments, stdin=stdin, deadline=deadline, limit=limit, settings=settings, accept=accept
            )
        )

    def stream(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        deadline: float = 15.0,
        limit: int = 64 << 20,
        settings: Sequence[tuple[str, str]] = (),
        accept: Sequence[int] = (0,),
    ) -> Iterator[bytes]:
        """Yield what a command prints as it comes; see :meth:`run`."""
        with self._started(arguments, stdin, deadline, settings) as process:
            total = 0
            while chunk := process.more():
                total += len(chunk)
                if total > limit:
                    raise GitError(f"git {arguments[0]} printed more than {limit >> 20} MB in {self._shown}")
                yield chunk
            process.finish(accept)

    @contextlib.contextmanager
    def objects(self, deadline: float = 60.0) -> Iterator[ObjectReader]:
        """Open a reader of objects by name, to be used within ``deadline`` seconds."""
        with self._started(("cat-file", "--batch"), None, deadline, (), keep_stdin=True) as process:
            yield ObjectReader(process)

    @contextlib.contextmanager
    def _started(
        self,
        arguments: Sequence[str],
        stdin: bytes | None,
        deadline: float,
        settings: Sequence[tuple[str, str]],
        keep_stdin: bool = False,
    ) -> Iterator[_Process]:
        git = self._opened()
        environment = dict(_ENVIRONMENT)
        if settings:  # by environment: a name may hold "=", which "-c" would split at
            environment["GIT_CONFIG_COUNT"] = str(len(settings))
            for number, (key, value) in enumerate(settings):
                environment[f"GIT_CONFIG_KEY_{number}"] = key
                environment[f"GIT_CONFIG_VALUE_{number}"] = value
        command = [*_without(environment), self._program, "--no-pager"]
        for key, value in _SETTINGS:
            command += ["-c", f"{key}={value}"]
        command += arguments
        pipe: Any = -1 if keep_stdin or stdin is not None else None
        try:
            started = git.execute(
                command, as_process=True, istream=pipe, env=environment, shell=False, start_new_session=True
            )
        except OSError as error:
            raise GitError(f"git cannot be run in {self._shown}: {error.strerror}") from error
        process = _Process(started, arguments[0], self._shown, deadline, stdin)
        try:
            yield process
        finally:
            process.close()

    def _opened(self) -> Git:
        if self._git is not None:
            return self._git
        self._program = _program()
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # or the import fails where git is missing
        from git.cmd import Git

        if not self.root.is_dir():
            raise GitError(f"There is no folder {self._shown}", "Check --repo and [git] repo.")
        git = Git(str(self.root))
        version = git.execute([self._program, "--version"], shell=False)
        found = re.search(r"(\d+)\.(\d+)", str(version))
        if found and (int(found[1]), int(found[2])) < _OLDEST:
            raise GitError(f"git {found[0]} is too old to be run safely", "Install git 2.31 or newer.")
        self._git = git
        return git

    @property
    def _shown(self) -> str:
        return visible(str(self.root), 200)


class _Process:
    """One git process: input, output and errors are served in one loop, so that none can block another."""

    def __init__(self, started: Any, verb: str, place: str, deadline: float, stdin: bytes | None) -> None:
        self._handle = started  # GitPython ends the process when this goes
        self._process = started.proc
        self._verb, self._place, self._deadline = verb, place, deadline
        self._end = time.monotonic() + deadline
        self._errors = b""
        self._unsent = memoryview(b"")
        self._close_input = stdin is not None
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

    def finish(self, accept: Sequence[int]) -> None:
        """Wait for the end.

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
            raise _explained(self._errors.decode("utf-8", "replace"), self._verb, self._place)

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
            f"git {self._verb} took longer than {self._deadline:g} s in {self._place} and was stopped"
        )


class ObjectReader:
    """Reads objects one after the other from one ``git cat-file --batch``."""

    def __init__(self, process: _Process) -> None:
        self._process = process
        self._read = b""

    def read(self, name: str, limit: int = 16 << 20) -> tuple[str, bytes] | None:
        """Return (type, content) of an object; ``None`` where it is missing or larger than ``limit`` bytes.

        Raises:
            GitError: git ended, for example because the object is damaged.
        """
        (name,) = hashes(name)
        self._process.send(name.encode() + b"\n")
        while b"\n" not in self._read:
            self._wait()
        header, _, self._read = self._read.partition(b"\n")
        words = header.split()
        if len(words) != 3:
            return None
        size = int(words[2])
        parts, got = [self._read], len(self._read)
        while got < size + 1:
            self._read = b""
            self._wait()
            parts = [*parts, self._read] if got <= limit else []
            got += len(self._read)
        if size > limit:
            self._read = self._read[len(self._read) - (got - size - 1) :]
            return None
        whole = b"".join(parts)
        self._read = whole[size + 1 :]
        return words[1].decode(), whole[:size]

    def _wait(self) -> None:
        data = self._process.more()
        if not data:
            self._process.finish(accept=())
        self._read += data


def _program() -> str:
    """Return git's full path; a relative entry of PATH would find the repository's own "git"."""
    path = os.pathsep.join(
        part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(part).is_absolute()
    )
    program = shutil.which("git", path=path)
    if program is None:
        raise GitError("git is not installed or not on PATH", "Install git 2.31 or newer.")
    return program


def _without(ours: dict[str, str]) -> list[str]:
    """Return a command prefix that drops the caller's ``GIT_*`` variables (GitPython hands on the rest)."""
    names = [
        name for name in os.environ if name.startswith("GIT_") and name not in ours and name not in _KEPT
    ]
    names = [name for name in names if not name.startswith("GIT_PYTHON_")]
    if not names:
        return []
    env = shutil.which("env")
    if env is None:
        raise GitError(f"{names[0]} is set, and would lead git elsewhere", f"Unset {names[0]}.")
    return [env, *(word for name in names for word in ("-u", name))]


def _explained(errors: str, verb: str, place: str) -> GitError:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    reason = named[0] if named else ""
    reason = visible(reason.removeprefix("fatal: ").removeprefix("error: "), 300)
    if "dubious ownership" in errors:
        owned = re.search(r"repository at '(.*)'", errors)
        where = owned[1] if owned else place
        return GitError(
            f"git refuses {visible(where, 200)}: it belongs to another user",
            f"If you trust it: git config --global --add safe.directory {shlex.quote(visible(where, 200))}",
        )
    if "not a git repository" in errors:
        return GitError(f"{place} is no Git repository", "Check --repo and [git] repo.")
    if "repository version" in errors or "unknown repository extension" in errors:
        return GitError(f"{place} needs a newer git: {reason}", "Install a newer git.")
    error = GitError(f"git {verb} failed in {place}: {reason or 'it gave no reason'}")
    if _DAMAGE.search(errors):
        error = GitError(
            f"An object of {place} is missing or damaged: {reason}",
            "git fsck lists what is broken; a fresh clone or git fetch may bring it back.",
        )
        error.damaged = True
    return error
