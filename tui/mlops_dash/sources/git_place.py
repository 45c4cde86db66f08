"""Where a repository lies on disk, and a cheap signature that tells whether anything in it moved."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from mlops_dash.errors import SourceError

_MANY_LOOSE_REFS = 2_000


@dataclass(frozen=True, slots=True)
class GitPlace:
    """The folders of one repository.

    Attributes:
        root: the top of the working tree, or the repository itself where it is bare.
        folder: its own ``.git``; of a linked worktree the one under ``.git/worktrees``.
        common: what all worktrees share: objects, branches, configuration.
        bare: it has no working tree.
    """

    root: Path
    folder: Path
    common: Path
    bare: bool

    @property
    def shallow(self) -> bool:
        """Whether the history was cut when it was cloned."""
        try:
            return (self.common / "shallow").stat().st_size > 0
        except OSError:
            return False

    def head(self) -> str:
        """Return the content of ``HEAD``: ``ref: refs/heads/main`` or a hash; empty if unreadable."""
        try:
            with (self.folder / "HEAD").open("rb") as file:
                return file.read(4096).decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def refs_signature(self) -> str:
        """Return a text that changes whenever a branch, a tag, HEAD or the configuration does."""
        digest = blake2b(self.head().encode(), digest_size=16)
        for name in ("packed-refs", "shallow", "config", "reftable/tables.list", "FETCH_HEAD"):
            digest.update(_stat(self.common / name))
        budget = _MANY_LOOSE_REFS
        folders = [os.fspath(self.common / "refs")]
        while folders:
            folder = folders.pop()
            digest.update(folder.encode("utf-8", "surrogateescape") + _stat(folder))
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif budget > 0:  # beyond it, the folders' own times tell: git renames refs into them
                    budget -= 1
                    digest.update(entry.name.encode("utf-8", "surrogateescape") + _stat(entry.path))
        return digest.hexdigest()

    def index_signature(self) -> str:
        """Return a text that changes whenever something is staged."""
        return blake2b(_stat(self.folder / "index"), digest_size=16).hexdigest()


def find_place(folder: Path) -> GitPlace | None:
    """Return the repository that ``folder`` lies in, looking upwards; ``None`` if there is none.

    Nothing is run and nothing but ``.git`` files is read.

    Raises:
        SourceError: a ``.git`` file points to a repository that is gone.
    """
    start = folder.absolute()
    for candidate in (start, *start.parents):
        if candidate.name == ".git" and _is_repository(candidate):
            continue  # inside of .git: the working tree is the next one up
        dot_git = candidate / ".git"
        if dot_git.is_dir() and _is_repository(dot_git):
            return GitPlace(candidate, dot_git, _common(dot_git), bare=False)
        if dot_git.is_file():
            linked = _linked(dot_git)
            return GitPlace(candidate, linked, _common(linked), bare=False)
        if _is_repository(candidate):
            return GitPlace(candidate, candidate, _common(candidate), bare=True)
    return None


def _is_repository(folder: Path) -> bool:
    try:
        return (folder / "HEAD").exists() and (
            (folder / "commondir").is_file() or ((folder / "objects").is_dir() and (folder / "refs").is_dir())
        )
    except OSError:
        return False


def _linked(file: Path) -> Path:
    try:
        text = file.read_bytes()[:4096].decode("utf-8", "surrogateescape")
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror}): {file}") from error
    target = text.removeprefix("gitdir:").strip()
    folder = (file.parent / target).absolute() if target and "\0" not in target else file
    if not _is_repository(folder):
        raise SourceError(
            f"a worktree or submodule whose repository is gone: {file.parent}",
            "git worktree repair, or git submodule update, restores it.",
        )
    return folder


def _common(folder: Path) -> Path:
    try:
        text = (folder / "commondir").read_bytes()[:4096].decode("utf-8", "surrogateescape").strip()
    except OSError:
        return folder
    return Path(os.path.normpath(folder / text)) if text and "\0" not in text else folder


def _stat(path: str | Path) -> bytes:
    try:
        found = os.stat(path)
    except OSError:
        return b"-"
    return b"%d %d %d;" % (found.st_mtime_ns, found.st_size, found.st_ino)
