"""The code section of a report: commits between, files changed and the diff, one part for each pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlops_dash.answers.compare_shapes import CodeBetween, CommitLine, CompareAnswer
from mlops_dash.answers.report import words

_DIFF = 450_000  # characters of all diffs of a report
_LINE = 2_000  # characters of one line of a diff
_COMMITS = 2_000  # commits of a report, files likewise


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as shown."""

    hash: str
    subject: str
    author: str
    when: str
    iso: str


@dataclass(frozen=True, slots=True)
class FileDiff:
    """The part of a diff that is about one file: (class of the line, its text)."""

    path: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Between:
    """What lies between the baseline's commit and another one.

    Attributes:
        who, verb: letters of the items with that commit; they have or it has.
        words: the relation as a sentence.
        files: (path, lines added, lines removed), ``None`` for a binary file.
        notes: what is missing and why, each a sentence.
    """

    who: str
    verb: str
    base: str
    head: str
    status: str
    words: str
    ahead: tuple[Commit, ...]
    behind: tuple[Commit, ...]
    files: tuple[tuple[str, int | None, int | None], ...]
    added: int
    removed: int
    diff: tuple[FileDiff, ...]
    notes: tuple[str, ...]


def between(answer: CompareAnswer) -> list[Between]:
    """Return one part for each commit that is compared with the baseline's; items that share one share it."""
    alike: dict[tuple[object, ...], list[CodeBetween]] = {}
    for found in answer.code:
        if found.item != answer.baseline:
            alike.setdefault((found.base, found.head, found.status, found.reason), []).append(found)
    parts = []
    room, rows = _DIFF, _COMMITS
    for same in alike.values():
        first = same[0]
        part, used = _part(first, [found.item for found in same], answer.baseline, room, rows)
        room -= used
        rows -= len(part.ahead) + len(part.behind) + len(part.files)
        parts.append(part)
    return parts


def _part(found: CodeBetween, items: list[int], baseline: int, room: int, rows: int) -> tuple[Between, int]:
    who, verb = words.letters(items), "has" if len(items) == 1 else "have"
    rows = max(rows, 10)
    ahead, behind, files = found.ahead[:rows], found.behind[:rows], found.files[:rows]
    notes = [] if found.reason is None else [words.line(found.reason)]
    for shown, count, what in (
        (len(ahead), found.ahead_count, f"commits that only {who} {verb}"),
        (len(behind), found.behind_count, f"commits that only {words.letter(baseline)} has"),
        (len(files), len(found.files), "changed files"),
    ):
        if shown < count:
            notes.append(f"{shown:,} of {count:,} {what} are listed.")
    if found.left_out:
        notes.append(f"{words.plural(found.left_out, 'changed file')} left out by the configuration.")
    diff = found.diff[: max(0, room)]
    if found.cut or len(diff) < len(found.diff):
        notes.append("The diff is longer than what is shown.")
    part = Between(
        who,
        verb,
        words.line((found.base or "")[:10]),
        words.line((found.head or "")[:10]),
        found.status,
        _sentence(found, who, words.letter(baseline)),
        tuple(_commit(commit) for commit in ahead),
        tuple(_commit(commit) for commit in behind),
        tuple((words.line(file.path), file.added, file.removed) for file in files),
        sum(file.added or 0 for file in found.files),
        sum(file.removed or 0 for file in found.files),
        tuple(_by_file(diff)),
        tuple(notes),
    )
    return part, len(diff)


def _sentence(found: CodeBetween, who: str, baseline: str) -> str:
    ahead, behind = words.plural(found.ahead_count, "commit"), words.plural(found.behind_count, "commit")
    return {
        "same": f"the same commit as {baseline}",
        "ahead": f"{ahead} ahead of {baseline}",
        "behind": f"{behind} behind {baseline}",
        "diverged": f"diverged: {ahead} only in {who}, {behind} only in {baseline}",
    }.get(found.status, "unknown")


def _commit(found: CommitLine) -> Commit:
    when = found.committed_at
    return Commit(
        words.line(found.commit[:10]),
        words.line(found.subject),
        words.line(found.author, 80),
        words.moment(when),
        words.iso(when),
    )


def _by_file(diff: str) -> Iterator[FileDiff]:
    path = ""
    lines: list[tuple[str, str]] = []
    head = True
    for raw in diff.split("\n"):
        if raw.startswith("diff "):
            if lines:
                yield FileDiff(path, tuple(lines))
            path, lines, head = words.line(raw[5:].removeprefix("--git ")), [], True
        if head and raw.startswith(("+++ ", "--- ")) and raw[4:] != "/dev/null":
            path = words.line(raw[4:].strip().strip('"').removeprefix("a/").removeprefix("b/"))
        if raw.startswith("@@"):
            head = False
        lines.append((_class(raw, head), words.lines(raw, _LINE)))
    while lines and not lines[-1][1]:
        lines.pop()
    if lines:
        yield FileDiff(path, tuple(lines))


def _class(raw: str, head: bool) -> str:
    if raw.startswith("@@"):
        return "hunk"
    if head:
        return "head"
    return {"+": "add", "-": "del", "\\": "head"}.get(raw[:1], "same")
