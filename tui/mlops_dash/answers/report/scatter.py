"""The scatter of a report: which metrics and numeric parameters can be its axes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_dash.answers.compare_shapes import CompareAnswer, TextLine
from mlops_dash.answers.report import words
from mlops_dash.answers.report.figures import Figure, named
from mlops_dash.answers.report.look import look
from mlops_dash.domain.metrics import can_be_ranked

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_VALUES = 60_000  # of all axes: 1 MB


@dataclass(frozen=True, slots=True)
class Axis:
    """A metric or a numeric parameter: finite values by item, ``None`` where there is none."""

    key: str
    kind: str
    values: tuple[float | None, ...]
    better: str | None = None
    differs: bool = True


def scatter_axes(answer: CompareAnswer) -> tuple[list[Axis], int]:
    """Return the metrics and numeric parameters that at least two items have, and how many are left out.

    Those that differ come first among what is kept; the order is that of the tables.
    """
    found = [metric_axis(line.key, line.values, line.better, line.differs) for line in answer.metrics]
    found += [Axis(line.key, "param", numbers(line), None, line.differs) for line in answer.params]
    usable = [axis for axis in found if sum(value is not None for value in axis.values) > 1]
    most = max(2, _VALUES // max(1, len(answer.items)))
    places = sorted(range(len(usable)), key=lambda place: not usable[place].differs)[:most]
    return [usable[place] for place in sorted(places)], len(usable) - len(places)


def metric_axis(key: str, values: Sequence[float | None], better: str | None, differs: bool) -> Axis:
    """Return a metric with what is no finite number left out."""
    finite = tuple(value if value is not None and can_be_ranked(value) else None for value in values)
    return Axis(key, "metric", finite, better, differs)


def numbers(line: TextLine) -> tuple[float | None, ...]:
    """Return a parameter's values as numbers, ``None`` where one is none."""
    return tuple(
        float(value)
        if value is not None and len(value) < 60 and _NUMBER.fullmatch(value) and can_be_ranked(float(value))
        else None
        for value in line.values
    )


def scatter_figure(answer: CompareAnswer, axes: Sequence[Axis], first: int, second: int) -> Figure:
    """Return the items as points over two of the axes; the page puts any two others in their place."""
    traces = []
    for place in range(len(answer.items)):
        drawn = look(place)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": words.letter(place),
                "x": [axes[first].values[place]],
                "y": [axes[second].values[place]],
                "text": [words.letter(place)],
                "textposition": "top center",
                "marker": {"symbol": drawn.marker, "size": 11},
                "meta": {"item": place},
                "hovertemplate": f"{named(answer, place)}<br>x %{{x:.6g}}<br>y %{{y:.6g}}<extra></extra>",
            }
        )
    layout = {
        "xaxis": {"title": {"text": words.plotted(axes[first].key)}},
        "yaxis": {"title": {"text": words.plotted(axes[second].key)}},
        "hovermode": "closest",
        "showlegend": False,
    }
    alt = "Each item as a point over two metrics or parameters; the values stand in the tables."
    return Figure("scatter", "Scatter", alt, traces, layout)
