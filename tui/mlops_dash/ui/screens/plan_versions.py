"""The versions that an environment can go to, as the plan screen lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from mlops_dash.domain.changes import Candidate
from mlops_dash.domain.metrics import MetricRules, can_be_ranked, direction
from mlops_dash.domain.plans import ActionKind
from mlops_dash.ui.action_words import badge, badge_told, lasted
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.widgets.table import DROP, NARROW_GAPS, Cell, Column, Give, Table
from mlops_dash.ui.wording import NONE, Line, age, ago, moment, number, safe, short, version

_COLUMNS = (
    Column("VERSION", brief="V"),
    Column("METRIC", right=True),
    Column("", right=True),
    Column("LIVE", right=True),
    Column("LAST", right=True),
    Column("AGE", right=True),
    Column("DATA"),
    Column("COMMIT"),
    Column(""),
)
_REBUILT_COLUMN = Column("REBUILT")  # only where a version was rebuilt
_VERSION, _METRIC, _CHANGE, _LIVE, _LAST, _AGE, _DATA, _COMMIT, _NOTE, _REBUILT = range(10)
_GIVES = (
    Give(_NOTE, None, 30), NARROW_GAPS, Give(_NOTE, None, 18), Give(_DATA, DROP), Give(_AGE, DROP),
    Give(_NOTE, None, 12), Give(_COMMIT, DROP), Give(_LAST, DROP), Give(_REBUILT, DROP), Give(_NOTE, None, 6),
    Give(_CHANGE, DROP), Give(_LIVE, DROP), Give(_VERSION, None, 8),
)  # fmt: skip


def candidates_table(now: Callable[[], datetime]) -> Table[Candidate]:
    """Return the table, empty."""
    return Table(
        _COLUMNS,
        _GIVES,
        key_of=lambda row: row.version,
        cells_of=lambda row: _cells(row, None, MetricRules(), now()),
        text_of=text_of,
        steady=True,
        id="candidates",
    )


def text_of(row: Candidate) -> str:
    """Return what the filter looks in."""
    return " ".join(
        [f"v{row.version}", row.run_id or "", row.commit or "", *row.data, *row.live_in, row.bad or ""]
    )


def for_place(candidates: Sequence[Candidate], environment: str, kind: ActionKind) -> tuple[Candidate, ...]:
    """Return the versions with only the other environments that they are live in; none is proposed to go
    back to for a promotion."""
    return tuple(
        replace(
            row,
            live_in=tuple(name for name in row.live_in if name != environment),
            proposed=row.proposed and kind is ActionKind.ROLLBACK,
        )
        for row in candidates
    )


def in_order(candidates: Sequence[Candidate], kind: ActionKind) -> list[Candidate]:
    """Return the versions in the order in which they are offered: for a promotion those that are live in
    another environment first."""
    if kind is ActionKind.PROMOTE:
        return sorted(candidates, key=lambda row: (row.current, not row.live_in))
    return sorted(candidates, key=lambda row: (not row.proposed, row.current, not row.was_live))


def first_of(candidates: Sequence[Candidate], kind: ActionKind, wanted: str | None) -> str | None:
    """Return the version that is under the cursor at first: the wanted one, else the proposed one; ``None``:
    none is proposed."""
    if wanted is not None and any(row.version == wanted for row in candidates):
        return wanted
    if kind is ActionKind.PROMOTE:
        return next((row.version for row in candidates if row.live_in and not row.current), None)
    return next((row.version for row in candidates if row.proposed), None)


def show_candidates(
    table: Table[Candidate],
    rows: Sequence[Candidate],
    kind: ActionKind,
    rules: MetricRules,
    now: Callable[[], datetime],
) -> None:
    """Show the versions."""
    names = [row.metrics[0][0] for row in rows if row.metrics]
    columns = list(_COLUMNS)
    columns[_METRIC] = Column(safe(names[0], 14) if names else "", right=True)
    if any(row.rebuilt for row in rows):
        columns.append(_REBUILT_COLUMN)
    table.reshape(columns, _GIVES)
    current = next((row for row in rows if row.current), None)
    table.cells_by(lambda row: _cells(row, current, rules, now()))
    table.show(in_order(rows, kind))


def _cells(row: Candidate, current: Candidate | None, rules: MetricRules, now: datetime) -> Sequence[Cell]:
    glyph = ("✗ ", "bad") if row.bad else ("● ", "good") if row.current else ("  ", "dim")
    if row.proposed and not row.bad:
        glyph = ("▸ ", "accent")
    value: Line = ((number(row.metrics[0][1]), "text"),) if row.metrics else NONE
    return [
        ((glyph, (version(row.version, 24), "strong" if row.proposed or row.current else "model")),),
        (value,),
        (_change(row, current, rules),),
        (_was_live(row, now),),
        (((age(row.last_at, now), "text"),) if row.last_at and not row.current else NONE,),
        (((age(row.created_at, now), "dim"),) if row.created_at else NONE,),
        (((short(row.data[0]), "data"),) if row.data else NONE,),
        (((short(row.commit), "code"),) if row.commit else NONE,),
        (_note(row),),
        (badge(row.rebuilt),),
    ]


def _was_live(row: Candidate, now: datetime) -> Line:
    if not row.was_live:
        return (("never", "dim"),)
    seconds = row.seconds_live
    if seconds is None and row.current and row.first_at is not None:
        seconds = (now - row.first_at).total_seconds()
    return ((lasted(seconds) or "yes", "text"),)


def _change(row: Candidate, current: Candidate | None, rules: MetricRules) -> Line:
    if current is None or row.current or not row.metrics or not current.metrics:
        return NONE if not row.current else ()
    (name, value), (other, base) = row.metrics[0], current.metrics[0]
    if name != other or not base or not can_be_ranked(value) or not can_be_ranked(base):
        return NONE
    percent = (value - base) / abs(base) * 100
    if abs(percent) < 0.05:
        return (("=", "dim"),)
    better = direction(name, rules)
    good = better is not None and (percent < 0) == (better == "min")
    glyph = "" if better is None else "▲ " if good else "▼ "
    role = "dim" if better is None else "good" if good else "warn"
    return ((f"{glyph}{percent:+.1f} %".replace("-", "−"), role),)


def _note(row: Candidate) -> Line:
    spans: list[tuple[str, str]] = []
    if row.current:
        spans.append(("live now", "good"))
    if row.proposed:
        spans.append(("proposed", "accent"))
    if row.bad:
        spans.append((f"known bad: {safe(row.bad, 200)}", "bad"))
    elif row.was_live and not row.current:
        told = {True: ("healthy then", "good"), False: ("not healthy then", "warn"), None: ("", "dim")}
        spans.append(told[row.healthy])
    spans += [(f"live in {safe(name, 40)}", "env") for name in row.live_in]
    spans = [span for span in spans if span[0]]
    line: list[tuple[str, str]] = []
    for span in spans:
        line += [(" · ", "dim"), span] if line else [span]
    return tuple(line)


def candidate_facts(row: Candidate, rules: MetricRules, now: datetime) -> Iterator[Fact]:
    """Yield all that is known of a version."""
    if row.bad:
        yield Fact("known bad", ((safe(row.bad, 1000), "bad"),), row.bad)
    yield Fact("live here", _live_words(row, now), _plain(_live_words(row, now)))
    if row.live_in:
        names = ", ".join(safe(name, 60) for name in row.live_in)
        yield Fact("live in", ((names, "env"),), names)
    for name, value in row.metrics[:8]:
        arrow = {"min": " ↓", "max": " ↑", None: ""}[direction(name, rules)]
        yield Fact(
            "metrics", ((number(value), "text"), (f"  {safe(name, 60)}{arrow}", "dim")), f"{name} {value!r}"
        )
    if row.created_at is not None:
        yield Fact(
            "registered", ((ago(row.created_at, now), "text"), (f" · {moment(row.created_at)}", "dim")),
            row.created_at.isoformat(),
        )  # fmt: skip
    if row.rebuilt is not None:
        yield Fact("rebuilt", badge_told(row.rebuilt), row.rebuilt.value)
    if row.run_id:
        yield Fact("run", ((safe(row.run_id, 60), "run"),), row.run_id, f"run:{row.run_id}")
    if row.commit:
        yield Fact("commit", ((safe(row.commit, 70), "code"),), row.commit, f"commit:{row.commit}")
    for digest in row.data:
        yield Fact("data", ((safe(digest, 70), "data"),), digest, f"data:{digest}")


def _live_words(row: Candidate, now: datetime) -> Line:
    if not row.was_live:
        return (("never, as far as is known", "dim"),)
    parts = []
    if row.current:
        parts.append(f"now, since {moment(row.first_at)}" if row.first_at else "now")
    elif row.first_at is not None and row.last_at is not None:
        parts.append(f"from {moment(row.first_at)} until {moment(row.last_at)}, {ago(row.last_at, now)}")
    elif row.last_at is not None:
        parts.append(f"until {moment(row.last_at)}, {ago(row.last_at, now)}")
    if row.seconds_live is not None and not row.current:
        parts.append(f"{lasted(row.seconds_live)} in all")
    health = {True: "seen healthy", False: "seen unhealthy", None: "nobody looked at its health"}[row.healthy]
    role = {True: "good", False: "warn", None: "dim"}[row.healthy]
    told = " · ".join(parts) or "at some time"
    return ((told, "text"), (f" · {health}", role))


def _plain(line: Line) -> str:
    return "".join(text for text, _ in line)
