"""The side panel of Runs: all that is known of the selected run, as facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.cells import cell_len

from mlops_dash.answers.curves import curve
from mlops_dash.answers.run_shapes import RunRow, RunWhole
from mlops_dash.answers.shapes import DataFacts, RunFacts
from mlops_dash.domain.metrics import MetricRules, direction, primary_metric
from mlops_dash.domain.recorded import PREFIX
from mlops_dash.ui.screens.runs_cells import LIVE, REGISTERED, STATUS, took_text
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.widgets.lines import fit
from mlops_dash.ui.wording import Line, Span, ago, moment, number, plural, safe, short, sparkline, version

_MOST = 200  # metrics, parameters or tags that are listed
_KEY = 22  # cells of the longest key that values are aligned after
_LONG = 240  # characters of a value that are laid out; it is copied whole
_LEAST_CURVE = 4  # cells
_BETTER = {"min": "↓", "max": "↑"}


def whole_facts(whole: RunWhole, now: datetime, rules: MetricRules, *, width: int = 60) -> Iterator[Fact]:
    """Yield the facts of a run: where it is live, how it went, what it came from.

    Args:
        whole: the run.
        now: the present.
        rules: tell which metric stands for it and which way each is better.
        width: cells for a value; curves are as long as that allows.
    """
    run = whole.run
    yield Fact("run", ((safe(run.run_id, 80), "run"),), run.run_id, f"run:{run.run_id}")
    yield from _where(whole)
    yield _went(run, now)
    yield Fact("experiment", ((safe(run.experiment, 200), "text"),), run.experiment)
    yield from _source(run)
    yield Fact("", ())
    yield from _metrics(whole, rules, width)
    yield from _pairs("params", list(run.params.items()))
    yield Fact("", ())
    yield from _code(whole)
    for data in whole.data:
        yield _data(data)
    if not whole.data:
        yield Fact("data", (("no dataset was recorded", "unknown"),))
    own = {key: value for key, value in whole.tags.items() if not key.startswith(("mlflow.", PREFIX))}
    if own:
        yield Fact("", ())
        yield from _pairs("tags", list(own.items()))
    for label, prefix in (("recorded", PREFIX), ("mlflow", "mlflow.")):
        theirs = [
            (key.removeprefix(prefix), value) for key, value in whole.tags.items() if key.startswith(prefix)
        ]
        if theirs:
            yield Fact("", ())
            yield from _pairs(label, theirs, "dim")


def row_facts(row: RunRow, now: datetime) -> Iterator[Fact]:
    """Yield what the table knows of a run already, until all of it is there."""
    run = RunFacts(
        row.run_id, row.name, row.experiment, row.status, row.user, row.started_at, row.ended_at, row.deleted
    )
    yield Fact("run", ((safe(row.run_id, 80), "run"),), row.run_id, f"run:{row.run_id}")
    yield _went(run, now)
    yield Fact("experiment", ((safe(row.experiment, 200), "text"),), row.experiment)


def _where(whole: RunWhole) -> Iterator[Fact]:
    for environment in whole.live:
        yield Fact("live", (LIVE, (f" {safe(environment, 60)}", "good")), environment)
    for model, number_ in whole.versions:
        ref = f"models:/{model}/{number_}"
        spans: Line = (REGISTERED, (f" {safe(model, 60)} ", "text"), (version(number_, 30), "strong"))
        yield Fact("model", spans, ref, ref)


def _went(run: RunFacts, now: datetime) -> Fact:
    glyph, role = STATUS.get(run.status, ("?", "unknown"))
    spans: list[Span] = [(f"{glyph} " if glyph.strip() else "", role), (safe(run.status.lower(), 20), role)]
    if run.deleted:
        spans.append((" · deleted", "warn"))
    if run.started_at is not None:
        spans.append((f" · {ago(run.started_at, now)}", "text"))
        if run.ended_at is not None or run.status == "RUNNING":
            took = took_text((run.ended_at or now) - run.started_at)
            spans.append((f" · {'took' if run.ended_at else 'for'} {took}", "text"))
    if run.user:
        spans.append((f" · {safe(run.user, 40)}", "dim"))
    if run.started_at is not None:
        spans.append((f" · {moment(run.started_at)} UTC", "dim"))
    times = " to ".join(t.isoformat() for t in (run.started_at, run.ended_at) if t is not None)
    return Fact("status", tuple(spans), f"{run.status.lower()} {times}".strip())


def _source(run: RunFacts) -> Iterator[Fact]:
    if run.source_name:
        yield Fact("source", ((safe(run.source_name, _LONG), "text"),), run.source_name)


def _metrics(whole: RunWhole, rules: MetricRules, width: int) -> Iterator[Fact]:
    metrics = whole.run.metrics
    first = primary_metric(metrics, rules)
    keys = sorted(metrics, key=lambda key: (key != first, key not in whole.curves, key))
    shown = keys[:_MOST]
    wide = min(_KEY, max((cell_len(safe(key, _KEY)) for key in shown), default=0))
    values = {key: number(metrics[key]) for key in shown}
    cells = max(map(len, values.values()), default=0)
    room = width - wide - 3 - cells - 2
    for key in shown:
        better = _BETTER.get(direction(key, rules) or "", " ")
        line: list[Span] = [
            *fit(((safe(key, _KEY), "dim"),), wide),
            (" ", "text"),
            (f"{better} ", "dim"),
            (f"{values[key]:>{cells}}", "strong" if key == first else "text"),
        ]
        if len(points := whole.curves.get(key, ())) > 1 and room >= _LEAST_CURVE:
            line.append((f"  {sparkline(curve(points, room))}", "accent"))
        yield Fact("metrics", tuple(line), f"{key}={metrics[key]!r}")
    if len(keys) > _MOST:
        every = "\n".join(f"{key}={metrics[key]!r}" for key in keys)
        yield Fact("metrics", ((f"+{len(keys) - _MOST:,} more; y copies all", "dim"),), every)
    if not keys:
        yield Fact("metrics", (("none was logged", "unknown"),))
    yield Fact("", ())


def _pairs(label: str, pairs: Sequence[tuple[str, str]], role: str = "text") -> Iterator[Fact]:
    """Yield a line for each key and value, aligned; what is long is cut here and copied whole."""
    shown = pairs[:_MOST]
    wide = min(_KEY, max((cell_len(safe(key, _KEY)) for key, _ in shown), default=0))
    for key, value in shown:
        spans = [*fit(((safe(key, _KEY), "dim"),), wide), ("  ", "text"), (safe(value, _LONG), role)]
        if len(value) > _LONG:
            spans.append((f" {len(value):,} characters; y copies all", "dim"))
        yield Fact(label, tuple(spans), value)
    if len(pairs) > _MOST:
        every = "\n".join(f"{key}={value}" for key, value in pairs)
        yield Fact(label, ((f"+{len(pairs) - _MOST:,} more; y copies all", "dim"),), every)
    if not pairs:
        yield Fact(label, (("none was logged", "unknown"),))


def _code(whole: RunWhole) -> Iterator[Fact]:
    if whole.code is None:
        yield Fact("code", (("no commit was recorded", "unknown"),))
    else:
        yield Fact("code", ((short(whole.code, 12), "code"),), whole.code, f"commit:{whole.code}")


def _data(data: DataFacts) -> Fact:
    line: list[Span] = [(safe(data.name, 80), "text"), (f" {short(data.digest, 8)}", "data")]
    line += [(f" · {safe(part, 60)}", "dim") for part in (data.kind, data.context, data.source) if part]
    if data.newer:
        line.append((f" · {plural(data.newer, 'newer version')}", "warn"))
    return Fact("data", tuple(line), data.digest, f"data:{data.digest}")
