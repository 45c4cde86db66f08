"""How a run is drawn in the table: its status, its name with where it is live, and a cell of any column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from mlops_dash.answers.run_shapes import RunColumn, RunRow
from mlops_dash.ui.widgets.lines import cut, width_of
from mlops_dash.ui.widgets.run_table import Shown
from mlops_dash.ui.wording import KINDS, Line, Span, age, number, safe, short, version

NAME = "attributes.run_name"
STARTED = "attributes.start_time"
LIVE: Span = ("◉", "good")
REGISTERED: Span = KINDS["version"]
STATUS: dict[str, Span] = {
    "RUNNING": ("◌", "accent"),
    "SCHEDULED": ("○", "dim"),
    "FINISHED": (" ", "text"),
    "FAILED": ("✗", "bad"),
    "KILLED": ("⊘", "warn"),
}
_TITLES = {
    "attributes.start_time": "STARTED", "attributes.end_time": "ENDED", "attributes.run_id": "RUN",
    "attributes.artifact_uri": "ARTIFACTS", "attributes.experiment_id": "EXP. ID",
    "data.digest": "DATA", "data.name": "DATASET", "version.name": "MODEL", "version.number": "VERSION",
    "live.environment": "LIVE IN",
}  # fmt: skip
_ROLES = {"code": "code", "data": "data", "version": "model", "live": "good"}
_MOST = {"param": 20, "tag": 20, "attribute": 24, "metric": 14}
_LONGEST_NAME = 48

Now = Callable[[], datetime]


def status_of(row: RunRow) -> Span:
    """Return the glyph of a run's status; none for one that finished."""
    return ("⌫", "warn") if row.deleted else STATUS.get(row.status, ("?", "unknown"))


def name_line(row: RunRow, width: int) -> Line:
    """Draw a run's name with the environments where it is live and the versions registered from it, in words
    where there is room, else by their glyphs; the name is cut before these are. The least that it may take is
    drawn for a ``width`` of 0."""
    name: Line = ((safe(row.name, _LONGEST_NAME), "dim" if row.deleted else "text"),)
    if not row.live and not row.versions:
        return name
    words = _standing(row)
    if width_of(name) + 2 + width_of(words) > width:
        glyphs = [span for span, there in ((LIVE, row.live), (REGISTERED, row.versions)) if there]
        words = tuple(glyphs)
    strong: Line = ((name[0][0], "strong"),)
    cells = width_of(name) + 1 + width_of(words)
    if 0 < width < cells:
        strong = cut(strong, max(0, width - width_of(words) - 1))
    return (*strong, (" " if 0 < width <= cells else "  ", "text"), *words)


def _standing(row: RunRow) -> Line:
    spans: list[Span] = []
    if row.live:
        more = f" +{len(row.live) - 1}" if len(row.live) > 1 else ""
        spans += [LIVE, (f" {safe(row.live[0], 16)}{more}", "good")]
    if row.versions:
        spans += [(" ", "text")] if spans else []
        spans += [REGISTERED, (f" {version(row.versions[0][1], 12)}", REGISTERED[1])]
        if len(row.versions) > 1:
            spans.append((f" +{len(row.versions) - 1}", REGISTERED[1]))
    return tuple(spans)


def shown_columns(ids: Iterable[str], known: Sequence[RunColumn], now: Now) -> list[Shown]:
    """Return what is needed to draw columns, in the order of their ids; unknown ones and the name are left
    out."""
    by_id = {column.id: column for column in known}
    wanted = [by_id[column] for column in ids if column in by_id and column != NAME]
    keys = [column.key for column in wanted]
    return [
        Shown(
            column.id,
            title_of(column, twice=keys.count(column.key) > 1),
            _cell_of(column, now),
            _MOST.get(column.kind, 18),
            _right(column),
        )
        for column in wanted
    ]


