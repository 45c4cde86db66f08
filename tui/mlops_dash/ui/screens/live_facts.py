"""The detail panel of Live: everything known of one environment, as facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_dash.answers.shapes import DataFacts, EnvironmentRow
from mlops_dash.domain.environments import Basis, CodeStatus
from mlops_dash.domain.rebuilds import Level
from mlops_dash.ui.action_words import badge
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.wording import (
    HEALTH,
    READING,
    Line,
    ago,
    health_word,
    moment,
    number,
    plural,
    safe,
    short,
    sparkline,
    version,
)

if TYPE_CHECKING:
    from mlops_dash.answers.versions import VersionsAnswer

_GLYPHS = {Level.HOLDS: ("✓ ", "good"), Level.WEAK: ("◐ ", "dim"), Level.MISSING: ("✗ ", "warn")}
_CODE_WORDS = {
    CodeStatus.DIRTY: "the working tree had changes that no commit holds",
    CodeStatus.MISSING: "the commit is not in this repository",
    CodeStatus.UNREACHABLE: "the commit is on no branch or tag",
    CodeStatus.UNKNOWN: "could not be looked up",
}
_METRICS_SHOWN = 12
_PARAMS_SHOWN = 12


def environment_facts(
    row: EnvironmentRow,
    now: datetime,
    unread: frozenset[str] = frozenset(),
    *,
    airy: bool = False,
    curve: VersionsAnswer | None = None,
) -> Iterator[Fact]:
    """Yield the facts of an environment in the order of interest.

    Args:
        row: the environment.
        now: the present.
        unread: the sources whose first reading is under way: what they would tell is not missing yet.
        airy: part what belongs together from the rest by an empty line.
        curve: the answer that holds the history of the run's metric, once it was asked for.
    """
    gap = [Fact("", ())] if airy else []
    yield _serving(row, now)
    yield from _declared(row)
    yield from _address(row)
    yield from gap
    yield from _run(row, now, unread, curve)
    yield from gap
    yield from _code(row, now, unread)
    for data in row.data:
        yield _data(data, now, unread)
    if not row.data:
        yield Fact("data", READING if unread else (("no dataset was recorded with this run", "unknown"),))
    yield from gap
    yield from _rebuild(row, unread)


def _ref(row: EnvironmentRow) -> str | None:
    shown = row.declared.version if row.live is None and row.declared is not None else row.live
    return f"models:/{row.model}/{shown}" if shown else None


def _serving(row: EnvironmentRow, now: datetime) -> Fact:
    seen = row.observed
    if row.live is None:
        asked = "not asked yet" if seen is None else "not known: the target did not say"
        return Fact("live", (("? ", "unknown"), (asked, "unknown")), row.environment)
    line: list[tuple[str, str]] = [(version(row.live), "strong")]
    if row.basis is Basis.OBSERVED and seen is not None:
        line.append((f" observed {ago(seen.asked_at, now)}", "text"))
    else:
        line.append((" declared; there is nothing to ask which version it serves", "text"))
    if row.declared is not None:
        line.append((f" {'≠' if row.drift else '·'} {_says(row)}", "bad" if row.drift else "dim"))
    since = f" · since {moment(row.since)}" if row.since else ""
    by = f" by {safe(row.by, 40)}" if row.by else ""
    line.append((since + by, "dim"))
    return Fact("live", tuple(line), _ref(row) or row.environment, _ref(row))


def _says(row: EnvironmentRow) -> str:
    assert row.declared is not None
    via, name = safe(row.declared.via, 20), safe(row.declared.alias, 60)
    if row.declared.version == row.live and row.declared.alias == row.environment:
        return f"as the {'GTO tag' if via == 'gto' else via} says"
    return f"{via} {name} says {version(row.declared.version)}"


def _declared(row: EnvironmentRow) -> Iterator[Fact]:
    """Where nothing is known to be live: whose facts stand below."""
    if row.live is None and row.declared is not None:
        line: list[tuple[str, str]] = [(version(row.declared.version), "strong")]
        if row.of_declared:
            line.append((" its facts stand below", "text"))
        line.append((f" · {_says(row)}", "dim"))
        yield Fact("declared", tuple(line), _ref(row), _ref(row))


def _address(row: EnvironmentRow) -> Iterator[Fact]:
    seen = row.observed
    glyph, role = HEALTH[row.health]
    line: list[tuple[str, str]] = [
        (f"{glyph} {health_word(row.health, seen.detail if seen else None)}", role)
    ]
    if seen is not None and seen.latency_ms is not None:
        line.append((f" {seen.latency_ms:.0f} ms", "dim"))
    if seen is not None and seen.address:
        line.append((f" · {safe(seen.address)}", "text"))
    line.append((f" · {safe(row.target, 30)} target", "dim"))
    if seen is not None and seen.detail:
        detail = safe(seen.detail.removeprefix("starting: "), 800)
        line.append((f" · {detail}", "text" if row.health.value == "healthy" else role))
    copy = seen.address or seen.detail if seen is not None else None
    yield Fact("serving", tuple(line), copy or row.health.value)


def _run(
    row: EnvironmentRow, now: datetime, unread: frozenset[str], curve: VersionsAnswer | None
) -> Iterator[Fact]:
    run = row.run
    if run is None:
        yield Fact("run", READING if "tracking" in unread else (("not known", "unknown"),))
        return
    when = run.ended_at or run.started_at
    tail = "".join(
        (
            f" · {safe(run.experiment, 60)}",
            f" · {ago(when, now)}" if when else "",
            f" · {safe(run.user, 40)}" if run.user else "",
        )
    )
    gone: Line = ((" deleted", "warn"),) if run.deleted else ()
    line = ((safe(run.name, 80), "strong"), (f" {short(run.run_id, 8)}", "run"), *gone, (tail, "dim"))
    yield Fact("run", line, run.run_id, f"run:{run.run_id}")
    yield from _metrics(row)
    yield from _history(curve)
    if run.params:
        shown = list(run.params.items())
        spans: list[tuple[str, str]] = []
        for key, value in shown[:_PARAMS_SHOWN]:
            spans += [(f"{safe(key, 40)} ", "dim"), (f"{safe(value, 60)}   ", "text")]
        if len(shown) > _PARAMS_SHOWN:
            spans.append((f"+{len(shown) - _PARAMS_SHOWN} more", "dim"))
        yield Fact("params", tuple(spans), "\n".join(f"{key}={value}" for key, value in shown))


def _metrics(row: EnvironmentRow) -> Iterator[Fact]:
    assert row.run is not None
    first = row.primary_metric
    keys = sorted(row.run.metrics, key=lambda key: (key != first, key))
    if not keys:
        return
    spans: list[tuple[str, str]] = []
    for key in keys[:_METRICS_SHOWN]:
        role = "strong" if key == first else "text"
        spans += [(f"{safe(key, 40)} ", "dim"), (f"{number(row.run.metrics[key])}   ", role)]
    if len(keys) > _METRICS_SHOWN:
        spans.append((f"+{len(keys) - _METRICS_SHOWN} more", "dim"))
    yield Fact("metrics", tuple(spans), "\n".join(f"{key}={row.run.metrics[key]!r}" for key in keys))


def _history(curve: VersionsAnswer | None) -> Iterator[Fact]:
    """How the metric went while the run was training, where it was logged more than once."""
    if curve is None or curve.metric is None or len(curve.curve) < 2:
        return
    first, last = curve.curve[0], curve.curve[-1]
    line = (
        (f"{safe(curve.metric, 40)} ", "dim"),
        (sparkline(curve.curve), "run"),
        (f" {number(first)} → {number(last)} in {plural(curve.logged, 'value')}", "dim"),
    )
    yield Fact("history", line, " ".join(f"{value!r}" for value in curve.curve))


def _code(row: EnvironmentRow, now: datetime, unread: frozenset[str]) -> Iterator[Fact]:
    code = row.code
    if code is None:
        known = not unread & {"tracking", "git"}
        yield Fact("code", (("no commit was recorded with this run", "unknown"),) if known else READING)
        return
    if "git" in unread:
        yield Fact(
            "code", ((code.commit, "code"), (" · ", "dim"), *READING), code.commit, f"commit:{code.commit}"
        )
        return
    line: list[tuple[str, str]] = [(short(code.commit), "code")]
    if code.subject:
        line.append((f" {safe(code.subject, 200)}", "text"))
    who = [safe(code.author, 60)] if code.author else []
    who += [ago(code.committed_at, now)] if code.committed_at else []
    if who:
        line.append((f" · {' · '.join(who)}", "dim"))
    main = safe(code.main or "main", 40)
    if code.behind:
        line.append((f" · {plural(code.behind, 'commit')} behind {main}", "warn"))
    elif code.behind == 0:
        line.append((f" · at {main}", "dim"))
    if code.ahead:
        line.append((f" · {code.ahead} ahead", "dim"))
    if code.status in _CODE_WORDS:
        line.append((f" · {code.status.value}: {_CODE_WORDS[code.status]}", "warn"))
    yield Fact("code", tuple(line), code.commit, f"commit:{code.commit}")


def _data(data: DataFacts, now: datetime, unread: frozenset[str]) -> Fact:
    line: list[tuple[str, str]] = [(safe(data.name, 80), "text"), (f" {short(data.digest, 8)}", "data")]
    line.append((f" · {safe(data.kind, 12)}", "dim"))
    if data.context:
        line.append((f" {safe(data.context, 30)}", "dim"))
    if data.newer:
        newest = (
            f" ({short(data.newest_digest, 8)}, {ago(data.newest_at, now)})" if data.newest_digest else ""
        )
        line.append((f" · {data.newer} newer{newest}", "warn"))
    elif not unread:
        line.append((" · newest", "dim"))
    if data.source:
        line.append((f" · {safe(data.source, 120)}", "dim"))
    return Fact("data", tuple(line), data.digest, f"data:{data.digest}")


def _rebuild(row: EnvironmentRow, unread: frozenset[str]) -> Iterator[Fact]:
    able = row.rebuildable
    if unread and not able.ready:
        yield Fact("rebuild", READING)
        return
    came: Line = ((" · rebuilt: ", "dim"), *badge(row.rebuilt)) if row.rebuilt is not None else ()
    count = f"{able.held} of {len(able.checks)} hold" if able.checks else ""
    if row.of_declared and row.declared is not None:
        count = f"{version(row.declared.version)}, as declared{' · ' if count else ''}{count}"
    if able.ready:
        head: Line = (("✓ can be rebuilt", "good"), (f" · {count}" if count else "", "dim"), *came)
    else:
        missing = ", ".join(safe(item, 120) for item in able.missing) or "something is missing"
        head = (("✗ ", "warn"), (f"{count} · " if count else "", "dim"), (missing, "warn"), *came)
    text = "\n".join(f"{check.level.value}: {check.name}: {check.evidence}" for check in able.checks)
    yield Fact("rebuild", head, text or ("ready" if able.ready else ", ".join(able.missing)))
    for check in able.checks:
        why = check.evidence
        if check.remedy and check.level is not Level.HOLDS:
            why += f" · {check.remedy}"
        line = (_GLYPHS[check.level], (safe(check.name, 60), "text"), (f"  {safe(why, 300)}", "dim"))
        yield Fact("rebuild", line, f"{check.name}: {why}")
