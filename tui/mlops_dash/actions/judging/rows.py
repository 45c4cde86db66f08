"""A verdict as rows, original and rebuilt side by side: for a screen or a table of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_dash.actions.judging.numbers import measures_resources
from mlops_dash.actions.judging.sides import clean
from mlops_dash.domain.rebuilds import Difference, Judgement


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of both runs.

    Attributes:
        kind: as of :class:`Difference`.
        delta: absolute difference, ``None`` where there is none to tell.
        state: ``same``, ``within``, ``differs``, ``missing``, ``new``, or ``ignored`` of a metric that
            measures time or resources.
    """

    kind: str
    name: str
    original: str
    rebuilt: str
    delta: float | None
    state: str


def rows(
    judgement: Judgement, original: Mapping[str, float], rebuilt: Mapping[str, float]
) -> tuple[Row, ...]:
    """Return what came out, differing first, then the metrics that are equal, then what went in and differs.

    Args:
        original, rebuilt: metrics of both runs.
    """
    told = {(one.kind, one.name) for one in judgement.outcomes}
    equal = [
        Row("metric", clean(name), f"{original[name]:.6g}", _text(rebuilt.get(name)), None, _state(name))
        for name in sorted(original)
        if ("metric", clean(name)) not in told
    ]
    return (*map(_row, judgement.outcomes), *equal, *map(_row, judgement.inputs))


def _state(name: str) -> str:
    return "ignored" if measures_resources(name) else "same"


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _row(one: Difference) -> Row:
    if one.original is None:
        state = "new"
    elif one.rebuilt is None:
        state = "missing"
    else:
        state = "within" if one.within else "differs"
    return Row(one.kind, one.name, one.original or "", one.rebuilt or "", one.amount, state)
