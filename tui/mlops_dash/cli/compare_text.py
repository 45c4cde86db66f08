"""A comparison as text for a person: sections that are readable in 80 columns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import structs

from mlops_dash.answers.compare_shapes import (
    CodeBetween,
    CommitLine,
    CompareAnswer,
    DataLine,
    Group,
    MetricLine,
    TextLine,
)
from mlops_dash.cli.output import paint
from mlops_dash.cli.tables import cut, table, width
from mlops_dash.domain.text import visible
from mlops_dash.ui.wording import number, plural, short

ROOM = 80
"""Cells of a line where standard output is no terminal."""

_BEST, _SAME = "★", "="
_ARROWS = {"min": "↓", "max": "↑"}
_MOST_COMMITS, _MOST_FILES = 20, 50
_WIDEST = 24  # cells of a column that further columns stand beside
_LONGEST = 200  # characters of a value that are laid out

_Column = tuple[list[str], list[list[str]]]  # names of an item's columns, and their cells by row
_Columns = Mapping[int, _Column]


def compare_text(answer: CompareAnswer, room: int | None, *, differences: bool = False) -> str:
    """Return a comparison as text.

    Args:
        room: cells of a line of the terminal; ``None`` where there is none.
        differences: leave out the lines in which all items are equal.
    """
    page = _Page(answer, room or ROOM, differences)
    sections = [page.items(), page.metrics(), page.groups(), page.texts("PARAMETERS", answer.params)]
    sections += [page.data(), page.code(), page.packages()]
    sections += [page.texts("SIGNATURE", answer.signature), page.texts("TAGS", answer.tags)]
    return "\n\n".join(section for section in sections if section)


class _Page:
    def __init__(self, answer: CompareAnswer, room: int, differences: bool) -> None:
        self.answer, self.room, self.differences = answer, room, differences
        self.base = answer.baseline
        self.others = [place for place in range(len(answer.items)) if place != self.base]

    def items(self) -> str:
        rows = []
        for place, item in enumerate(self.answer.items):
            commit = ""
            if item.code is not None:
                commit = short(item.code.commit)
                commit += "" if item.code.status == "ok" else f" {item.code.status.value}"
            mark = "▌" if place == self.base else " "
            rows.append((f"{mark}{place}", item.label, item.kind, commit, item.note))
        return table([" #", "ITEM", "KIND", "COMMIT", "WHAT"], rows, room=self.room)

    # -- metrics ------------------------------------------------------------------------------------

    def metrics(self) -> str:
        lines = [line for line in self.answer.metrics if line.differs or not self.differences]
        if not lines:
            return self._none("METRICS", bool(self.answer.metrics))
        percent = len(self.others) == 1
        words = [values_in_words(line.values) for line in lines]
        first = [[f"{line.key} {_ARROWS.get(line.better or '', '')}".rstrip()] for line in lines]
        columns: dict[int, _Column] = {}
        for place in range(len(self.answer.items)):
            head = [str(place)] if place == self.base else [str(place), "DELTA", *(["%"] if percent else [])]
            told = [
                self._metric(line, text[place], place, percent)
                for line, text in zip(lines, words, strict=True)
            ]
            columns[place] = (head, told)
        return self._tables(["METRIC"], first, columns)

    def _metric(self, line: MetricLine, text: str, place: int, percent: bool) -> list[str]:
        cells = [f"{text} {_BEST}" if place in line.best else f"{text}  " if text else text]
        if place != self.base:
            cells.append(signed(line.deltas[place]))
            relative = line.relative[place]
            cells += ["" if relative is None else f"{signed(relative * 100)}%"] if percent else []
        return cells

    def groups(self) -> str:
        return "\n\n".join(self._group(group) for group in self.answer.groups)

    def _group(self, group: Group) -> str:
        places = ", ".join(str(place) for place in group.items)
        rows = [
            (spread.key, number(spread.mean), f"± {number(spread.deviation)}", f"n = {spread.count}")
            for spread in group.spreads
        ]
        title = paint(f"REPEATS {places}", "bold")
        return f"{title}\n{table(['METRIC', 'MEAN', 'DEVIATION', 'RUNS'], rows, room=self.room)}"

    # -- texts --------------------------------------------------------------------------------------

    def texts(self, title: str, lines: Sequence[TextLine]) -> str:
        shown = [line for line in lines if line.differs or not self.differences]
        if not shown:
            return self._none(title, bool(lines))
        return self._side_by_side(title, [(line.differs, line.key, line.values) for line in shown])

    def data(self) -> str:
        lines = [line for line in self.answer.data if line.differs or not self.differences]
        if not lines:
            return self._none("DATA", bool(self.answer.data))
        return self._side_by_side("DATA", [(line.differs, _name(line), _digests(line)) for line in lines])

    def packages(self) -> str:
        parts = [self.texts("PACKAGES", self.answer.packages)]
        why: dict[str, list[str]] = {}
        for place, reason in enumerate(self.answer.artifacts):
            if reason is not None:
                why.setdefault(reason, []).append(str(place))
        if why and not parts[0]:
            parts = [paint("PACKAGES", "bold")]
        for reason, places in why.items():
            parts.append(self._wrapped("  ", f"{', '.join(places)}: unknown: {reason}"))
        return "\n".join(part for part in parts if part)

    def _side_by_side(self, title: str, rows: Sequence[tuple[bool, str, Sequence[str | None]]]) -> str:
        first = [["≠" if differs else " ", key[:_LONGEST]] for differs, key, _ in rows]
        columns: dict[int, _Column] = {}
        for place in range(len(self.answer.items)):
            base = None if place == self.base else self.base
            told = [_cell(values[place], None if base is None else values[base]) for *_, values in rows]
            columns[place] = ([str(place)], [[text] for text in told])
        return self._tables([" ", title], first, columns)

    # -- code ---------------------------------------------------------------------------------------

    def code(self) -> str:
        alike: dict[CodeBetween, list[int]] = {}
        for code in self.answer.code:
            alike.setdefault(structs.replace(code, item=-1), []).append(code.item)
        parts = [self._between(code, places) for code, places in alike.items()]
        return "\n".join([paint("CODE", "bold"), *parts]) if parts else ""

    def _between(self, code: CodeBetween, places: Sequence[int]) -> str:
        base, head = (short(one) if one else "?" for one in (code.base, code.head))
        told = {"ahead": plural(code.ahead_count, "commit") + " ahead"}
        told["behind"] = plural(code.behind_count, "commit") + " behind"
        told["diverged"] = f"{told['ahead']}, {told['behind']}"
        told["same"] = "the same commit" if code.base == code.head else "nothing between"
        lines = [
            f"  {self.base} {base} → {', '.join(map(str, places))} {head}: {told.get(code.status, 'unknown')}"
        ]
        if code.reason:
            lines += self._wrapped("    ", code.reason).splitlines()
        lines += _commits("+", code.ahead, code.ahead_count)
        lines += _commits("-", code.behind, code.behind_count)
        lines += _files(code)
        if code.diff:
            lines.append(f"    git diff {base} {head} shows the lines")
        return "\n".join(cut(line, self.room) for line in lines)

    # -- parts --------------------------------------------------------------------------------------

    def _tables(self, head: Sequence[str], first: Sequence[Sequence[str]], columns: _Columns) -> str:
        """Return tables of the items' columns, as many at a time as fit beside the baseline's."""
        taken = _wide((list(head), first)) + _wide(columns[self.base])
        some: list[list[int]] = []
        room = 0
        for place in self.others:
            room -= _wide(columns[place])
            if room < 0 or not some:
                some.append([])
                room = self.room - taken - _wide(columns[place])
            some[-1].append(place)
        parts = []
        for places in some:
            shown = [columns[place] for place in (self.base, *places)]
            heads = [*head, *(text for names, _ in shown for text in names)]
            rows = [
                [*row, *(cell for _, cells in shown for cell in cells[number])]
                for number, row in enumerate(first)
            ]
            parts.append(table(heads, rows, room=self.room))
        return "\n\n".join(parts)

    def _wrapped(self, indent: str, text: str) -> str:
        """Return a sentence in lines that fit."""
        lines = textwrap.wrap(visible(text, 400), self.room - len(indent), subsequent_indent="  ")
        return "\n".join(f"{indent}{line}" for line in lines)

    def _none(self, title: str, there_are: bool) -> str:
        return f"{paint(title, 'bold')}\n  no difference" if there_are else ""


def values_in_words(values: Sequence[float | None]) -> list[str]:
    """Return numbers as short as they can be while different ones stay different."""
    shortened: Callable[[float], str] = number
    for digits in (0, 6, 9, 12, 17):
        if digits:
            shortened = _digits(digits)
        texts = ["" if value is None else shortened(value) for value in values]
        known = {value for value in values if value is not None and not math.isnan(value)}
        if len({shortened(value) for value in known}) == len(known):
            break
    return texts


def _digits(digits: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{digits}g}" if math.isfinite(value) else number(value)


def signed(change: float | None) -> str:
    """Return a change with its sign; nothing where it is not known."""
    if change is None:
        return ""
    text = number(abs(change))
    return f"+{text}" if change > 0 else f"-{text}" if change < 0 else "0"


def _cell(value: str | None, base: str | None) -> str:
    """Return a text for its column; what is the same as the baseline's is not said again."""
    return "" if value is None else _SAME if value == base else value[:_LONGEST]


