"""The table of commits: read whole at first, then only what is new or gone."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace

from mlops_dash.domain.progress import Progress
from mlops_dash.sources import git_history
from mlops_dash.sources.base import Apply, Batch, Reading
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_refs import object_kinds
from mlops_dash.sources.git_runner import GitRunner

_MANY_GONE = 20_000
_MOST_TIPS = 100

Batches = Generator[Batch, None, "Mark"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a position remembers. ``tips`` are the commits that all known history leads from; ``low`` is the
    lowest ``seq`` given so far: newer commits go below it."""

    repository: str
    refs: str = ""
    tips: list[str] = field(default_factory=list)
    low: int = 0
    count: int = 0
    main: str | None = None
    main_commit: str | None = None
    version: int = 1


def commits(
    runner: GitRunner, reading: Reading, mark: Mark | None, after: Mark, *, kept: bool
) -> Generator[Batch, None, tuple[Mark, GitError | None]]:
    """Yield what leads from ``mark`` (``None``: from nothing) to ``after``.

    Args:
        kept: the store surely holds exactly what ``mark`` says.

    Returns:
        ``after`` with its counts, and what damage hid a part of the history.

    Raises:
        GitError: the repository cannot be read; what is known of it stands.
    """
    if mark is not None:
        try:
            return (yield from _newer(runner, reading, mark, after, kept=kept)), None
        except GitError as error:
            if not error.damaged or len(object_kinds(runner, mark.tips)) == len(mark.tips):
                raise  # else: where it stood is gone, for example after a gc; read all
    try:
        return (yield from _all(runner, reading, after)), None
    except GitError as error:
        if not error.damaged:
            raise
        return (yield from _readable(runner, reading, after)), error


def _all(runner: GitRunner, reading: Reading, after: Mark) -> Batches:
    count = 0
    for columns in git_history.log(runner, after.tips):
        reading.cancel.check()
        apply = Apply.APPEND if count else Apply.REPLACE
        yield Batch("git_commit", git_history.table(columns, count), apply)
        count += len(columns["hash"])
        reading.progress(Progress("git", "commits", count))
    if not count:
        yield Batch("git_commit", git_history.no_commits(), Apply.REPLACE)
    return replace(after, low=0, count=count)


def _newer(runner: GitRunner, reading: Reading, mark: Mark, after: Mark, *, kept: bool) -> Batches:
    new_tips = [tip for tip in after.tips if tip not in set(mark.tips)]
    old_tips = [tip for tip in mark.tips if tip not in set(after.tips)]
    low, count = mark.low, mark.count
    blocks = list(git_history.log(runner, new_tips, mark.tips))
    parents = {parent for block in blocks for names in block["parents"] for parent in names.split(" ")}
    gone = _unreachable(runner, [tip for tip in old_tips if tip not in parents], after.tips)
    if len(gone) > _MANY_GONE:
        return (yield from _all(runner, reading, after))
    reading.cancel.check()
    if blocks:
        columns = {key: [value for block in blocks for value in block[key]] for key in blocks[0]}
        low -= len(columns["hash"])
        count += len(columns["hash"])
        apply = Apply.APPEND if kept else Apply.UPSERT
        yield Batch("git_commit", git_history.table(columns, low), apply, ("hash",))
    if gone:
        count -= len(gone)
        yield Batch("git_commit", git_history.no_commits(), Apply.REPLACE_WHERE, ("hash",), tuple(gone))
    return replace(after, low=low, count=count)


def _unreachable(runner: GitRunner, old_tips: list[str], tips: list[str]) -> list[str]:
    """Return the commits that only ``old_tips`` led to: history was rewritten or a branch deleted."""
    if not old_tips:
        return []
    asked = "\n".join([*old_tips, *(f"^{tip}" for tip in tips)])
    output = runner.run("rev-list", "--stdin", stdin=asked.encode() + b"\n", deadline=60.0)
    return output.decode("ascii").split()


def _readable(runner: GitRunner, reading: Reading, after: Mark) -> Batches:
    """Read a damaged repository branch by branch: each gives what it has up to the hole."""
    seen: set[str] = set()
    yield Batch("git_commit", git_history.no_commits(), Apply.REPLACE)
    for tip in after.tips[:_MOST_TIPS]:
        reading.cancel.check()
        try:
            for columns in git_history.log(runner, [tip]):
                fresh = [i for i, name in enumerate(columns["hash"]) if name not in seen]
                if fresh:
                    part = {key: [values[i] for i in fresh] for key, values in columns.items()}
                    yield Batch("git_commit", git_history.table(part, len(seen)), Apply.APPEND)
                    seen.update(part["hash"])
        except GitError as error:
            if not error.damaged:
                raise
    return replace(after, low=0, count=len(seen))
