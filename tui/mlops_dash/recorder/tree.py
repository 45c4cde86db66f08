"""The repository around a training: its commit, and what is not committed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlops_dash.domain.recorded import is_commit
from mlops_dash.domain.secrets import scrub

_WITHIN = 2.0  # seconds for all that git is asked: a vast repository is not waited for
_LARGEST = 100_000  # bytes of a new file that is kept with the difference
_NEW_FILES = 200
_PATCH = 4_000_000  # bytes of a difference that is looked at
_STORES = ("mlruns", "mlartifacts", "mlflow.db")
_CACHES = frozenset(
    {"__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".venv"}
)
"""What a training, or Python itself, writes: no change of the code."""
_SETTINGS = (
    "core.fsmonitor=", "core.hooksPath=/dev/null", "diff.external=", "color.ui=false", "core.quotePath=false",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """The repository that a training runs in; ``patch``, ``patch_sha256``, ``omitted`` and ``folder`` as in
    :class:`mlops_dash.domain.recorded.Recorded`."""

    top: Path
    commit: str
    folder: str
    dirty: bool | None
    patch: bytes | None = None
    patch_sha256: str | None = None
    omitted: str | None = None


class _Git:
    """Runs git in one folder, read only, until time is up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._end = time.monotonic() + _WITHIN

    def __call__(self, *arguments: str, stdin: bytes = b"", index: str | None = None) -> bytes | None:
        """Return what it prints; ``None`` where it fails or takes too long."""
        settings = [word for one in _SETTINGS for word in ("-c", one)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
        if index is not None:
            environment["GIT_INDEX_FILE"] = index
        try:
            done = subprocess.run(
                ["git", *settings, *arguments],
                cwd=self.folder,
                env=environment,
                input=stdin,
                capture_output=True,
                timeout=max(0.01, self._end - time.monotonic()),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None


def tree_around(script: Path | None, folder: Path) -> Tree | None:
    """Return the repository of a script, or that of the folder where the script is in none.

    ``None`` where both are in none, or it has no commit yet.
    """
    places = [script.absolute().parent] if script is not None else []
    for place in [*places, folder]:
        git = _Git(place)
        said = git("rev-parse", "--show-toplevel", "HEAD") if place.is_dir() else None
        lines = said.decode("utf-8", "surrogateescape").splitlines() if said is not None else []
        if len(lines) == 2 and is_commit(lines[1]):
            top = Path(lines[0]).resolve()
            return _tree(_Git(top), top, lines[1], _within(folder, top))
    return None


def _within(folder: Path, top: Path) -> str:
    """Return a folder from the top of the repository; ``.`` where it is outside of it."""
    try:
        return PurePosixPath(folder.resolve().relative_to(top)).as_posix()
    except (ValueError, OSError):
        return "."


def _tree(git: _Git, top: Path, commit: str, folder: str) -> Tree:
    said = git("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
    if said is None:
        return Tree(
            top, commit, folder, dirty=None, omitted="git took too long to tell what is not committed"
        )
    entries = [entry for entry in said.decode("utf-8", "surrogateescape").split("\0") if entry]
    new = [entry[3:] for entry in entries if entry.startswith("??") and not _is_written(entry[3:])]
    if not new and all(entry.startswith("??") for entry in entries):
        return Tree(top, commit, folder, dirty=False)
    kept = [path for path in new if _is_small(top / path)][:_NEW_FILES]
    patch = _patch(git, kept)
    if patch is None:
        return Tree(top, commit, folder, dirty=True, omitted="git could not tell the difference in time")
    sha256 = hashlib.sha256(patch).hexdigest()
    text = patch.decode("utf-8", "surrogateescape")
    if len(patch) > _PATCH:
        return Tree(top, commit, folder, True, None, sha256, "it is too large")
    if scrub(text) != text:
        return Tree(top, commit, folder, True, None, sha256, "something in it looks like a secret")
    left = len(new) - len(kept)
    omitted = f"{left} new {'file' if left == 1 else 'files'} too large to be kept" if left else None
    return Tree(top, commit, folder, True, patch, sha256, omitted)


def _is_written(path: str) -> bool:
    return any(part.startswith(_STORES) or part in _CACHES for part in PurePosixPath(path).parts)


def _is_small(path: Path) -> bool:
    try:
        return not path.is_symlink() and path.stat().st_size <= _LARGEST
    except OSError:
        return False


def _patch(git: _Git, new: Sequence[str]) -> bytes | None:
    """Return the difference between the commit and the tree, new files included.

    They are added to a copy of the index, as to be added later: nothing is written into the repository.
    """
    difference = ("diff", "--binary", "--no-ext-diff", "--no-textconv", "--no-renames", "HEAD")
    if not new:
        return git(*difference)
    where = git("rev-parse", "--git-path", "index")
    if where is None:
        return None
    with tempfile.TemporaryDirectory(prefix="mlops-dash-") as scratch:
        index = os.path.join(scratch, "index")
        original = git.folder / os.fsdecode(where.rstrip(b"\n"))
        try:
            written = original.stat()
            content = original.read_bytes()
        except OSError:
            return None
        Path(index).write_bytes(content)
        # files changed at the moment of its writing are known by it (git's Documentation/technical/racy-git)
        os.utime(index, ns=(written.st_atime_ns, written.st_mtime_ns))
        names = b"\0".join(os.fsencode(name) for name in new)
        added = git(
            "--literal-pathspecs",
            "add",
            "-N",
            "--pathspec-from-file=-",
            "--pathspec-file-nul",
            stdin=names,
            index=index,
        )
        return git(*difference, index=index) if added is not None else None
