"""Where commits stand: how far from the main branch, on which branches, on a remote at all.

One walk of the history answers for all of them: each commit carries a set of bits, one for each commit that
is asked about; going up tells what a branch contains, going down what is an ancestor of what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mlops_dash.sources.columns import Columns
from mlops_dash.sources.git_history import milliseconds
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_refs import Refs, object_kinds
from mlops_dash.sources.git_runner import GitRunner, hashes, is_hash

_FEW = 16  # so many commits have their common ancestor looked up, which shortens the walk
_MOST_NAMES = 20
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class CommitPosition:
    """Where one commit stands.

    Attributes:
        in_repository: the repository has it; nothing else is known of one that it has not.
        behind: commits on the main branch that this one lacks; ``None`` if there is no main branch.
        ahead: commits that this one has and the main branch lacks.
        branches: names of branches that contain it (at most 20); if none does, ``tags/…`` of tags that do.
        on_remote: a remote branch contains it.
        subject, author, committed_at: of a commit that no ref leads to; the others are in the history.
            The time is in milliseconds.
    """

    commit: str
    in_repository: bool
    behind: int | None = None
    ahead: int | None = None
    branches: tuple[str, ...] = ()
    on_remote: bool = False
    subject: str | None = None
    author: str | None = None
    committed_at: int | None = None


def positions(
    runner: GitRunner, commits: Iterable[str], refs: Refs, main_commit: str | None
) -> list[CommitPosition]:
    """Return where each of ``commits`` stands; strings that are no full hash are not in the repository.

    A commit whose history is damaged is left out: nothing is known of it.

    Raises:
        GitError: the repository cannot be read.
    """
    wanted = list(dict.fromkeys(commits))
    kinds = object_kinds(runner, wanted)
    present = [name for name in wanted if kinds.get(name) == "commit"]
    found = {name: CommitPosition(name, False) for name in wanted if name not in present}
    if present:
        targets = list(dict.fromkeys([*present, *([main_commit] if main_commit else [])]))
        try:
            walk = _walk(runner, targets, refs)
        except GitError as error:
            if not error.damaged:
                raise
            return [found[name] for name in wanted if name in found]
        bits = {name: 1 << number for number, name in enumerate(targets)}
        contained = _contained(walk, bits)
        counts = _counted(walk, bits)
        for name in present:
            behind, ahead = _distance(counts, bits[name], bits.get(main_commit or "", 0))
            found[name] = _placed(name, behind, ahead, bits[name], contained, refs)
        found |= _described(runner, [found[name] for name in present if not found[name].branches])
    return [found[name] for name in wanted]


def _described(runner: GitRunner, unreachable: Sequence[CommitPosition]) -> dict[str, CommitPosition]:
    """Return commits that no ref leads to with what they say themselves."""
    positions = {position.commit: position for position in unreachable}
    if not positions:
        return {}
    output = runner.run(
        "log", "-z", "--no-walk=unsorted", "--format=%H%x00%an%x00%ct%x00%s", "--encoding=UTF-8",
        "--no-show-signature", "--no-color", "--stdin",
        stdin="\n".join(hashes(*positions)).encode() + b"\n",
    )  # fmt: skip
    fields = [field.decode("utf-8", "replace") for field in output.split(b"\0")][:-1]
    for name, author, at, subject in zip(*(fields[n::4] for n in range(4)), strict=True):
        positions[name] = replace(
            positions[name],
            subject=subject[:_LONGEST],
            author=author[:_LONGEST],
            committed_at=milliseconds([at])[0],
        )
    return positions


def _walk(runner: GitRunner, targets: Sequence[str], refs: Refs) -> list[list[str]]:
    """Return [commit, parents…] of all that can tell the targets apart, children before parents."""
    lines = [*targets, *refs.tips()]
    if len(targets) <= _FEW:
        base = runner.run("merge-base", "--octopus", *hashes(*targets), accept=(0, 1), deadline=60.0)
        if is_hash(base.decode().strip()):
            lines.append(f"^{base.decode().strip()}^@")  # the base itself stays: branches may contain just it
    output = runner.run(
        "rev-list", "--topo-order", "--parents", "--stdin",
        stdin="\n".join(lines).encode() + b"\n", deadline=120.0, limit=2 << 30,
    )  # fmt: skip
    return [line.split(" ") for line in output.decode("ascii").splitlines()]


def _contained(walk: list[list[str]], bits: dict[str, int]) -> dict[str, int]:
    """Return for each commit which of the asked ones it contains."""
    reach: dict[str, int] = {}
    for name, *parents in reversed(walk):
        mask = bits.get(name, 0)
        for parent in parents:
            mask |= reach.get(parent, 0)
        if mask:
            reach[name] = mask
    return reach


def _counted(walk: list[list[str]], bits: dict[str, int]) -> Counter[int]:
    """Count commits by which of the asked ones they are ancestors of (or are)."""
    masks: dict[str, int] = {}
    counts: Counter[int] = Counter()
    for name, *parents in walk:
        mask = masks.pop(name, 0) | bits.get(name, 0)
        counts[mask] += 1
        if mask:
            for parent in parents:
                masks[parent] = masks.get(parent, 0) | mask
    return counts


def _distance(counts: Counter[int], own: int, main: int) -> tuple[int | None, int | None]:
    if not main:
        return None, None
    behind = sum(count for mask, count in counts.items() if mask & main and not mask & own)
    ahead = sum(count for mask, count in counts.items() if mask & own and not mask & main)
    return behind, ahead


def _placed(
    name: str, behind: int | None, ahead: int | None, bit: int, contained: dict[str, int], refs: Refs
) -> CommitPosition:
    holders = [ref for ref in refs.refs if ref.commit and contained.get(ref.commit, 0) & bit]
    branches = [ref.name for ref in holders if ref.kind in ("branch", "remote")]
    names = branches or [f"tags/{ref.name}" for ref in holders]
    return CommitPosition(
        name, True, behind, ahead, tuple(names[:_MOST_NAMES]), any(ref.kind == "remote" for ref in holders)
    )


def moved_on(
    runner: GitRunner,
    known: Iterable[CommitPosition],
    before: dict[str, str | None],
    refs: Refs,
    main: tuple[str | None, str | None],
) -> tuple[list[CommitPosition], list[str]]:
    """Carry positions over to new refs where that takes no walk.

    Args:
        known: positions that held before.
        before: commit of each ref (as ``kind/name``) at that time.
        main: commit of the main branch (then, now).

    Returns:
        The positions that still hold or only fell behind by what the main branch gained, and the commits of
        those that must be looked up again.
    """
    known = list(known)
    now = refs.by_name()
    old_main, new_main = main
    if not known or now.keys() != before.keys() or not old_main or not new_main:
        return [], [position.commit for position in known]
    gained = 0
    if old_main != new_main:
        counted = runner.run("rev-list", "--left-right", "--count", f"{old_main}...{new_main}", "--")
        lost, gained = (int(word) for word in counted.split())
        if lost:
            return [], [position.commit for position in known]
    moved = {key.partition("/")[2] for key, commit in now.items() if before[key] != commit}
    kept, open_ones = [], []
    for position in known:
        followed = position.in_repository and position.ahead == 0 and position.behind is not None
        if followed and moved <= set(position.branches):
            behind = (position.behind or 0) + gained
            kept.append(
                CommitPosition(position.commit, True, behind, 0, position.branches, position.on_remote)
            )
        else:
            open_ones.append(position.commit)
    return kept, open_ones


def table(rows: Sequence[CommitPosition]) -> Columns:
    """Return positions as an Arrow table of ``commit_position``."""
    return Columns(
        texts={
            "commit_hash": [row.commit for row in rows],
            "branches": ["\n".join(row.branches) for row in rows],
            "subject": [row.subject for row in rows],
            "author": [row.author for row in rows],
        },
        integers={
            "behind": [row.behind for row in rows],
            "ahead": [row.ahead for row in rows],
            "committed_at": [row.committed_at for row in rows],
        },
        booleans={
            "in_repository": [row.in_repository for row in rows],
            "on_remote": [row.on_remote for row in rows],
        },
    )
