"""The rows of Live: one environment in cells, each in several lengths, the longest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from mlops_dash.answers.shapes import Attention, DataFacts, EnvironmentRow, LiveAnswer
from mlops_dash.domain.environments import Basis, CodeStatus, Health
from mlops_dash.domain.freshness import Freshness, SourceStatus, by_cause, names_of
from mlops_dash.domain.plans import ActionKind
from mlops_dash.ui.widgets.table import DROP, NARROW_GAPS, Cell, Column, Give
from mlops_dash.ui.wording import (
    ATTENTION,
    FRESHNESS,
    HEALTH,
    NONE,
    PROTECTED,
    READING,
    Line,
    Span,
    age,
    health_word,
    number,
    safe,
    short,
    version,
)

COLUMNS = (
    Column("ENVIRONMENT", brief="ENV"),
    Column("MODEL"),
    Column("LIVE"),
    Column("METRIC"),
    Column("CODE"),
    Column("DATA"),
    Column("HEALTH"),
    Column("SINCE", right=True),
    Column("BY"),
)
_ENV, _MODEL, _LIVE, _METRIC, _CODE, _DATA, _HEALTH, _SINCE, _BY = range(9)
METRIC = _METRIC

# how the row gives way, the least important first; model, live version, code, data and health always stay
GIVES = (
    Give(_HEALTH, 1),
    Give(_DATA, 1),
    Give(_CODE, 1),
    Give(_BY, None, 6),
    Give(_MODEL, None, 16),
    Give(_BY, DROP),
    Give(_LIVE, 1),
    Give(_SINCE, DROP),
    Give(_ENV, None, 14),
    Give(_DATA, 2),
    Give(_MODEL, None, 11),
    Give(_ENV, None, 12),
    NARROW_GAPS,
    Give(_CODE, 2),
    Give(_METRIC, DROP),
    Give(_MODEL, None, 6),
    Give(_ENV, None, 6),
    Give(_HEALTH, 2),
    Give(_LIVE, 2),
)

_FLAGS: dict[CodeStatus, tuple[str, str, str]] = {
    CodeStatus.DIRTY: ("±", "dirty", "warn"),
    CodeStatus.MISSING: ("✗", "missing", "bad"),
    CodeStatus.UNREACHABLE: ("◊", "no branch", "warn"),
    CodeStatus.UNKNOWN: ("?", "unknown", "unknown"),
}


DEEDS: dict[str, ActionKind] = {
    "drift": ActionKind.ROLLBACK,
    "unhealthy": ActionKind.ROLLBACK,
    "better-version": ActionKind.PROMOTE,
}
"""What can be done about what deserves attention, by its code."""

_OF_CODE = frozenset({"tracking", "git"})  # sources that a run's commit is known from
_ABOUT_CODE = frozenset({"behind", "dirty-code", "missing-code"})
# what is only known to be so once everything was read
_VERSION = 18  # characters of a version in a row; the details have it whole
_UNTIL_READ = frozenset({"not-rebuildable", "missing-code", "stale-source"})


def row_key(row: EnvironmentRow) -> str:
    """Return the key of a row, which is also its reference for Trace."""
    return f"env:{row.environment}/{row.model}"


def row_text(row: EnvironmentRow) -> str:
    """Return what the filter looks in."""
    parts = [row.environment, row.model, f"v{row.live}", row.basis, row.health, row.by or "", row.target]
    parts += [row.code.commit, row.code.status, row.code.subject or ""] if row.code else []
    parts += [f"{data.name} {data.digest}" for data in row.data]
    parts += ["drift"] if row.drift else []
    return " ".join(parts)


def row_cells(
    row: EnvironmentRow, now: datetime, *, name_metric: bool, unread: frozenset[str] = frozenset()
) -> list[Cell]:
    """Return the cells of a row.

    Args:
        row: the environment.
        now: the present.
        name_metric: the metric's cell names its metric.
        unread: the sources whose first reading is under way: what they would tell is not missing yet.
    """
    lock = f" {PROTECTED[0]}" if row.protected else ""
    facts = [_metric(row, name_metric, unread), _code(row, unread), _data(row, unread)]
    return [
        (((safe(row.environment, 60), "env"), (lock, PROTECTED[1])),),
        (((safe(row.model, 80), "model"),),),
        _live(row),
        *(map(_dimmed, facts) if row.of_declared else facts),
        _health(row),
        (((age(row.since, now), "text"),),) if row.since else (NONE,),
        (((safe(row.by, 30), "text"),),) if row.by else (NONE,),
    ]


def _dimmed(cell: Cell) -> Cell:
    """Draw facts of the declared version, which may not be those of what is live."""
    return tuple(tuple((text, "dim") for text, _ in form) for form in cell)


def _live(row: EnvironmentRow) -> Cell:
    shown = version(row.live, _VERSION)
    if row.live is None:
        says = f" · {version(row.declared.version, _VERSION)} declared" if row.declared else ""
        unknown = ("? unknown", "unknown")
        return ((unknown, (says, "dim")), (unknown,), (("?", "unknown"),))
    if row.drift and row.declared is not None:
        other = version(row.declared.version, _VERSION)
        return (
            ((shown, "strong"), (f" ≠ {other} declared", "bad")),
            ((shown, "strong"), (f" ≠ {other}", "bad")),
            ((shown, "strong"), (" ≠", "bad")),
        )
    glyph, role = ("●", "good") if row.basis is Basis.OBSERVED else ("○", "dim")
    return (
        ((shown, "strong"), (f" {glyph}", role), (f" {row.basis.value}", "dim")),
        ((shown, "strong"), (f" {glyph}", role)),
    )


def _metric(row: EnvironmentRow, named: bool, unread: frozenset[str]) -> Cell:
    key = row.primary_metric
    if row.run is None or key is None or key not in row.run.metrics:
        return ((("…", "dim"),),) if "tracking" in unread else (NONE,)
    value = (number(row.run.metrics[key]), "text")
    return (((f"{safe(key, 12)} ", "dim"), value),) if named else ((value,),)


def _code(row: EnvironmentRow, unread: frozenset[str]) -> Cell:
    code = row.code
    if code is None and unread & _OF_CODE:
        return (READING, (("…", "dim"),))
    if code is None:
        return ((("unknown", "unknown"),), (("unknown", "unknown"),), (("?", "unknown"),))
    commit = (short(code.commit), "code")
    if "git" in unread:
        return ((commit, (" …", "dim")), (commit,))
    if code.status is not CodeStatus.OK:
        glyph, word, role = _FLAGS[code.status]
        behind = f"↓{code.behind} " if code.behind else ""
        return (
            (commit, (f" {behind}", "text"), (f"{glyph} {word}", role)),
            (commit, (f" {glyph} {word}", role)),
            (commit, (f" {glyph}", role)),
        )
    if code.behind is None:
        return ((commit,),)
    main = safe(code.main or "main", 16)
    if code.behind == 0:
        return ((commit, (f" = {main}", "dim")), (commit, (" =", "dim")))
    return (
        (commit, (f" ↓{code.behind}", "warn"), (f" {main}", "dim")),
        (commit, (f" ↓{code.behind}", "warn")),
    )


def _datasets(data: Sequence[DataFacts]) -> int:
    """Count data sets: a file that DVC tracks and MLflow recorded as a run's input is one."""
    recorded = [item.source or "" for item in data if item.kind == "mlflow"]
    tracked = [item.name for item in data if item.kind == "dvc"]
    alone = [path for path in tracked if not any(f"/{source}".endswith(f"/{path}") for source in recorded)]
    return len(recorded) + len(alone)


