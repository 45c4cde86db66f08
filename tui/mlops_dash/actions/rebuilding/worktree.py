"""The worktree of a rebuild: the commit's files and the recorded difference; nothing of them is run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlops_dash.actions.git_writing import GitWriter
from mlops_dash.actions.rebuilding.workplace import Workplace, remove
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import hashes

_WITHIN = 600.0  # seconds for a large checkout
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_PLAIN = (("core.symlinks", "false"), ("core.autocrlf", "false"), ("core.sparseCheckout", "false"))


def check_out(repository: Path, commit: str, place: Workplace, patch: bytes | None) -> None:
    """Make the worktree; one that an earlier call left half-way is made anew.

    Hooks, filters and symbolic links are off: links become files with their target's name.

    Raises:
        RefusedError: the commit is not there, or its files are not: says what to fetch.
        DashError: it could not be made.
    """
    git = GitWriter(repository)
    check_content(git, commit)
    sweep(repository, place)
    place.make()
    try:
        settings = [*_PLAIN, *_without_filters(git)]
        git.run(
            "worktree", "add", "--quiet", "--no-checkout", "--detach", "--", str(place.tree), *hashes(commit)
        )  # fmt: skip
        there = GitWriter(place.tree)
        there.run("read-tree", *hashes(commit), deadline=_WITHIN, settings=settings)
        there.run("checkout-index", "--all", "--force", "--quiet", deadline=_WITHIN, settings=settings)
        _fill_pointers(git, place.tree, commit)
        if patch is not None:
            apply = ("apply", "--binary", "--whitespace=nowarn", "-")
            there.run(*apply, stdin=patch, deadline=_WITHIN, settings=settings)
    except GitError as error:
        sweep(repository, place)
        raise DashError(f"the commit cannot be checked out: {error.message}", error.remedy) from None


def check_content(git: GitWriter, commit: str) -> None:
    """Return where all files of a commit can be had without fetching.

    Raises:
        RefusedError: the commit is not in the repository, or a part of it is elsewhere: says what to fetch.
    """
    modules = [path for path, (kind, _) in _entries(git, commit).items() if kind == "commit"]
    if modules:
        raise RefusedError(
            f"the commit holds the submodule {visible(modules[0], 80)}, which a rebuild does not bring",
            "train from a repository that holds its code, or install the submodule as a package",
        )
    for path, pointer in _pointers(git, commit):
        if not _object(git, pointer).is_file():
            raise RefusedError(
                f"{visible(path, 80)} is kept with Git LFS and was not fetched",
                f"git lfs fetch origin {commit[:12]}",
            )


def sweep(repository: Path | None, place: Workplace) -> None:
    """Take the worktree away, and what the repository remembers of it. Nothing else of either is touched."""
    remove(place.tree)
    if repository is None:
        return
    with suppress(GitError, OSError):
        common = GitWriter(repository).run("rev-parse", "--git-common-dir").decode("utf-8", "surrogateescape")
        entries = repository / common.rstrip("\n") / "worktrees"
        for entry in list(entries.iterdir()) if entries.is_dir() else []:
            with suppress(OSError):
                if Path((entry / "gitdir").read_text("utf-8").strip()).parent == place.tree:
                    remove(entry)


def swept(place: Workplace) -> bool:
    """Tell whether nothing of a worktree is left."""
    return not os.path.lexists(place.tree)


def _without_filters(git: GitWriter) -> Iterator[tuple[str, str]]:
    """Yield the settings that switch off every filter that is configured anywhere."""
    listed = git.run("config", "--name-only", "--null", "--get-regexp", r"^filter\..*", accept=(0, 1))
    for name in {key.rpartition(".")[0] for key in listed.decode("utf-8", "replace").split("\0") if key}:
        yield f"{name}.smudge", ""
        yield f"{name}.clean", ""
        yield f"{name}.process", ""
        yield f"{name}.required", "false"


def paths_of(git: GitWriter, commit: str) -> frozenset[str]:
    """Return the paths of all files of a commit; errors as :func:`check_content`."""
    return frozenset(_entries(git, commit))


def _entries(git: GitWriter, commit: str) -> dict[str, tuple[str, str]]:
    """Return kind and name of every object of a commit's tree, by path.

    Raises:
        RefusedError: the commit is not in the repository.
    """
    try:
        listed = git.run("ls-tree", "-r", "-z", *hashes(commit), limit=256 << 20, deadline=60.0)
    except (GitError, ValueError):
        raise RefusedError(
            f"commit {visible(commit, 40)} is not in this repository",
            "fetch it from where it is, then plan again",
        ) from None
    found = {}
    for entry in listed.split(b"\0"):
        told, tab, path = entry.partition(b"\t")
        if tab:
            _, kind, name = told.decode("ascii").split()
            found[os.fsdecode(path)] = kind, name
    return found


def _pointers(git: GitWriter, commit: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a commit that are pointers of Git LFS, with their content."""
    first = _POINTER.decode().strip()
    words = ("grep", "--name-only", "-z", "--fixed-strings", "--text", first, *hashes(commit))
    found = [name.partition(b":")[2] for name in git.run(*words, accept=(0, 1), deadline=60.0).split(b"\0")]
    entries = _entries(git, commit) if any(found) else {}
    for path in (os.fsdecode(name) for name in found if name):
        content = git.run("cat-file", "blob", *hashes(entries[path][1]), limit=1 << 30)
        if content.startswith(_POINTER) and len(content) < 1024:
            yield path, content


def _object(git: GitWriter, pointer: bytes) -> Path:
    """Return where Git LFS keeps the content that a pointer names."""
    words = dict(line.split(b" ", 1) for line in pointer.splitlines() if b" " in line)
    digest = words.get(b"oid", b"").removeprefix(b"sha256:").decode("ascii", "replace")
    common = git.run("rev-parse", "--git-common-dir").decode("utf-8", "surrogateescape").rstrip("\n")
    safe = digest if len(digest) == 64 and digest.isalnum() else "unknown"
    return git.root / common / "lfs" / "objects" / safe[:2] / safe[2:4] / safe


def _fill_pointers(git: GitWriter, tree: Path, commit: str) -> None:
    """Put the content of Git LFS where its pointers are: its filter is off."""
    for path, pointer in _pointers(git, commit):
        source = _object(git, pointer)
        content = source.read_bytes()
        if hashlib.sha256(content).hexdigest() != source.name:
            raise DashError(f"{visible(path, 80)} is damaged in Git LFS's store", "git lfs fsck")
        (tree / path).write_bytes(content)
