"""Every version of the selected environment's model beside the one that is live there."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mlops_dash.ui.action_words import badge
from mlops_dash.ui.widgets.table import DROP, NARROW_GAPS, Cell, Column, Give, Table
from mlops_dash.ui.wording import NONE, Line, age, number, safe, short, version

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_dash.answers.versions import VersionRow, VersionsAnswer

_COLUMNS = (
    Column("VERSION", brief="V"),
    Column("METRIC", right=True),
    Column("", right=True),
    Column("COMMIT"),
    Column("DATA"),
    Column("AGE", right=True),
    Column("WHERE"),
)
_REBUILT_COLUMN = Column("REBUILT")  # only where a version was rebuilt
_VERSION, _METRIC, _CHANGE, _COMMIT, _DATA, _AGE, _WHERE, _REBUILT = range(8)
_GIVES = (
    Give(_WHERE, None, 16), NARROW_GAPS, Give(_AGE, DROP), Give(_WHERE, 1), Give(_DATA, DROP),
    Give(_WHERE, None, 8), Give(_COMMIT, DROP), Give(_REBUILT, DROP),
)  # fmt: skip


def versions_table(now: Callable[[], datetime]) -> Table[VersionRow]:
    """Return the panel, empty."""
    return Table(
        _COLUMNS,
        _GIVES,
        key_of=lambda row: row.version,
        cells_of=lambda row: _cells(row, None, now()),
        text_of=lambda row: row.version,
        title="Versions",
        id="versions",
    )


def show_versions(table: Table[VersionRow], answer: VersionsAnswer, now: Callable[[], datetime]) -> None:
    """Show the versions of a model."""
    columns = list(_COLUMNS)
    columns[_METRIC] = Column(safe(answer.metric, 14) if answer.metric else "", right=True)
    if any(row.rebuilt for row in answer.rows):
        columns.append(_REBUILT_COLUMN)
    table.reshape(columns, _GIVES)
    table.cells_by(lambda row: _cells(row, answer.better, now()))
    table.title = f"Versions of {safe(answer.model, 40)}"
    base = next((row for row in answer.rows if row.base), None)
    against = f" · against {version(base.version)}" if base is not None and answer.metric else ""
    table.note = f"{len(answer.rows):,}{against}" if answer.rows else "none is registered"
    table.show(answer.rows)


def _cells(row: VersionRow, better: str | None, now: datetime) -> list[Cell]:
    glyph = ("● ", "good") if row.live_in else ("○ ", "dim") if row.declared_in else ("  ", "dim")
    strength = "strong" if row.base else "model"
    value: Line = ((number(row.value), "strong" if row.base else "text"),) if row.value is not None else NONE
    return [
        ((glyph, (version(row.version), strength)),),
        (value,),
        (_change(row, better),),
        (((short(row.commit), "code"),),) if row.commit else (NONE,),
        (((short(row.digest), "data"),),) if row.digest else (NONE,),
        (((age(row.created_at, now), "dim"),),) if row.created_at else (NONE,),
        _where(row),
        (badge(row.rebuilt),),
    ]


def _change(row: VersionRow, better: str | None) -> Line:
    if row.base:
        return (("live" if row.live_in else "declared", "dim"),)
    if row.change is None:
        return NONE
    percent = row.change * 100
    if abs(percent) < 0.05:
        return (("=", "dim"),)
    role = "dim" if better is None else "good" if (percent < 0) == (better == "min") else "warn"
    return ((f"{percent:+.1f} %".replace("-", "−"), role),)


def _where(row: VersionRow) -> Cell:
    line: list[tuple[str, str]] = [(safe(name, 30) + " ", "env") for name in row.live_in]
    line += [(f"{'○ ' if row.live_in else ''}{safe(name, 30)} ", "dim") for name in row.declared_in]
    if row.note:
        line.append((safe(row.note, 30), "dim"))
    if not line:
        return ((),)
    line[-1] = (line[-1][0].rstrip(), line[-1][1])
    return (tuple(line), tuple(line[:1]))