def title_of(column: RunColumn, *, twice: bool = False) -> str:
    """Return a column's heading: keys as logged, our own in capitals; with its kind if two have the key."""
    if column.kind in ("metric", "param", "tag"):
        return safe(f"{column.kind} {column.key}" if twice else column.key, 18)
    return _TITLES.get(column.id, safe(column.key, 18).upper())


def heading(column_id: str) -> str:
    """Return what a column is called within a sentence."""
    named = {NAME: "name", STARTED: "start"}.get(column_id)
    return named or safe(column_id.partition(".")[2] or column_id, 24)


def _right(column: RunColumn) -> bool | None:
    if column.kind == "metric" or column.key in ("start_time", "end_time", "duration"):
        return True
    return None if column.kind in ("param", "tag") or column.id == "version.number" else False


def _cell_of(column: RunColumn, now: Now) -> Callable[[RunRow], Span]:
    name, kind, key = column.id, column.kind, column.key
    if kind == "metric":
        return lambda row: _metric(row.values.get(name))
    if kind == "attribute" and key in ("start_time", "end_time"):
        field = "started_at" if key == "start_time" else "ended_at"
        return lambda row: _when(getattr(row, field), row, now, running=key == "end_time")
    if kind == "attribute" and key == "duration":
        return lambda row: duration_of(row, now())
    if kind == "attribute" and key == "status":
        return lambda row: (safe(row.status.lower(), 12), STATUS.get(row.status, ("", "unknown"))[1])
    if kind == "attribute" and key in ("user", "experiment"):
        return lambda row: _text(getattr(row, key), "text")
    role = _ROLES.get(kind, "text")
    if name == "code.commit":
        return lambda row: _text(short(str(row.values[name])), role) if name in row.values else _NOTHING
    if name == "data.digest":
        return lambda row: _text(short(str(row.values[name]), 8), role) if name in row.values else _NOTHING
    if name in ("version.number", "live.environment", "version.name"):
        return lambda row: _joined(row, name, role)
    return lambda row: _text(row.values.get(name), role)


_NOTHING: Span = ("–", "faint")


def _metric(value: float | str | None) -> Span:
    if value is None:
        return _NOTHING
    if not isinstance(value, float | int):
        return (safe(value, 14), "text")
    shown = number(value)
    return (shown, "unknown" if shown in ("NaN", "Infinity", "-Infinity") else "text")


def _text(value: object, role: str) -> Span:
    return _NOTHING if value is None or value == "" else (safe(value, 40), role)


def _joined(row: RunRow, name: str, role: str) -> Span:
    if name == "live.environment":
        parts: Sequence[str] = row.live
    else:
        parts = [version(pair[1]) if name == "version.number" else pair[0] for pair in row.versions]
    return _text(", ".join(dict.fromkeys(parts)), role)


def _when(moment: datetime | None, row: RunRow, now: Now, *, running: bool) -> Span:
    if moment is None:
        return ("running", "accent") if running and row.status == "RUNNING" else _NOTHING
    return (age(moment, now()), "dim")


def duration_of(row: RunRow, now: datetime) -> Span:
    """Return how long a run took, or has taken so far."""
    if row.started_at is None or (row.ended_at is None and row.status != "RUNNING"):
        return _NOTHING
    took = (row.ended_at or now) - row.started_at
    return (took_text(took), "dim" if row.ended_at else "accent")


# unit, its seconds, the next smaller one, its seconds, and the length from which it is too small
_UNITS = (
    ("s", 1, "", 1, 60),
    ("min", 60, "s", 1, 3600),
    ("h", 3600, "min", 60, 172_800),
    ("d", 86_400, "h", 3600, 864_000),
)


def took_text(took: timedelta) -> str:
    """Return a length of time: ``340 ms``, ``12 s``, ``4 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    seconds = max(0.0, took.total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    whole = int(seconds)
    for large, size, small, part, until in _UNITS:
        if whole < until:
            rest = whole % size // part
            return f"{whole // size} {large}" + (f" {rest} {small}" if rest and small else "")
    return f"{whole // 86_400:,} d"
