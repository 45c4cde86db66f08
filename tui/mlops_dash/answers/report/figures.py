"""The figures of a report as Plotly describes them, made of plain values: plotly itself is not needed here.

Every name in them has gone through :func:`mlops_dash.answers.report.words.plotted`. Colours of items are
left to the page, which knows whether it is light or dark: ``meta.item`` is the place of the item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_dash.answers.compare_shapes import CompareAnswer, Curve, CurvesAnswer
from mlops_dash.answers.report import words
from mlops_dash.answers.report.look import look
from mlops_dash.domain.metrics import MetricRules, can_be_ranked, primary_metric

_FIGURES = 24  # of curves
_POINTS = 160_000  # of all curves: some 5 MB
_LABELLED = 16  # letters at the ends of so many curves can still be told apart


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: what Plotly draws (``data`` and ``layout``), what it shows in words, what is left out."""

    id: str
    title: str
    alt: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    notes: tuple[str, ...] = ()
    width: int = 0  # pixels that it needs at least


@dataclass(frozen=True, slots=True)
class Curves:
    """Figures of curves, one for each metric, and what holds for all of them."""

    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


def primary_of(answer: CompareAnswer, wanted: str | None) -> str | None:
    """Return the metric that stands for the comparison: ``wanted``, else the likeliest, else the first."""
    usable = [
        line for line in answer.metrics
        if any(value is not None and can_be_ranked(value) for value in line.values)
    ]  # fmt: skip
    if any(line.key == wanted for line in usable):
        return wanted
    lower = frozenset(line.key for line in usable if line.better == "min")
    higher = frozenset(line.key for line in usable if line.better == "max")
    keys = [line.key for line in usable]
    return primary_metric(keys, MetricRules(lower=lower, higher=higher)) or (keys[0] if keys else None)


def curve_figures(answer: CompareAnswer, curves: CurvesAnswer, primary: str | None) -> Curves:
    """Return one figure for each metric that was logged more than once, the primary one first."""
    owners: dict[str, list[int]] = {}
    for place, item in enumerate(answer.items):
        if item.run_id is not None:
            owners.setdefault(item.run_id, []).append(place)
    by_key: dict[str, list[Curve]] = {}
    for curve in curves.curves:
        if curve.run_id in owners:
            by_key.setdefault(curve.key, []).append(curve)
    notes = [] if curves.problem is None else [words.line(curves.problem)]
    once = [key for key, some in by_key.items() if all(len(curve.points) < 2 for curve in some)]
    places = {line.key: place for place, line in enumerate(answer.metrics)}
    drawable = sorted(
        by_key.keys() - set(once), key=lambda key: (key != primary, places.get(key, len(places)), key)
    )
    figures: list[Figure] = []
    left = _POINTS
    for key in drawable[:_FIGURES]:
        left -= sum(len(curve.points) for curve in by_key[key])
        if left < 0 and figures:
            break
        figures.append(_curve_figure(len(figures), key, by_key[key], owners, answer))
    if len(figures) < len(drawable):
        notes.append(f"{len(figures)} of {words.plural(len(drawable), 'curve')} are drawn.")
    if once:
        notes.append(f"{words.plural(len(once), 'metric')} logged once only: no curve.")
    return Curves(tuple(figures), tuple(notes))


def _curve_figure(
    number: int, key: str, curves: Sequence[Curve], owners: dict[str, list[int]], answer: CompareAnswer
) -> Figure:
    traces, missing = [], []
    for curve in sorted(curves, key=lambda curve: owners[curve.run_id]):
        who = owners[curve.run_id]
        values = [
            point.value if point.value is not None and can_be_ranked(point.value) else None
            for point in curve.points
        ]
        bad = sum(value is None for value in values)
        if bad:
            missing.append(f"{words.plural(bad, 'value')} of {words.letters(who)}")
        drawn = look(who[0])
        name = ", ".join(words.letter(place) for place in who)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines" if len(values) - bad > 1 else "markers",
                "name": name,
                "x": [point.step for point in curve.points],
                "y": values,
                "customdata": [point.time for point in curve.points],
                "line": {"dash": drawn.dash, "width": 2},
                "marker": {"symbol": drawn.marker, "size": 8},
                "meta": {"item": who[0], "items": who, "label": name if len(curves) <= _LABELLED else ""},
                "hovertemplate": f"{named(answer, who[0])}<br>%{{x}}: %{{y:.6g}}<extra></extra>",
            }
        )
    notes = (f"Left out, not being numbers: {', '.join(missing[:8])}.",) if missing else ()
    layout = {"hovermode": "closest", "showlegend": False}  # the page has axes over steps and times
    alt = f"Curves of {words.line(key)} by step: {words.plural(len(traces), 'line')}."
    return Figure(f"curve-{number}", words.line(key), alt, traces, layout, notes)


def named(answer: CompareAnswer, place: int) -> str:
    """Return an item's letter and label for a hover template."""
    # %{…} would be filled in by Plotly, and there is no way to escape it
    label = words.plotted(answer.items[place].label, 40).replace("%{", "%&#123;")
    return f"<b>{words.letter(place)}</b> {label}"