def _wide(column: tuple[Sequence[str], Sequence[Sequence[str]]]) -> int:
    """Return the cells that columns take, with what stands between them; no more than can be spared."""
    names, rows = column
    return sum(
        2 + min(_WIDEST, max(width(text) for text in (name, *(row[at] for row in rows))))
        for at, name in enumerate(names)
    )


def _name(line: DataLine) -> str:
    return f"{line.name} ({line.context})" if line.context else line.name


def _digests(line: DataLine) -> list[str | None]:
    return [
        None if digest is None else f"{short(digest, 12)} {size or ''}".rstrip()
        for digest, size in zip(line.digests, line.sizes, strict=True)
    ]


def _commits(sign: str, commits: Iterable[CommitLine], count: int) -> list[str]:
    shown = list(commits)[:_MOST_COMMITS]
    lines = [
        f"    {sign} {short(c.commit)} {visible(c.subject, 100)} · {visible(c.author, 40)}" for c in shown
    ]
    if count > len(shown):
        lines.append(f"    {sign} … {count - len(shown):,} more")
    return lines


def _files(code: CodeBetween) -> list[str]:
    lines = []
    for file in code.files[:_MOST_FILES]:
        counts = "binary" if file.added is None else f"+{file.added} -{file.removed}"
        lines.append(f"    {counts:>12}  {visible(file.path, 300)}")
    if len(code.files) > _MOST_FILES:
        lines.append(f"    {'…':>12}  {len(code.files) - _MOST_FILES:,} more files")
    if code.left_out:
        lines.append(f"    {'':>12}  {plural(code.left_out, 'file')} left out by the configuration")
    return lines
