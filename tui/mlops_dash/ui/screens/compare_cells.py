"""Cells of a comparison: values with their deltas, texts that say where they differ, and their marks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from mlops_dash.answers.compare_shapes import CodeBetween, CompareItem, MetricLine, Spread
from mlops_dash.domain.environments import CodeStatus
from mlops_dash.ui.widgets.side_by_side import Forms
from mlops_dash.ui.wording import NONE, Line, Span, number, safe, short

BEST: Span = ("★", "good")
BETTER: Span = ("▲", "good")
WORSE: Span = ("▼", "warn")
DIFFERS: Span = ("≠ ", "accent")
UNKNOWN: Line = (("?", "unknown"),)
DIRECTION = {"min": "↓", "max": "↑"}  # less is better, more is better
_CELL = 200  # characters of a text that are ever laid out in a cell
_WIDEST = 14  # cells of a value
_MEASURED = 200  # lines that decide how wide values are

_CODE: dict[CodeStatus, Span] = {
    CodeStatus.DIRTY: (" ± dirty", "warn"),
    CodeStatus.MISSING: (" ✗ not here", "warn"),
    CodeStatus.UNREACHABLE: (" ◊ on no branch", "warn"),
}


class Widths(Struct, frozen=True):
    """Cells of values, deltas and relative changes, so that they stand below each other."""

    value: int
    delta: int
    change: int


def letters(place: int) -> str:
    """Return the letters of an item: A to Z, then AA, AB …"""
    return letters(place // 26 - 1) + letters(place % 26) if place >= 26 else chr(65 + place)


def widths_of(lines: Sequence[MetricLine]) -> Widths:
    """Return how wide the values of these metrics are."""
    seen = lines[:_MEASURED]
    value = max((len(number(each)) for line in seen for each in line.values), default=1)
    moved = max((len(delta(each)) for line in seen for each in line.deltas), default=1)
    change = max((len(percent(each)) for line in seen for each in line.relative), default=1)
    return Widths(min(value, _WIDEST), min(moved, _WIDEST), min(change, _WIDEST))


def delta(value: float | None) -> str:
    """Return a difference with its sign; nothing where there is none to tell."""
    if value is None or math.isnan(value):
        return ""
    return "=" if value == 0 else ("+" if value > 0 else "−") + number(abs(value))


def percent(value: float | None) -> str:
    """Return a relative change: ``−2.1 %``; what is not nothing is never shown as nothing."""
    if value is None or value == 0 or math.isnan(value):
        return ""
    sign, part = ("+" if value > 0 else "−"), abs(value) * 100
    if math.isinf(part) or part >= 100_000:
        return f"{sign}>99999 %"
    if part < 0.001:
        return f"{sign}<0.001 %"
    digits = 0 if part >= 1000 else 1 if part >= 0.1 else 3
    return f"{sign}{part:,.{digits}f} %"


def verdict_of(line: MetricLine, place: int) -> Span | None:
    """Return whether an item is the best, better or worse than the baseline; ``None`` where that is not
    known or it is neither."""
    if place in line.best:
        return BEST
    moved = line.deltas[place] if place < len(line.deltas) else None
    if line.better is None or moved is None or moved == 0 or math.isnan(moved):
        return None
    return BETTER if (moved < 0) == (line.better == "min") else WORSE


def metric_cell(line: MetricLine, place: int, baseline: int, widths: Widths) -> Forms:
    """Return value, delta, relative change and mark; then without the delta; then the value and mark."""
    value = line.values[place]
    mark = verdict_of(line, place)
    tail: Line = ((" ", "text"), mark) if mark else (("  ", "text"),)
    role = "strong" if mark == BEST else "text"
    if value is None:
        return (((" " * (widths.value - 1), "text"), *NONE),)
    if not math.isfinite(value):
        role = "unknown"
    shown: Line = ((number(value).rjust(widths.value), role),)
    if place == baseline:
        return ((*shown, *tail),)
    moved, change = delta(line.deltas[place]), percent(line.relative[place])
    tone = mark[1] if mark and mark != BEST else ("good" if mark == BEST and moved != "=" else "dim")
    deltas: Line = ((" " + moved.rjust(widths.delta), tone),)
    changes: Line = ((" " + change.rjust(widths.change), tone),)
    brief: Line = ((" " + (change or ("=" if moved == "=" else "")).rjust(widths.change), tone),)
    return (*shown, *deltas, *changes, *tail), (*shown, *brief, *tail), (*shown, *tail)


def text_cell(
    values: Sequence[str | None],
    place: int,
    baseline: int,
    unknown: frozenset[int] = frozenset(),
    role: str = "text",
) -> Forms:
    """Return a text, marked where it is not the baseline's and dim where it is; ``?`` for the items whose
    texts are not known."""
    value, base = values[place], values[baseline]
    head: Line = () if place == baseline else (("  ", "text"),)
    if place in unknown and value is None:
        return ((*head, *UNKNOWN),)
    same = place == baseline or value == base
    shown: Line = NONE
    if value is not None:
        shown = ((safe(value, _CELL), "dim" if same and head else role),)
    if same or (baseline in unknown and base is None):
        return ((*head, *shown),)
    return ((DIFFERS, *shown),)


def commit_cell(item: CompareItem, base: CompareItem) -> Forms:
    """Return the commit of an item, and what is off with it."""
    own = item is base
    if item.code is None:
        return (UNKNOWN,) if own else ((("  ", "text"), *UNKNOWN),)
    status = _CODE.get(item.code.status)
    shown: Line = ((short(item.code.commit), "code"),)
    if not own:
        differs = base.code is None or base.code.commit != item.code.commit
        shown = ((DIFFERS if differs else ("  ", "text")), *shown)
    return ((*shown, status), (*shown, (status[0][:2], status[1]))) if status else (shown,)


def between_line(code: CodeBetween) -> Line:
    """Return how two commits stand to each other: ``4 ahead``, ``diverged ↑4 ↓1``."""
    if code.status == "diverged":
        return (("diverged ", "warn"), (f"↑{code.ahead_count:,} ↓{code.behind_count:,}", "code"))
    if code.status == "ahead":
        return ((f"↑{code.ahead_count:,} ahead", "code"),)
    if code.status == "behind":
        return ((f"↓{code.behind_count:,} behind", "code"),)
    return (("same commit", "dim"),) if code.status == "same" else (("unknown", "unknown"),)


def change_line(added: int | None, removed: int | None) -> Line:
    """Return how many lines of a file came and went."""
    if added is None or removed is None:
        return (("binary", "dim"),)
    return ((f"+{added:,}", "good"), (" ", "text"), (f"−{removed:,}", "removed"))


def spread_line(spread: Spread, best: bool) -> Line:
    """Return mean and deviation of repeats: ``53.41 ± 0.8215``."""
    around = f" ± {number(spread.deviation)}" if spread.deviation is not None else ""
    mark: Line = ((" ", "text"), BEST) if best else ()
    return ((number(spread.mean), "strong" if best else "text"), (around, "dim"), *mark)
