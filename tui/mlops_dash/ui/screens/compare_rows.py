"""The lines of a comparison: sections of metrics, parameters, data, code, packages, signature and tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from mlops_dash.answers.compare_shapes import (
    CompareAnswer,
    DataLine,
    Group,
    MetricLine,
    TextLine,
)
from mlops_dash.ui.screens.compare_cells import (
    DIRECTION,
    Widths,
    letters,
    metric_cell,
    spread_line,
    text_cell,
    widths_of,
)
from mlops_dash.ui.screens.compare_code import code_rows
from mlops_dash.ui.screens.compare_pick import data_key
from mlops_dash.ui.widgets.side_by_side import Forms, SideRow
from mlops_dash.ui.wording import Line, safe, short

Marks = Callable[[int], tuple[str, str]]  # the letters of an item in its colour
_KEY = 60  # characters of a key that are laid out
_REASON = 300
_LEGEND: Line = (
    ("   ", "dim"), ("★", "good"), (" best  ", "dim"), ("▲", "good"), (" better  ", "dim"), ("▼", "warn"),
    (" worse  ", "dim"), ("↓", "text"), (" less is better", "dim"),
)  # fmt: skip


def compare_rows(
    answer: CompareAnswer,
    *,
    differences: bool = False,
    needle: str = "",
    airy: bool = True,
    newer: Mapping[str, int] | None = None,
    marks: Marks | None = None,
) -> list[SideRow]:
    """Return the lines of all sections.

    Args:
        differences: leave out what is the same for all items.
        airy: an empty line stands between sections.
        needle: leave out lines that don't contain every word of it, ignoring case.
        newer: digest of a dataset to how many later versions there are.
        marks: draws the letters of an item.
    """
    draw: Marks = marks or (lambda place: (letters(place), "strong"))
    sections = (
        _metrics(answer, differences),
        _repeats(answer, draw),
        _texts("param", "Parameters", answer.params, answer, differences),
        _data(answer, differences, newer or {}),
        code_rows(answer, draw, differences=differences),
        _logged("package", "Packages", answer.packages, answer, differences, draw),
        _logged("signature", "Signature", answer.signature, answer, differences, draw),
        _texts("tag", "Tags", answer.tags, answer, differences),
    )
    words = needle.casefold().split()
    rows: list[SideRow] = []
    for section in sections:
        found = list(section)
        if words:
            found = [row for row in found if row.heading or _has(row, words)]
            if len(found) == 1:
                continue
        if rows and found and airy:
            rows.append(SideRow(f"{found[0].key}/gap", heading=True))
        rows.extend(found)
    return rows


def _has(row: SideRow, words: Sequence[str]) -> bool:
    text = row.text.casefold()
    return all(word in text for word in words)


def heading(key: str, title: str, note: str, extra: Line = ()) -> SideRow:
    """Return the line that opens a section."""
    label: Line = (("─ ", "faint"), (title, "strong"), (f" · {note}" if note else "", "dim"), *extra)
    return SideRow(key, label, heading=True)


def said(key: str, line: Line, text: str) -> SideRow:
    """Return a line of words."""
    return SideRow(key, wide=line, text=text)


def counted(differing: int, count: int) -> str:
    """Return how many lines differ: ``2 of 7 differ``, ``all 7 the same``."""
    if not count:
        return "none"
    if not differing:
        return f"all {count:,} the same" if count > 1 else "the same"
    if differing == count:
        return f"all {count:,} differ" if count > 1 else "differs"
    return f"{differing:,} of {count:,} differ"


# -- metrics ----------------------------------------------------------------------------------------------


def _metrics(answer: CompareAnswer, differences: bool) -> Iterator[SideRow]:
    lines = answer.metrics
    directed = any(line.better for line in lines)
    yield heading(
        "metric", "Metrics", counted(sum(line.differs for line in lines), len(lines)),
        _LEGEND if directed else ()
    )  # fmt: skip
    widths = widths_of(lines)
    for line in lines:
        if line.differs or not differences:
            cell = partial(_metric, line, answer.baseline, widths)
            yield SideRow(f"metric/{line.key}", metric_label(line), cell, text=f"{line.key} metric")


def _metric(line: MetricLine, baseline: int, widths: Widths, place: int) -> Forms:
    return metric_cell(line, place, baseline, widths)


def metric_label(line: MetricLine) -> Line:
    """Return a metric's key, and which way is better where that is known."""
    return ((safe(line.key, _KEY), "text"), (f" {DIRECTION.get(line.better or '', '')}".rstrip(), "dim"))


