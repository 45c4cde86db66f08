"""What lies between two commits: commits on either side, the files that differ, and the difference itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from mlops_dash.sources import git_history
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_refs import object_kinds
from mlops_dash.sources.git_runner import GitRunner, hashes, is_hash

MOST_COMMITS = 200
MOST_FILES = 500
LONGEST_DIFF = 400_000
"""Bytes of a difference that is shown."""

DEADLINE = 5.0
"""Seconds that each question may take."""

_MOST_ARGUMENTS = 200_000  # bytes of paths in one command
_LARGE = "8m"  # a larger file counts as binary: its lines are not compared
_TREES = (
    "diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative",
    f"-O{os.devnull}", "--submodule=short", "--ignore-submodules=none", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip
_SETTINGS = (("core.quotePath", "false"), ("core.bigFileThreshold", _LARGE))

Keeps = Callable[[str], bool]
"""Tells whether the differences of a path are of interest."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit; ``committed_at`` in milliseconds since the epoch."""

    commit: str
    subject: str
    author: str
    committed_at: int | None


@dataclass(frozen=True, slots=True)
class File:
    """A file that differs: lines added and removed, ``None`` where its lines are not compared."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True, slots=True)
class Between:
    """What lies between two commits, from ``base`` to ``head``.

    Attributes:
        ahead, behind: the newest commits that only ``head`` has, and that only ``base`` has.
        files: what differs and is of interest, sorted by path.
        left_out: how many files differ that are not of interest.
        diff: unified, of ``files`` alone.
        cut: whether files or lines of the difference are missing because there are too many.
        problem: why files or the difference are missing otherwise.
    """

    ahead: tuple[Commit, ...] = ()
    behind: tuple[Commit, ...] = ()
    ahead_count: int = 0
    behind_count: int = 0
    files: tuple[File, ...] = ()
    left_out: int = 0
    diff: str = ""
    cut: bool = False
    problem: str | None = None

    @property
    def status(self) -> str:
        """``same``, ``ahead``, ``behind`` or ``diverged``: where ``head`` stands, seen from ``base``."""
        if self.ahead_count and self.behind_count:
            return "diverged"
        return "ahead" if self.ahead_count else "behind" if self.behind_count else "same"


def missing(runner: GitRunner, commits: Iterable[str]) -> set[str]:
    """Return those of ``commits`` that the repository does not have, what is no commit included.

    Raises:
        GitError: the repository cannot be read.
    """
    wanted = dict.fromkeys(commits)
    kinds = object_kinds(runner, [name for name in wanted if is_hash(name)])
    return {name for name in wanted if kinds.get(name) != "commit"}


def between(runner: GitRunner, base: str, head: str, keeps: Keeps, *, longest: int = LONGEST_DIFF) -> Between:
    """Compare two commits of a repository. Nothing that it configures is run.

    Args:
        keeps: which paths are of interest.
        longest: bytes of the difference.

    Raises:
        ValueError: one is no full hash.
        GitError: the repository cannot be read, or takes too long.
    """
    base, head = hashes(base, head)
    if base == head:
        return Between()
    ahead_count, behind_count = _counts(runner, base, head)
    found = Between(
        ahead=_commits(runner, head, base) if ahead_count else (),
        behind=_commits(runner, base, head) if behind_count else (),
        ahead_count=ahead_count,
        behind_count=behind_count,
    )
    try:
        paths = _paths(runner, base, head)
        wanted = [path for path in paths if keeps(_text(path))]
        kept, fits = _fitting(sorted(wanted))
        found = replace(found, left_out=len(paths) - len(wanted), cut=not fits)
        found = replace(found, files=tuple(File(_text(path), None, None) for path in kept))
        found = replace(found, files=_files(runner, base, head, kept))
        diff, whole = _diff(runner, base, head, kept, longest)
        return replace(found, diff=diff, cut=not (fits and whole))
    except GitError as error:  # a partial clone may lack what differs, and the commits are known all the same
        return replace(found, problem=error.message)


def _counts(runner: GitRunner, base: str, head: str) -> tuple[int, int]:
    """Return how many commits only ``head`` has, and how many only ``base``."""
    output = runner.run("rev-list", "--count", "--left-right", f"{base}...{head}", "--", deadline=DEADLINE)
    behind, ahead = output.split()
    return int(ahead), int(behind)


def _commits(runner: GitRunner, tip: str, without: str) -> tuple[Commit, ...]:
    output = runner.run(
        "log", "-z", git_history.FORMAT, "--encoding=UTF-8", "--no-show-signature", "--no-color",
        f"--max-count={MOST_COMMITS}", tip, f"^{without}", "--",
        deadline=DEADLINE,
    )  # fmt: skip
    found = git_history.parse(output)
    columns = (found[name] for name in ("hash", "subject", "author", "committed_at"))
    return tuple(Commit(*row) for row in zip(*columns, strict=True))


def _paths(runner: GitRunner, base: str, head: str) -> list[bytes]:
    output = runner.run(*_TREES, "-z", "--name-only", base, head, "--", deadline=DEADLINE, settings=_SETTINGS)
    return [path for path in output.split(b"\0") if path]


def _fitting(paths: Sequence[bytes]) -> tuple[list[bytes], bool]:
    """Return as many paths as one command takes, and whether those are all."""
    kept: list[bytes] = []
    room = _MOST_ARGUMENTS
    for path in paths[:MOST_FILES]:
        room -= len(path) + 20
        if room < 0:
            break
        kept.append(path)
    return kept, len(kept) == len(paths)


def _specs(paths: Sequence[bytes]) -> list[str]:
    return [f":(top,literal){os.fsdecode(path)}" for path in paths]


def _files(runner: GitRunner, base: str, head: str, paths: Sequence[bytes]) -> tuple[File, ...]:
    if not paths:
        return ()
    output = runner.run(
        *_TREES, "-z", "--numstat", base, head, "--", *_specs(paths), deadline=DEADLINE, settings=_SETTINGS
    )
    found: list[File] = []
    for line in output.split(b"\0"):
        added, _, rest = line.partition(b"\t")
        removed, tab, path = rest.partition(b"\t")
        if tab:
            binary = added == b"-"
            lines = (None, None) if binary else (int(added), int(removed))
            found.append(File(_text(path), *lines))
    return tuple(found)


def _diff(runner: GitRunner, base: str, head: str, paths: Sequence[bytes], longest: int) -> tuple[str, bool]:
    """Return the difference of some files, and whether it is whole; it is cut after a whole line."""
    if not paths:
        return "", True
    stream = runner.stream(
        *_TREES, "--patch", "--unified=3", base, head, "--", *_specs(paths),
        deadline=DEADLINE, settings=_SETTINGS,
    )  # fmt: skip
    parts: list[bytes] = []
    size = 0
    for part in stream:
        parts.append(part)
        size += len(part)
        if size > longest:
            break  # git is stopped when the stream goes: what is beyond is not waited for
    content = b"".join(parts)
    if len(content) > longest:
        content = content[:longest]
        content = content[: content.rfind(b"\n") + 1] or content
    return _text(content), size <= longest


def _text(content: bytes) -> str:
    """Return text in which bytes that are no UTF-8, and NUL, are replaced."""
    return content.decode("utf-8", "replace").replace("\0", "\ufffd")
