"""The metrics of the selected environment's run beside those of the other environments of its model."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from mlops_dash.answers.shapes import EnvironmentRow
from mlops_dash.ui.widgets.table import DROP, Cell, Column, Give, Table
from mlops_dash.ui.wording import NONE, Line, number, safe

_MOST = 6  # environments beside each other


class MetricRow(Struct, frozen=True):
    """One metric in every environment, the selected one first; ``better`` as in ``EnvironmentRow``."""

    key: str
    values: tuple[float | None, ...]
    better: str | None
    primary: bool


def metrics_table() -> Table[MetricRow]:
    """Return the panel, empty."""
    return Table(
        (Column(""),),
        (),
        key_of=lambda row: row.key,
        cells_of=_cells,
        text_of=lambda row: row.key,
        title="Metrics",
        id="metrics",
    )


def show_metrics(table: Table[MetricRow], row: EnvironmentRow, rows: Sequence[EnvironmentRow]) -> None:
    """Show the metrics of ``row`` and of its model's other environments."""
    others = [other for other in rows if other.model == row.model and other is not row and other.run][
        : _MOST - 1
    ]
    beside = [row, *others]
    names = tuple(safe(each.environment, 14) for each in beside)
    keys = sorted(row.run.metrics if row.run else (), key=lambda key: (key != row.primary_metric, key))
    items = [
        MetricRow(
            key,
            tuple(each.run.metrics.get(key) if each.run else None for each in beside),
            row.better if key == row.primary_metric else None,
            key == row.primary_metric,
        )
        for key in keys
    ]
    columns = [Column("METRIC"), *(Column(name, right=True) for name in names)]
    if items != table.items or columns != table.columns:
        gives = [Give(index, DROP) for index in range(len(columns) - 1, 1, -1)]
        table.reshape(columns, [*(Give(index, 1) for index in range(len(columns) - 1, 1, -1)), *gives])
        table.note = f"against {names[0]}" if others else ""
        table.show(items)


def _cells(row: MetricRow) -> list[Cell]:
    base = row.values[0]
    name: Line = ((safe(row.key, 24), "strong" if row.primary else "text"),)
    cells: list[Cell] = [(name,), (((number(base), "strong" if row.primary else "text"),),)]
    for value in row.values[1:]:
        if value is None:
            cells.append((NONE,))
            continue
        shown = (number(value), "text")
        cells.append((((*_delta(value, base, row.better), shown)), (shown,)))
    return cells


def _delta(value: float, base: float | None, better: str | None) -> Line:
    if base is None or not base or not math.isfinite(base) or not math.isfinite(value):
        return ()
    change = (value - base) / abs(base) * 100
    if abs(change) < 0.05:
        return (("=  ", "dim"),)
    role = "dim" if better is None else "good" if (change < 0) == (better == "min") else "warn"
    return ((f"{change:+.1f} %".replace("-", "−") + "  ", role),)
