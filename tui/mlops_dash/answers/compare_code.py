"""The code between the baseline and each other item, and which of it is training code."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence

from mlops_dash.answers.compare_shapes import CodeBetween, CommitLine, FileChange
from mlops_dash.answers.facts import moment
from mlops_dash.config import CompareConfig
from mlops_dash.sources.git_between import Between, Commit

Pair = tuple[str, str]
"""The baseline's commit and an item's."""


def pairs(commits: Sequence[str | None], baseline: int) -> dict[int, Pair | str]:
    """Return for every item but the baseline which commits to compare, or why there are none."""
    base = commits[baseline]
    found: dict[int, Pair | str] = {}
    for place, head in enumerate(commits):
        if place == baseline:
            continue
        if base is None or head is None:
            whom = "the baseline" if base is None else "it"
            both = base is None and head is None
            found[place] = f"no commit is recorded for {'either of the two' if both else whom}"
        else:
            found[place] = (base, head)
    return found


def told(item: int, pair: Pair, found: Between) -> CodeBetween:
    """Return what lies between two commits as a part of the answer."""
    return CodeBetween(
        item=item,
        base=pair[0],
        head=pair[1],
        status=found.status,
        ahead=tuple(map(_line, found.ahead)),
        behind=tuple(map(_line, found.behind)),
        ahead_count=found.ahead_count,
        behind_count=found.behind_count,
        files=tuple(FileChange(file.path, file.added, file.removed) for file in found.files),
        left_out=found.left_out,
        diff=found.diff,
        cut=found.cut,
        reason=found.problem,
    )


def unknown(item: int, commits: Sequence[str | None], baseline: int, reason: str) -> CodeBetween:
    """Return that nothing is known of what lies between, and why."""
    return CodeBetween(item, commits[baseline], commits[item], "unknown", reason=reason)


def _line(commit: Commit) -> CommitLine:
    return CommitLine(commit.commit, commit.subject, commit.author, moment(commit.committed_at))


def training_code(config: CompareConfig) -> Callable[[str], bool]:
    """Return what tells whether a path of the repository is training code, as the configuration says."""
    included = [_matcher(pattern) for pattern in config.include]
    excluded = [_matcher(pattern) for pattern in config.exclude]

    def keeps(path: str) -> bool:
        wanted = not included or any(match(path) for match in included)
        return wanted and not any(match(path) for match in excluded)

    return keeps


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return what matches paths as a line of ``.gitignore`` does: a name matches at any depth, one with a
    slash from the top, and a folder with all that is in it."""
    names = [name for name in pattern.strip().split("/") if name]
    if not names:
        return lambda _: False
    if "/" not in pattern.strip().rstrip("/"):
        names.insert(0, "**")
    parts = [None if name == "**" else re.compile(fnmatch.translate(name)) for name in names]
    return lambda path: _matches(parts, path.split("/"))


def _matches(parts: Sequence[re.Pattern[str] | None], names: Sequence[str]) -> bool:
    """Tell whether the first names are what the parts say; ``None`` is any number of folders."""
    if not parts:
        return True
    if parts[0] is None:
        return any(_matches(parts[1:], names[start:]) for start in range(len(names) + 1))
    return bool(names) and parts[0].match(names[0]) is not None and _matches(parts[1:], names[1:])