def _repeats(answer: CompareAnswer, marks: Marks) -> Iterator[SideRow]:
    """Groups of items that are repeats of each other: mean and spread of every metric, group by group."""
    groups = answer.groups
    if not groups:
        return
    yield heading("repeat", "Repeats", "mean ± spread of what differs in its seed only")
    better = {line.key: line.better for line in answer.metrics}
    keys = dict.fromkeys(spread.key for group in groups for spread in group.spreads)
    for key in keys:
        found = [(group, spread) for group in groups for spread in group.spreads if spread.key == key]
        means = [spread.mean for _, spread in found if spread.mean is not None]
        best = None
        if len(set(means)) > 1 and (way := better.get(key)):
            best = min(means) if way == "min" else max(means)
        label: Line = ((safe(key, _KEY), "text"),)
        wide: list[tuple[str, str]] = []
        for group, spread in found:
            wide += [*_members(group, marks), (" ", "text")]
            wide += [*spread_line(spread, spread.mean is not None and spread.mean == best), ("    ", "text")]
        yield SideRow(f"repeat/{key}", label, wide=tuple(wide), text=f"{key} repeats")


def _members(group: Group, marks: Marks) -> Line:
    shown: list[tuple[str, str]] = [marks(place) for place in group.items[:6]]
    spaced = [part for mark in shown for part in (mark, (" ", "text"))]
    if len(group.items) > 6:
        spaced.append((f"+{len(group.items) - 6} ", "dim"))
    return tuple(spaced)


# -- texts ------------------------------------------------------------------------------------------------


def _texts(
    kind: str,
    title: str,
    lines: Sequence[TextLine],
    answer: CompareAnswer,
    differences: bool,
    unknown: frozenset[int] = frozenset(),
) -> Iterator[SideRow]:
    yield heading(kind, title, counted(sum(line.differs for line in lines), len(lines)))
    for line in lines:
        if line.differs or not differences:
            cell = partial(_text, line, answer.baseline, unknown)
            text = (
                f"{line.key} {kind} {' '.join({value[:400] for value in line.values if value is not None})}"
            )
            yield SideRow(
                f"{kind}/{line.key}",
                ((safe(line.key, _KEY), "text" if line.differs else "dim"),),
                cell,
                text=text,
            )


def _text(line: TextLine, baseline: int, unknown: frozenset[int], place: int) -> Forms:
    return text_cell(line.values, place, baseline, unknown)


def _logged(
    kind: str,
    title: str,
    lines: Sequence[TextLine],
    answer: CompareAnswer,
    differences: bool,
    marks: Marks,
) -> Iterator[SideRow]:
    """What is logged with a model: of some items it may not be known, and says why."""
    unknown = frozenset(place for place, reason in enumerate(answer.artifacts) if reason)
    if not lines and unknown:
        told = "unknown" if len(unknown) == len(answer.items) else "none known"
        yield heading(kind, title, "being read …" if answer.reading else told)
    else:
        yield from _texts(kind, title, lines, answer, differences, unknown)
    reasons: dict[str, list[int]] = {}
    for place in sorted(unknown):
        reasons.setdefault(answer.artifacts[place] or "", []).append(place)
    for index, (reason, places) in enumerate(reasons.items()):
        who = [part for place in places[:8] for part in (marks(place), (" ", "text"))]
        more: Line = ((f"+{len(places) - 8} ", "dim"),) if len(places) > 8 else ()
        line: Line = (
            ("? ", "unknown"),
            *who,
            *more,
            (f" {'' if answer.reading else 'unknown: '}{safe(reason, _REASON)}", "unknown"),
        )
        yield said(f"{kind}/?{index}", line, f"unknown {reason}")


# -- data -------------------------------------------------------------------------------------------------


def _data(answer: CompareAnswer, differences: bool, newer: Mapping[str, int]) -> Iterator[SideRow]:
    lines = answer.data
    yield heading("data", "Data", counted(sum(line.differs for line in lines), len(lines)))
    for line in lines:
        if differences and not line.differs:
            continue
        key = data_key(line)
        about = f" {safe(line.context, 20)}" if line.context else ""
        label: Line = ((safe(line.name, _KEY), "data"), (about, "dim"))
        text = " ".join(filter(None, (line.name, line.kind, line.context, *line.digests, *line.sources)))
        yield SideRow(key, label, partial(_digest, line, answer.baseline, newer), text=f"{text} data")
        if len(set(line.sources)) > 1:
            cell = partial(_source, line, answer.baseline)
            yield SideRow(f"{key}/from", (("  from", "dim"),), cell, text=f"{text} data source")


def _digest(line: DataLine, baseline: int, newer: Mapping[str, int], place: int) -> Forms:
    digest, size = line.digests[place], line.sizes[place]
    form = text_cell(line.digests, place, baseline)[0]
    if digest is None:
        return (form,)
    head: Line = form[:-1]
    shown: Line = (*head, (short(digest, 8), form[-1][1]))
    later = newer.get(digest, 0)
    mark: Line = ((f" ↑{later}", "warn"),) if later else ()
    sized: Line = ((f" {safe(size, 24)}", "dim"),) if size else ()
    long: Line = ((f" ↑{later} newer", "warn"),) if later else ()
    return (*shown, *sized, *long), (*shown, *sized, *mark), (*shown, *mark), shown


def _source(line: DataLine, baseline: int, place: int) -> Forms:
    return text_cell(line.sources, place, baseline, role="dim")
