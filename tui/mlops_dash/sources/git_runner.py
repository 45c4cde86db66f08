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
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mlops_dash.domain.text import visible
from mlops_dash.sources.git_process import GitError, GitProcess

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

    configured: ClassVar[Sequence[tuple[str, str]]] = _SETTINGS
    environment: ClassVar[Mapping[str, str]] = _ENVIRONMENT
    kept: ClassVar[frozenset[str]] = _KEPT

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
    ) -> Iterator[GitProcess]:
        git = self._opened()
        environment = dict(self.environment)
        # were this repository gone, git would otherwise go on with one around it
        environment["GIT_CEILING_DIRECTORIES"] = str(self.root.parent)
        if settings:  # by environment: a name may hold "=", which "-c" would split at
            environment["GIT_CONFIG_COUNT"] = str(len(settings))
            for number, (key, value) in enumerate(settings):
                environment[f"GIT_CONFIG_KEY_{number}"] = key
                environment[f"GIT_CONFIG_VALUE_{number}"] = value
        command = [*_without(environment, self.kept), self._program, "-C", str(self.root), "--no-pager"]
        for key, value in self.configured:
            command += ["-c", f"{key}={value}"]
        command += arguments
        pipe: Any = -1 if keep_stdin or stdin is not None else None
        try:
            started = git.execute(
                command, as_process=True, istream=pipe, env=environment, shell=False, start_new_session=True
            )
        except OSError as error:
            raise GitError(f"git cannot be run in {self._shown}: {error.strerror}") from error
        process = GitProcess(started, arguments[0], self._shown, deadline, stdin)
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

        git = Git(str(self.root))
        version = git.execute([*_without({}, self.kept), self._program, "--version"], shell=False)
        found = re.search(r"(\d+)\.(\d+)", str(version))
        if found and (int(found[1]), int(found[2])) < _OLDEST:
            raise GitError(f"git {found[0]} is too old to be run safely", "Install git 2.31 or newer.")
        self._git = git
        return git

    @property
    def _shown(self) -> str:
        return visible(str(self.root), 200)


class ObjectReader:
    """Reads objects one after the other from one ``git cat-file --batch``."""

    def __init__(self, process: GitProcess) -> None:
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


def _without(ours: Mapping[str, str], kept: Collection[str]) -> list[str]:
    """Return a command prefix that drops the caller's ``GIT_*`` variables (GitPython hands on the rest)."""
    names = [name for name in os.environ if name.startswith("GIT_") and name not in ours and name not in kept]
    names = [name for name in names if not name.startswith("GIT_PYTHON_")]
    if not names:
        return []
    env = shutil.which("env")
    if env is None:
        raise GitError(f"{names[0]} is set, and would lead git elsewhere", f"Unset {names[0]}.")
    return [env, *(word for name in names for word in ("-u", name))]
