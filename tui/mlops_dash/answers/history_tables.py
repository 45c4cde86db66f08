"""Histories as tables: one flat row for each change, or for what was live at a moment at each place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_dash.answers.history import HistoryAnswer
from mlops_dash.domain.changes import Change, WasLive
from mlops_dash.domain.text import storable
from mlops_dash.sources.base import Apply, Batch
from mlops_dash.sources.columns import Columns

if TYPE_CHECKING:
    import pandas as pd

CHANGE_COLUMNS = (
    "at", "not_before", "environment", "model", "aspect", "before", "after", "by", "evidence", "kind",
    "outcome", "reason", "healthy", "action_id", "undoes", "audit_run", "host", "commit",
)  # fmt: skip
WAS_COLUMNS = (
    "environment", "model", "at", "version", "basis", "since", "until", "evidence", "between",
    "evidence_from", "evidence_until", "words",
)  # fmt: skip


def history_rows(answer: HistoryAnswer) -> tuple[Sequence[str], list[Sequence[Any]]]:
    """Return one row for each change; where a moment was asked about, one for each place."""
    if answer.at is not None:
        return WAS_COLUMNS, [_was_row(was) for was in answer.was]
    return CHANGE_COLUMNS, [change_row(change) for change in answer.changes]


def change_row(change: Change) -> Sequence[Any]:
    """Return the cells of a change, in the order of :data:`CHANGE_COLUMNS`."""
    return tuple(getattr(change, column) for column in CHANGE_COLUMNS)


def _was_row(was: WasLive) -> Sequence[Any]:
    cells = {column: getattr(was, column) for column in WAS_COLUMNS}
    if was.between is not None:
        cells["between"] = " or ".join(version or "nothing" for version in was.between)
    return tuple(cells.values())


def history_frame(answer: HistoryAnswer) -> pd.DataFrame:
    """Return the rows of :func:`history_rows` as a frame; times are UTC."""
    import pandas as pd

    columns, rows = history_rows(answer)
    plain = [[getattr(cell, "value", cell) for cell in row] for row in rows]
    frame = pd.DataFrame(plain, columns=list(columns))
    for column in set(columns) & {"at", "not_before", "since", "until", "evidence_from", "evidence_until"}:
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame


def changes_batch(answer: HistoryAnswer) -> Batch:
    """Return the changes as a batch that replaces the table ``live_change``."""
    if not answer.changes:
        return Batch("live_change", None, Apply.REPLACE)
    found = {column: [getattr(c, column) for c in answer.changes] for column in CHANGE_COLUMNS}
    texts = {_NAMES.get(column, column): list(map(_text, found[column])) for column in CHANGE_COLUMNS}
    times = {_NAMES.get(n, n): [_milliseconds(at) for at in found[n]] for n in ("at", "not_before")}
    healthy = found["healthy"]
    for column in (*times, "healthy"):
        del texts[column]
    table = Columns(texts=texts, integers=times, booleans={"healthy": healthy})
    return Batch("live_change", table, Apply.REPLACE)


_NAMES = {"at": "changed_at", "by": "who", "commit": "commit_hash"}


def _text(value: Any) -> str | None:
    return None if value is None else storable(str(value))


def _milliseconds(at: datetime | None) -> int | None:
    return round(at.timestamp() * 1000) if at is not None else None
