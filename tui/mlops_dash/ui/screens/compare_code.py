"""The code of a comparison: commits and files in the table, and what lies between two commits in a panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from mlops_dash.answers.compare_shapes import CodeBetween, CommitLine, CompareAnswer, FileChange
from mlops_dash.ui.screens.compare_cells import UNKNOWN, between_line, change_line, commit_cell, text_cell
from mlops_dash.ui.widgets.diff_view import DiffLine
from mlops_dash.ui.widgets.side_by_side import Forms, SideRow
from mlops_dash.ui.wording import NONE, Line, ago, plural, safe, short

Marks = Callable[[int], tuple[str, str]]
_COMMITS = 200  # commits in the table
_SUBJECT = 160
_PATH = 200
_NAMED = 5  # items that a commit's line names


def code_rows(answer: CompareAnswer, marks: Marks, *, differences: bool = False) -> Iterator[SideRow]:
    """Yield the lines of the section about code."""
    commits = [item.code.commit if item.code is not None else None for item in answer.items]
    differs = len(set(commits)) > 1
    yield SideRow("code", (("─ ", "faint"), ("Code", "strong"), (f" · {_told(answer)}", "dim")), heading=True)
    if differs or not differences:
        base = answer.items[answer.baseline]
        yield SideRow(
            "code/commit",
            (("commit", "text" if differs else "dim"),),
            lambda place: commit_cell(answer.items[place], base),
            text=f"code commit {' '.join(commit or '' for commit in commits)}",
        )
        for key, values in _facts(answer).items():
            if any(values) and (len(set(values)) > 1 or not differences):
                cell = partial(_fact, values, answer.baseline)
                text = f"code {key} {' '.join(filter(None, values))}"
                yield SideRow(f"code/{key}", ((key, "dim"),), cell, text=text)
    between = {code.item: code for code in answer.code}
    if any(code.status != "same" for code in answer.code):
        cell = partial(_between, between, answer.baseline)
        yield SideRow("code/between", (("between", "text"),), cell, text="code between ahead behind diverged")
    reasons: dict[str, list[int]] = {}
    for code in answer.code:
        if code.reason:
            reasons.setdefault(code.reason, []).append(code.item)
    for index, (reason, places) in enumerate(reasons.items()):
        who = [part for place in places[:_NAMED] for part in (marks(place), (" ", "text"))]
        line: Line = (("? ", "unknown"), *who, (f" {safe(reason, 300)}", "unknown"))
        yield SideRow(f"code/?{index}", wide=line, text=f"code {reason}")
    yield from _commits(answer, marks)
    yield from _files(answer)


def _told(answer: CompareAnswer) -> str:
    commits = {item.code.commit for item in answer.items if item.code is not None}
    if not commits:
        return "no commit is known"
    if len(commits) == 1:
        return "the same commit" if all(item.code for item in answer.items) else "one commit is known"
    files = {change.path for code in answer.code for change in code.files}
    told = f"{len(commits)} different commits"
    if len(answer.code) == 1:
        count = answer.code[0].ahead_count + answer.code[0].behind_count
        told = f"{plural(count, 'commit')} between" if count else told
    return f"{told}, {plural(len(files), 'file')} changed" if files else told


def _facts(answer: CompareAnswer) -> dict[str, tuple[str | None, ...]]:
    codes = [item.code for item in answer.items]
    return {
        "subject": tuple(code.subject if code is not None else None for code in codes),
        "author": tuple(code.author if code is not None else None for code in codes),
    }


def _fact(values: tuple[str | None, ...], baseline: int, place: int) -> Forms:
    (form,) = text_cell(values, place, baseline, role="dim")
    own = place == baseline
    return (form if own else (("  ", "text"), *form[1:]),)  # the commit's own line says that it differs


def _between(between: dict[int, CodeBetween], baseline: int, place: int) -> Forms:
    if place == baseline:
        return (NONE,)
    code = between.get(place)
    return ((("  ", "text"), *(between_line(code) if code is not None else UNKNOWN)),)


def _commits(answer: CompareAnswer, marks: Marks) -> Iterator[SideRow]:
    """Commits that an item has and the baseline lacks (+), or the other way round (−)."""
    found: dict[str, CommitLine] = {}
    who: dict[str, list[tuple[str, int]]] = {}
    for code in answer.code:
        for sign, lines in (("+", code.ahead), ("−", code.behind)):
            for line in lines:
                found.setdefault(line.commit, line)
                who.setdefault(line.commit, []).append((sign, code.item))
    for line in list(found.values())[:_COMMITS]:
        spans: list[tuple[str, str]] = []
        for sign, place in who[line.commit][:_NAMED]:
            spans += [(sign, "good" if sign == "+" else "removed"), marks(place), (" ", "text")]
        if (more := len(who[line.commit]) - _NAMED) > 0:
            spans.append((f"+{more} more ", "dim"))
        spans += commit_spans(line)
        text = f"code commit {line.commit} {line.subject} {line.author}"
        yield SideRow(f"commit/{line.commit}", wide=tuple(spans), text=text)
    if len(found) > _COMMITS:
        more_line: Line = ((f"and {plural(len(found) - _COMMITS, 'more commit')}", "dim"),)
        yield SideRow("code/more", wide=more_line, text="code more commits")


def commit_spans(line: CommitLine) -> Line:
    """Return a commit in a line: hash, subject, author."""
    author = f" · {safe(line.author, 40)}" if line.author else ""
    return ((short(line.commit), "code"), (f" {safe(line.subject, _SUBJECT)}", "text"), (author, "dim"))


def _files(answer: CompareAnswer) -> Iterator[SideRow]:
    changes = {code.item: {change.path: change for change in code.files} for code in answer.code}
    for path in sorted({path for files in changes.values() for path in files}):
        cell = partial(_file, changes, path, answer.baseline)
        yield SideRow(
            f"file/{path}", ((safe(path, _PATH), "text"),), cell, keep_end=True, text=f"code file {path}"
        )
    left = max((code.left_out for code in answer.code), default=0)
    if left:
        line: Line = ((f"{plural(left, 'more file')} left out: the configuration restricts what is compared",
                       "dim"),)  # fmt: skip
        yield SideRow("code/left", wide=line, text="code files left out")


def _file(changes: dict[int, dict[str, FileChange]], path: str, baseline: int, place: int) -> Forms:
    if place == baseline:
        return (NONE,)
    change = changes.get(place, {}).get(path)
    if change is None:
        return ((("  same" if place in changes else "  ?", "dim"),),)
    return ((("  ", "text"), *change_line(change.added, change.removed)),)


# -- the panel --------------------------------------------------------------------------------------------


def between_lines(answer: CompareAnswer, code: CodeBetween, marks: Marks, now: datetime) -> list[DiffLine]:
    """Return what stands above the diff between the baseline's commit and an item's."""
    base, item = answer.baseline, code.item
    lines: list[DiffLine] = []
    ends: Line = (
        marks(base), (f" {short(code.base) if code.base else '?'}", "code"), (" → ", "dim"),
        marks(item), (f" {short(code.head) if code.head else '?'}", "code"), ("  ", "text"),
    )  # fmt: skip
    copy = f"{code.base}..{code.head}" if code.base and code.head else None
    lines.append(DiffLine("text", line=(*ends, *between_line(code)), copy=copy))
    if code.reason:
        lines.append(DiffLine("text", line=((safe(code.reason, 300), "warn"),), copy=code.reason))
    for sign, place, commits, count in (
        ("+", item, code.ahead, code.ahead_count),
        ("−", base, code.behind, code.behind_count),
    ):
        if commits:
            title: Line = (("only in ", "dim"), marks(place), (f"  {plural(count, 'commit')}", "dim"))
            lines += [DiffLine("text"), DiffLine("text", line=title)]
        for commit in commits:
            when = f" · {ago(commit.committed_at, now)}" if commit.committed_at else ""
            head = (f"{sign} ", "good" if sign == "+" else "removed")
            spans: Line = (head, *commit_spans(commit), (when, "dim"))
            lines.append(DiffLine("commit", line=spans, copy=commit.commit, ref=f"commit:{commit.commit}"))
        if commits and count > len(commits):
            rest = plural(count - len(commits), "older commit")
            lines.append(DiffLine("text", line=((f"  and {rest}", "dim"),)))
    return lines + _file_lines(code)


def _file_lines(code: CodeBetween) -> list[DiffLine]:
    lines: list[DiffLine] = []
    if code.files:
        lines += [
            DiffLine("text"),
            DiffLine("text", line=((f"{plural(len(code.files), 'file')} changed", "dim"),)),
        ]
    for change in code.files:
        spans: Line = (("  ", "text"), *change_line(change.added, change.removed),
                       (f"  {safe(change.path, _PATH)}", "text"))  # fmt: skip
        lines.append(DiffLine("file", line=spans, copy=change.path, path=change.path))
    if code.left_out:
        told = f"  {plural(code.left_out, 'more file')} left out by the configuration"
        lines.append(DiffLine("text", line=((told, "dim"),)))
    if code.diff:
        lines.append(DiffLine("text"))
    return lines
