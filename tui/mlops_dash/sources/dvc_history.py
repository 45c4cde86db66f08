"""Every version of the data along the main branch, from the commits that touched DVC's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_dash.sources.dvc_tree import DvcTree
from mlops_dash.sources.git_history import milliseconds
from mlops_dash.sources.git_runner import GitRunner, hashes

if TYPE_CHECKING:
    import pyarrow as pa

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
    for commit, at, files in reversed(list(_touched(runner, main))):
        for path, blob in files:
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
    before, now = hashes(before, now)
    grown = runner.run("rev-list", "--first-parent", "--parents", now, f"^{before}", "--", deadline=60.0)
    lines = grown.decode("ascii").splitlines()
    if not lines or lines[-1].split(" ")[1:2] != [before]:
        return False
    return not any(True for _ in _touched(runner, now, before))


def _touched(
    runner: GitRunner, tip: str, without: str | None = None
) -> Iterator[tuple[str, int | None, list[tuple[str, str]]]]:
    """Yield (commit, time, (path, blob) of changed DVC files), newest first."""
    output = runner.run(
        "log", "-z", "--first-parent", "-m", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff",
        "--no-textconv", "--no-color", "--no-show-signature", "--format=%x01%H %ct",
        *hashes(tip), *([f"^{without}"] if without else []), "--", *_PATHS,
        deadline=300.0, limit=1 << 30,
    )  # fmt: skip
    commit, at = "", None
    files: list[tuple[str, str]] = []
    tokens = iter(output.decode("utf-8", "replace").split("\0"))
    for token in tokens:
        if token.startswith("\1"):
            if commit:
                yield commit, at, files
            commit, _, seconds = token[1:].partition(" ")
            at, files = milliseconds([seconds])[0], []
        elif token.lstrip("\n").startswith(":"):
            _, mode, _, blob, _ = token.lstrip("\n").split(" ")
            path = next(tokens, "")
            if mode in ("100644", "100755"):  # neither deleted nor a link
                files.append((path, blob))
    if commit:
        yield commit, at, files


def table(changes: list[Change]) -> pa.Table:
    """Return changes as an Arrow table of ``dvc_history``."""
    import pyarrow as pa

    return pa.table(
        {
            "path": pa.array([change.path for change in changes], pa.string()),
            "digest": pa.array([change.digest for change in changes], pa.string()),
            "commit_hash": pa.array([change.commit for change in changes], pa.string()),
            "committed_at": pa.array([change.committed_at for change in changes], pa.int64()),
            "seq": pa.array([change.seq for change in changes], pa.int64()),
        }
    )
