"""A comparison as text for a person: sections that are readable in 80 columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

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
from mlops_dash.cli.tables import table
from mlops_dash.domain.text import visible
from mlops_dash.ui.wording import number, plural, short

ROOM = 80
"""Cells of a line where standard output is no terminal."""

_BEST, _SAME = "★", "="
_ARROWS = {"min": "↓", "max": "↑"}
_MOST_COMMITS, _MOST_FILES = 20, 50
_LONGEST = 200  # characters of a value that are laid out


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
        parts = []
        for some in self._chunks(2 if self.room < 120 else (self.room - 36) // 22):
            columns = ["METRIC", f"{self.base}"]
            for place in some:
                columns += [f"{place}", "DELTA", *(["%"] if percent else [])]
            parts.append(
                table(columns, [self._metric(line, some, percent) for line in lines], room=self.room)
            )
        return "\n\n".join(parts)

    def _metric(self, line: MetricLine, some: Sequence[int], percent: bool) -> list[str]:
        texts = values_in_words(line.values)
        marked = [
            f"{text} {_BEST}" if place in line.best else f"{text}  " if text else text
            for place, text in enumerate(texts)
        ]
        row = [f"{line.key} {_ARROWS.get(line.better or '', '')}".rstrip(), marked[self.base]]
        for place in some:
            row += [marked[place], signed(line.deltas[place])]
            if percent:
                relative = line.relative[place]
                row.append("" if relative is None else f"{signed(relative * 100)}%")
        return row

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
            parts.append(f"  {', '.join(places)}: unknown: {visible(reason, 400)}")
        return "\n".join(part for part in parts if part)

    def _side_by_side(self, title: str, rows: Sequence[tuple[bool, str, Sequence[str | None]]]) -> str:
        parts = []
        for some in self._chunks(max(1, (self.room - 26) // 18 - 1)):
            shown = [
                [
                    "≠" if differs else " ",
                    key[:_LONGEST],
                    _cell(values[self.base]),
                    *(_against(values[place], values[self.base]) for place in some),
                ]
                for differs, key, values in rows
            ]
            columns = [" ", title, str(self.base), *map(str, some)]
            parts.append(table(columns, shown, room=self.room))
        return "\n\n".join(parts)

    # -- code ---------------------------------------------------------------------------------------

    def code(self) -> str:
        parts = [self._between(code) for code in self.answer.code]
        return "\n".join([paint("CODE", "bold"), *parts]) if parts else ""

    def _between(self, code: CodeBetween) -> str:
        base, head = (short(one) if one else "?" for one in (code.base, code.head))
        told = {"ahead": plural(code.ahead_count, "commit") + " ahead"}
        told["behind"] = plural(code.behind_count, "commit") + " behind"
        told["diverged"] = f"{told['ahead']}, {told['behind']}"
        told["same"] = "the same commit" if code.base == code.head else "nothing between"
        lines = [f"  {self.base} {base} → {code.item} {head}: {told.get(code.status, 'unknown')}"]
        if code.reason:
            lines.append(f"    {visible(code.reason, 400)}")
        lines += _commits("+", code.ahead, code.ahead_count)
        lines += _commits("-", code.behind, code.behind_count)
        lines += _files(code)
        return "\n".join(line if len(line) <= self.room else f"{line[: self.room - 1]}…" for line in lines)

    # -- parts --------------------------------------------------------------------------------------

    def _chunks(self, size: int) -> Iterator[list[int]]:
        """Yield the items beside the baseline, as many at a time as fit side by side."""
        for start in range(0, len(self.others), size):
            yield self.others[start : start + size]

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


def _cell(value: str | None) -> str:
    return "" if value is None else value[:_LONGEST]


def _against(value: str | None, base: str | None) -> str:
    return _SAME if value is not None and value == base else _cell(value)


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
