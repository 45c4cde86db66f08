"""The parallel coordinates of a report: what differs as axes, a line for each item."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from mlops_dash.answers.compare_shapes import CompareAnswer, TextLine
from mlops_dash.answers.report import words
from mlops_dash.answers.report.figures import Figure
from mlops_dash.answers.report.look import SCALE, between, look
from mlops_dash.answers.report.scatter import Axis, metric_axis, numbers

_PARAMS, _METRICS = 8, 6  # axes
_CATEGORIES = 8
_WORD = 40  # characters of a category: longer ones are prose
_DECADES = 1000.0  # from this ratio of its values on an axis is logarithmic


def parallel_figure(answer: CompareAnswer, primary: str | None) -> Figure | None:
    """Return parallel coordinates of what differs, a line for each item coloured by the primary metric.

    Drawn with lines, not with Plotly's own kind of trace: that needs WebGL and compiles code while it runs,
    which the page's Content-Security-Policy forbids. ``None`` where there are not two axes.
    """
    metrics = [
        axis
        for line in answer.metrics
        if line.differs and _spread((axis := metric_axis(line.key, line.values, line.better, True)).values)
    ]
    metrics.sort(key=lambda axis: axis.key != primary)
    params = [line for line in answer.params if line.differs]
    placed = [entry for line in params if (entry := _param_place(line)) is not None]
    shown = placed[:_PARAMS] + [_metric_place(axis) for axis in reversed(metrics[:_METRICS])]
    if len(shown) < 2:
        return None
    left = len(placed) + len(metrics) - len(shown)
    notes = []
    if left:
        notes.append(f"{left:,} more that differ are not drawn.")
    if len(placed) < len(params):
        other = words.plural(len(params) - len(placed), "parameter")
        notes.append(f"{other} not drawn: fewer than two values, or neither numbers nor a few words.")
    chosen = next((axis for axis in metrics if axis.key == primary), None)
    traces = [_line(answer, place, shown, chosen) for place in range(len(answer.items))]
    if chosen is not None:
        traces.append(_bar(chosen))
    alt = "Parallel coordinates: " + ", ".join(words.line(entry.key, 40) for entry in shown) + "."
    width = 110 * len(shown) + 160
    return Figure("parallel", "Parallel coordinates", alt, traces, _layout(shown), tuple(notes), width)


def _spread(values: Sequence[float | None]) -> bool:
    return len({value for value in values if value is not None}) > 1


class _Placed(NamedTuple):
    """An axis: for each item its place, 0 to 1, and the words for its value; and marks along the axis."""

    key: str
    places: Sequence[float | None]
    said: Sequence[str]
    marks: Sequence[tuple[float, str]]


def _param_place(line: TextLine) -> _Placed | None:
    values = numbers(line)
    said = [words.plotted("–" if value is None else value, 40) for value in line.values]
    if all(value is not None or text is None for value, text in zip(values, line.values, strict=True)):
        if not _spread(values):
            return None
        places, marks = _scaled(values)
        return _Placed(line.key, places, said, marks)
    kinds = list(dict.fromkeys(sorted(text for text in line.values if text is not None)))
    if not 2 <= len(kinds) <= _CATEGORIES or max(map(len, kinds)) > _WORD:
        return None
    where = {text: place / (len(kinds) - 1) for place, text in enumerate(kinds)}
    marks = [(place, words.plotted(text, 14)) for text, place in where.items()]
    return _Placed(line.key, [None if text is None else where[text] for text in line.values], said, marks)


def _metric_place(axis: Axis) -> _Placed:
    said = ["–" if value is None else words.number(value) for value in axis.values]
    places, marks = _scaled(axis.values)
    if axis.better is not None:
        good = 0.0 if axis.better == "min" else 1.0
        marks = [(place, f"{text} ★" if place == good else text) for place, text in marks]
    return _Placed(axis.key, places, said, marks)


def _scaled(values: Sequence[float | None]) -> tuple[list[float | None], list[tuple[float, str]]]:
    finite = [value for value in values if value is not None]
    low, high = min(finite), max(finite)
    if low > 0 and high / low >= _DECADES:
        first, span = math.log10(low), math.log10(high) - math.log10(low)
        places = [None if value is None else (math.log10(value) - first) / span for value in values]
        middle = (0.5, words.number(10 ** (first + span / 2), 3))
    else:
        # halves, because the difference of two doubles may be none
        half = high / 2 - low / 2
        places = [None if value is None else (value / 2 - low / 2) / (half or 1.0) for value in values]
        middle = (0.5, words.number(low / 2 + high / 2, 4))
    return places, [(0.0, words.number(low)), middle, (1.0, words.number(high))]


def _line(answer: CompareAnswer, place: int, shown: Sequence[_Placed], chosen: Axis | None) -> dict[str, Any]:
    drawn = look(place)
    value = None if chosen is None else chosen.values[place]
    name = words.letter(place)
    start, letters = _begins(shown, place)
    label = words.plotted(answer.items[place].label, 40)
    line: dict[str, Any] = {"dash": drawn.dash, "width": 2.2}
    meta: dict[str, Any] = {"item": place}
    if chosen is not None:
        meta = {"ranked": value is not None}
        if value is not None:
            line["color"] = between(_part(chosen, value))
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "name": name,
        "x": list(range(len(shown))),
        "y": [entry.places[place] for entry in shown],
        "text": [letters if axis == start else "" for axis in range(len(shown))],
        "textposition": "middle left",
        "hovertext": [
            f"<b>{name}</b> {label}<br>{words.plotted(entry.key)} = {entry.said[place]}" for entry in shown
        ],
        "hoverinfo": "text",
        "line": line,
        "marker": {"symbol": drawn.marker, "size": 7},
        "meta": meta,
        "cliponaxis": False,
    }


def _begins(shown: Sequence[_Placed], place: int) -> tuple[int, str]:
    """Return the axis where an item's line begins and the letters that stand there: those of all items that
    begin in the same place, for the first of them."""

    def start(item: int) -> tuple[int, float | None]:
        axis = next((axis for axis, entry in enumerate(shown) if entry.places[item] is not None), 0)
        return axis, shown[axis].places[item]

    own = start(place)
    alike = [item for item in range(len(shown[0].places)) if start(item) == own]
    if alike[0] != place:
        return own[0], ""
    first = words.letter(place)
    more = (
        f" +{len(alike) - 1}" if len(alike) > 2 else "".join(f", {words.letter(item)}" for item in alike[1:])
    )
    return own[0], first + more


def _part(axis: Axis, value: float) -> float:
    """Return where a value stands between the best, 0, and the worst, 1."""
    finite = [entry for entry in axis.values if entry is not None]
    low, high = min(finite), max(finite)
    part = (value / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
    return 1 - part if axis.better == "max" else part


def _bar(axis: Axis) -> dict[str, Any]:
    finite = [value for value in axis.values if value is not None]
    scale = [[place, colour] for place, colour in SCALE]
    if axis.better == "max":
        scale = [[1 - place, colour] for place, colour in reversed(SCALE)]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None],
        "y": [None],
        "showlegend": False,
        "hoverinfo": "skip",
        "meta": {"bar": True},
        "marker": {
            "color": [min(finite)],
            "cmin": min(finite),
            "cmax": max(finite),
            "colorscale": scale,
            "showscale": True,
            "colorbar": {
                "title": {"text": words.plotted(axis.key, 24), "side": "right"},
                "thickness": 12,
                "outlinewidth": 0,
            },
        },
    }


def _layout(shown: Sequence[_Placed]) -> dict[str, Any]:
    lines = [
        {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "layer": "below", "line": {"width": 1}}
        for place in range(len(shown))
    ]
    marks = [
        {
            "x": place,
            "y": height,
            "text": text,
            "showarrow": False,
            "xanchor": "left",
            "xshift": 6,
            "yshift": 9 if height == 0 else -9 if height == 1 else 0,
            "font": {"size": 11},
        }
        for place, entry in enumerate(shown)
        for height, text in entry.marks
    ]
    return {
        "xaxis": {
            "tickvals": list(range(len(shown))),
            "ticktext": [words.plotted(entry.key, 18) for entry in shown],
            "range": [-0.25, len(shown) - 0.4],
            "showgrid": False,
            "zeroline": False,
            "side": "top",
            "fixedrange": True,
        },
        "yaxis": {"visible": False, "range": [-0.06, 1.06], "fixedrange": True},
        "shapes": lines,
        "annotations": marks,
        "hovermode": "closest",
        "showlegend": False,
    }