def _data(row: EnvironmentRow, unread: frozenset[str]) -> Cell:
    if not row.data and unread:
        return (READING, (("…", "dim"),))
    if not row.data:
        return ((("unknown", "unknown"),), (("unknown", "unknown"),), (("?", "unknown"),))
    first = max(row.data, key=lambda data: data.newer)
    digest = (short(first.digest), "data")
    newer = first.newer  # a dataset may be recorded by MLflow and by DVC: one change is not two
    others = _datasets(row.data) - 1
    more = f" +{others}" if others else ""
    news = (f" {newer} newer", "warn") if newer else ("" if unread else " newest", "dim")
    brief = (f" ↑{newer}", "warn") if newer else ("" if unread else " =", "dim")
    name = (f"{safe(first.name, 18)} ", "dim")
    return ((name, digest, (more, "dim"), news), (digest, news), (digest, brief))


def _health(row: EnvironmentRow) -> Cell:
    glyph, role = HEALTH[row.health]
    how = health_word(row.health, row.observed.detail if row.observed else None)
    word: tuple[str, str] = (f" {how}", "text" if row.health is Health.HEALTHY else role)
    latency = row.observed.latency_ms if row.observed else None
    took = f" {latency:.0f} ms" if latency is not None else ""
    return ((((glyph, role), word, (took, "dim"))), ((glyph, role), word), ((glyph, role),))


# -- attention --------------------------------------------------------------------------------------------


def pressing(answer: LiveAnswer, unread: frozenset[str] = frozenset()) -> list[Attention]:
    """Return what deserves attention in all environments, the most pressing first; stale sources are told
    once, by :func:`troubled`, and nothing is called missing while a source is ``unread``."""
    order = {code: rank for rank, code in enumerate(ATTENTION)}
    untold = _UNTIL_READ if unread else frozenset()
    found = [
        item
        for row in answer.environments
        for item in row.attention
        if item.code not in untold and not _is_of_a_source(item)
    ]
    return sorted(found, key=lambda item: order.get(item.code, len(order)))


def _is_of_a_source(item: Attention) -> bool:
    return item.code == "stale-source" and (" not current: " in item.message)


def lineage_of(item: Attention, row: EnvironmentRow | None) -> str:
    """Return the reference of what an attention item is about: a commit, a dataset, an environment."""
    if row is not None and row.code is not None and item.code in _ABOUT_CODE:
        return f"commit:{row.code.commit}"
    newer = next((data for data in row.data if data.newer), None) if row is not None else None
    if newer is not None and item.code == "newer-data":
        return f"data:{newer.digest}"
    return f"env:{item.environment}/{item.model}"


def troubled(sources: Iterable[SourceStatus]) -> list[tuple[SourceStatus, ...]]:
    """Return the sources that failed, are stale or carry a warning, those with one cause together."""
    bad = (Freshness.FAILED, Freshness.STALE)
    return by_cause(
        source
        for source in sources
        if source.status in bad or (source.detail and source.status is Freshness.OK)
    )


def trouble_line(alike: Sequence[SourceStatus], now: datetime) -> tuple[Span, Line]:
    """Draw troubled sources of one cause in full: what, since when, why, and what to do."""
    source = min(alike, key=lambda one: one.as_of or now)
    glyph, role = FRESHNESS[source.status]
    if source.status is Freshness.OK:
        glyph, role, state = "!", "warn", ""
    elif source.status is Freshness.FAILED:
        state = "could not be read"
    else:
        state = f"stale, read {age(source.as_of, now)} ago"
    reason = safe((source.detail or "").rstrip("."), 600)
    remedy = f" — {safe(source.remedy, 600)}" if source.remedy else ""
    return (glyph, role), (
        (f"{safe(names_of(alike), 60)} ", "strong"),
        (f"{state}{': ' if reason and state else ''}", role),
        (reason, "text"),
        (remedy, "dim"),
    )
