"""Which is better, and why: the two lines above a comparison, and the score at the head of each column."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from mlops_dash.answers.compare_shapes import CompareAnswer, MetricLine
from mlops_dash.ui.screens.compare_cells import BEST, BETTER, WORSE, percent
from mlops_dash.ui.widgets.lines import width_of
from mlops_dash.ui.wording import Line, number, plural, safe

Marks = Callable[[int], tuple[str, str]]
Score = tuple[int, int, int]
_READING: Line = (("reading packages …", "accent"),)
_NAMED = 4  # metrics that a verdict names
_LABEL = 40


def scores(answer: CompareAnswer) -> list[Score]:
    """Return for each item in how many metrics it is the best, better than the baseline, and worse.

    All in one pass: a hundred items with 5,000 metrics are half a million values.
    """
    best, won, lost = ([0] * len(answer.items) for _ in range(3))
    for line in answer.metrics:
        for place in line.best:
            best[place] += 1
        if line.better is None:
            continue
        good, bad = (won, lost) if line.better == "min" else (lost, won)
        for place, moved in enumerate(line.deltas):
            if moved is not None and moved != 0:
                if moved < 0:
                    good[place] += 1
                elif moved > 0:
                    bad[place] += 1
    return list(zip(best, won, lost, strict=True))


def score_line(score: Score, based: bool) -> Line:
    """Return the score as it stands at the head of a column; ``based`` is that of the baseline."""
    best, better, worse = score
    spans: list[tuple[str, str]] = []
    if based:
        spans.append(("baseline", "accent"))
    for count, (glyph, role) in ((best, BEST), (better, BETTER), (worse, WORSE)):
        told = glyph == BEST[0] or (not based and not (glyph == BETTER[0] and better == best))
        if count and told:
            spans += [(" " if spans else "", "text"), (f"{glyph}{count:,}", role)]
    return tuple(spans)


def _moved(line: MetricLine, place: int) -> int | None:
    """Return 1 where an item is better than the baseline, −1 where it is worse, 0 where it is the same;
    ``None`` where that is not known."""
    moved = line.deltas[place]
    if line.better is None or moved is None or math.isnan(moved):
        return None
    return 0 if moved == 0 else 1 if (moved < 0) == (line.better == "min") else -1


def verdict(answer: CompareAnswer, marks: Marks, primary: str | None = None, width: int = 1000) -> Line:
    """Return which item is better, in one line: with as many metrics as fit into ``width`` cells."""
    line: Line = ()
    for named in range(_NAMED, 0, -1):
        line = _verdict(answer, marks, primary, named)
        if width_of(line) <= width:
            break
    return line


def _verdict(answer: CompareAnswer, marks: Marks, primary: str | None, named: int) -> Line:
    lines = sorted(answer.metrics, key=lambda line: line.key != primary)
    if not lines:
        return (("No metric was logged: nothing tells which is better", "dim"),)
    if not any(line.better for line in lines):
        return (("Which way is better is not known for any metric here: ", "warn"),
                ("[metrics] in the configuration tells it", "text"))  # fmt: skip
    return _of_two(answer, lines, marks, named) if len(answer.items) == 2 else _of_many(answer, lines, marks)


def _of_two(answer: CompareAnswer, lines: Sequence[MetricLine], marks: Marks, named: int) -> Line:
    base, other = answer.baseline, 1 - answer.baseline
    moved = [(line, way) for line in lines if (way := _moved(line, other)) is not None]
    better = [line for line, way in moved if way > 0]
    worse = [line for line, way in moved if way < 0]
    one, two = _name(answer, other, marks), _name(answer, base, marks)
    if not moved:
        return (("No metric of both can be ranked", "dim"),)
    if not better and not worse:
        return (("= ", "strong"), *one, (" and ", "text"), *two, (" are the same in every metric", "text"))
    if better and worse:
        parts = [("better", better, "good"), ("worse", worse, "warn")]
        if moved[0][1] < 0:  # the metric that matters most comes first
            parts.reverse()
        (first, of_first, role), (then, of_then, other_role) = parts
        return (
            ("± ", "warn"), *one, (f" is {first} in ", "text"), *_list(of_first, other, role, named),
            (f", {then} in ", "text"), *_list(of_then, other, other_role, named),
        )  # fmt: skip
    winner, loser, found = (one, two, better) if better else (two, one, worse)
    every = "" if len(found) == len(moved) else f" in {len(found)} of {len(moved)}"
    return (BEST, (" ", "text"), *winner, (" is better than ", "text"), *loser, (f"{every}:  ", "text"),
            *_list(found, other, "good" if better else "warn", named))  # fmt: skip


def _of_many(answer: CompareAnswer, lines: Sequence[MetricLine], marks: Marks) -> Line:
    ranked = [line for line in lines if line.best]
    if not ranked:
        return (("= ", "strong"), ("all are the same in every metric that can be ranked", "text"))
    head = ranked[0]
    winner = head.best[0]
    value, change = head.values[winner], head.relative[winner]
    spans: list[tuple[str, str]] = [BEST, (" ", "text"), *_name(answer, winner, marks)]
    if len(head.best) > 1:
        spans.append((f" and {len(head.best) - 1} more", "text"))
        spans.append((" have", "text"))
    else:
        spans.append((" has", "text"))
    spans += [(" the best ", "text"), (safe(head.key, _LABEL), "strong"), (f"  {number(value)}", "good")]
    if winner != answer.baseline and percent(change):
        spans += [(f", {percent(change)} against ", "text"), marks(answer.baseline)]
    best = sum(winner in line.best for line in ranked)
    if len(ranked) > 1:
        told = (
            f"   best in {best} of {len(ranked)} metrics" if best < len(ranked) else "   best in all metrics"
        )
        spans.append((told, "text"))
    return tuple(spans)


def _name(answer: CompareAnswer, place: int, marks: Marks) -> Line:
    return (marks(place), (f" {safe(answer.items[place].label, _LABEL)}", "strong"))


def _list(lines: Sequence[MetricLine], place: int, role: str, named: int) -> Line:
    spans: list[tuple[str, str]] = []
    for line in lines[:named]:
        moved = line.deltas[place]
        sign = "" if moved is None else ("+" if moved > 0 else "−") + number(abs(moved))
        change = percent(line.relative[place]) or sign
        spans += [(", " if spans else "", "text"), (f"{safe(line.key, 30)} ", "text"), (change, role)]
    if len(lines) > named:
        spans.append((f" and {len(lines) - named:,} more", "dim"))
    return tuple(spans)


def reasons(answer: CompareAnswer, width: int) -> Line:
    """Return what differs between the items, in one line: with names where they fit, else as many parts as
    fit."""
    spans: list[tuple[str, str]] = []
    for named in True, False:
        spans = [("Differs: ", "dim")]
        for part in _parts(answer, named):
            spans += [(" · " if len(spans) > 1 else "", "dim"), *part]
        if width_of(tuple(spans)) <= width:
            break
    return tuple(spans)


def _parts(answer: CompareAnswer, named: bool) -> list[Line]:
    parts: list[Line] = []
    params = [line.key for line in answer.params if line.differs]
    parts.append(_part(len(params), "parameter", params if named else (), "parameters"))
    data = [line.name for line in answer.data if line.differs]
    parts.append(_part(len(data), "dataset", data if named else (), "data", "data"))
    parts.append(_code(answer))
    packages = sum(line.differs for line in answer.packages)
    unknown = sum(reason is not None for reason in answer.artifacts)
    if answer.packages and unknown < len(answer.items) - 1:
        more: Line = ((f" ({unknown} unknown)", "unknown"),) if unknown else ()
        parts.append((*_part(packages, "package", (), "packages"), *more))
    elif unknown:
        parts.append(_READING if answer.reading else (("packages unknown", "unknown"),))
    return parts


def _part(count: int, noun: str, names: Sequence[str], same: str, role: str = "strong") -> Line:
    if not count:
        return ((f"same {same}", "dim"),)
    told = ", ".join(safe(name, 24) for name in names[:3]) + (", …" if len(names) > 3 else "")
    return ((plural(count, noun), role), (f" ({told})" if told else "", "text"))


def _code(answer: CompareAnswer) -> Line:
    if any(item.code is None for item in answer.items) or any(
        code.status == "unknown" for code in answer.code
    ):
        return (("reading the code …", "accent"),) if answer.reading else (("code unknown", "unknown"),)
    moved = [code for code in answer.code if code.status != "same"]
    if not moved:
        return (("same code", "dim"),)
    files = {change.path for code in moved for change in code.files}
    if len(answer.code) == 1:
        told = plural(moved[0].ahead_count + moved[0].behind_count, "commit")
    else:
        told = f"{len({item.code.commit for item in answer.items if item.code})} code versions"
    return ((told, "code"), (f" ({plural(len(files), 'file')})" if files else "", "text"))
