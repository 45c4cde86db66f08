"""Every version of the data along the main branch, from the commits that touched DVC's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mlops_dash.sources.columns import Columns
from mlops_dash.sources.dvc_tree import DvcTree
from mlops_dash.sources.git_history import milliseconds
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import GitRunner, hashes

_PATHS = (":(top,glob)**/*.dvc", ":(top,glob)**/dvc.lock")


@dataclass(frozen=True, slots=True)
class Change:
    """A path got another version: ``seq`` counts up from 0, ``committed_at`` is in milliseconds."""

    path: str
    digest: str
    commit: str
    committed_at: int | None
    seq: int


def history(runner: GitRunner, tree: DvcTree, main: str) -> list[Change]:
    """Return the changes of data on the main branch, oldest first. Merges count as one change.

    Raises:
        GitError: the repository cannot be read.
    """
    changes: list[Change] = []
    latest: dict[str, tuple[str, int]] = {}
    for commit, at, _, files in reversed(list(_touched(runner, main))):
        for path, blob in files:
            if blob is None:
                continue
            for output in tree.outputs(path, blob):
                digest, seq = latest.get(output.path, ("", -1))
                if output.digest != digest:
                    changes.append(Change(output.path, output.digest, commit, at, seq + 1))
                    latest[output.path] = (output.digest, seq + 1)
    return changes


def prolonged_without_data(runner: GitRunner, before: str, now: str) -> bool:
    """Whether the main branch only grew since ``before``, and no DVC file changed on the way.

    Raises:
        GitError: the repository cannot be read.
    """
    try:
        grown = list(_touched(runner, now, before))
    except GitError as error:
        if not error.damaged:
            raise
        return False  # ``before`` is gone, for example after a gc
    return bool(grown) and grown[-1].parent == before and not any(commit.files for commit in grown)


class _Touched(NamedTuple):
    """A commit on the main branch and the (path, blob) of DVC files that it changed; the blob is ``None``
    where the file was deleted or became a link."""

    commit: str
    at: int | None
    parent: str
    files: list[tuple[str, str | None]]


def _touched(runner: GitRunner, tip: str, without: str | None = None) -> Iterator[_Touched]:
    """Yield the commits that changed DVC files, newest first; all of those since ``without``, if given."""
    output = runner.run(
        "log", "-z", "--first-parent", "-m", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff",
        "--no-textconv", "--no-color", "--no-show-signature", "--format=%x01%H %ct %P",
        *hashes(tip), *(["--sparse", f"^{hashes(without)[0]}"] if without else []), "--", *_PATHS,
        deadline=300.0, limit=1 << 30,
    )  # fmt: skip
    found: _Touched | None = None
    tokens = iter(output.decode("utf-8", "replace").split("\0"))
    for token in tokens:
        if token.startswith("\1"):
            if found:
                yield found
            commit, seconds, *parents = token[1:].split(" ")
            found = _Touched(commit, milliseconds([seconds])[0], parents[0] if parents else "", [])
        elif found and token.lstrip("\n").startswith(":"):
            _, mode, _, blob, _ = token.lstrip("\n").split(" ")
            file = mode in ("100644", "100755")
            found.files.append((next(tokens, ""), blob if file else None))
    if found:
        yield found


def table(changes: list[Change]) -> Columns:
    """Return changes as an Arrow table of ``dvc_history``."""
    return Columns(
        texts={
            "path": [change.path for change in changes],
            "digest": [change.digest for change in changes],
            "commit_hash": [change.commit for change in changes],
        },
        integers={
            "committed_at": [change.committed_at for change in changes],
            "seq": [change.seq for change in changes],
        },
    )
