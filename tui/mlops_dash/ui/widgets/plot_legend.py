"""What is drawn in a plot, and the legend that tells which curve is whose."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from mlops_dash.answers.compare_shapes import CurvePoint
from mlops_dash.ui.widgets.lines import fit, width_of
from mlops_dash.ui.wording import Line, number, safe

# forms of the legend, the longest first: characters of a name, and whether its last value follows
_FORMS = ((24, True), (18, True), (18, False), (10, False))


class Series(Struct, frozen=True):
    """One curve.

    Attributes:
        label: what it is of, as it came from outside.
        mark: the letters that stand for it, ASCII, as in the table.
        role: the theme's role in whose colour it is drawn.
        points: in order of their steps.
    """

    label: str
    mark: str
    role: str
    points: Sequence[CurvePoint]


def legend(series: Sequence[Series], width: int, most: int) -> list[Line]:
    """Draw letters, names and last values in columns, in the longest form in which all fit; what does not fit
    in the shortest is counted."""
    for label, valued in _FORMS:
        entries = [_entry(one, label, valued) for one in series]
        each = max((width_of(entry) for entry in entries), default=1) + 3
        columns = max(1, (width - 1) // each)
        if len(entries) <= columns * most:
            break
    else:
        kept = max(0, columns * most - 1)
        entries = [*entries[:kept], ((f"and {len(entries) - kept} more", "dim"),)]
    rows = -(-len(entries) // columns)
    return [
        ((" ", "text"), *(span for entry in entries[row::rows] for span in fit(entry, each)))
        for row in range(rows)
    ]


def _entry(one: Series, label: int, valued: bool) -> Line:
    last = one.points[-1].value if one.points else None
    value = number(last) if last is not None else "NaN" if one.points else "–"
    entry: Line = ((one.mark, one.role), (f" {safe(one.label, label)}", "text"))
    return (*entry, (f" {value}", "dim")) if valued or not one.points else entry
