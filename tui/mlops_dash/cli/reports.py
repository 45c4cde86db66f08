"""Answers as text for a person: the same words as on the screens, in aligned lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import structs

from mlops_dash.answers.shapes import EnvironmentRow, LiveAnswer, Rebuildable, TraceAnswer, TraceNode
from mlops_dash.cli.output import paint
from mlops_dash.cli.tables import cell_text, table
from mlops_dash.domain.environments import CodeStatus
from mlops_dash.domain.text import visible
from mlops_dash.ui.wording import age, number, short, version

COLOURS = {
    "healthy": "green", "degraded": "yellow", "down": "red", "unknown": "dim",
    "ok": "green", "stale": "yellow", "failed": "red", "absent": "dim", "warn": "yellow", "fail": "red",
}  # fmt: skip
_LIVE_COLUMNS = (
    "environment", "model", "target", "declared", "observed", "live", "basis", "drift", "health", "since",
    "by", "run_id", "metric", "value", "commit", "code_status", "behind", "data", "newer_data",
    "rebuildable", "attention",
)  # fmt: skip


def live_text(answer: LiveAnswer, room: int | None) -> str:
    """Return the Live board as text; ``room`` is the width of the terminal."""
    parts = []
    if answer.environments:
        columns = ["environment", "model", "live", "metric", "code", "data", "health", "since", "by"]
        rows = [_environment(row, answer.as_of) for row in answer.environments]
        parts.append(table([column.upper() for column in columns], rows, colours=COLOURS, room=room))
    else:
        parts.append("no environments: no registered model has an alias or stage, and no GTO tag assigns one")
    wanting = [
        (f"{row.environment} · {row.model}", item.code, item.message)
        for row in answer.environments
        for item in row.attention
    ]
    if wanting:
        parts.append(table(["ATTENTION", "CODE", "MESSAGE"], wanting, room=room, widest=120))
    sources = [
        (source.name, source.status, age(source.as_of, answer.as_of), source.counts, source.detail)
        for source in answer.sources
    ]
    parts.append(
        table(["SOURCE", "STATUS", "AGE", "HOLDS", "DETAIL"], sources, colours=COLOURS, room=room, widest=120)
    )
    return "\n\n".join(parts)


def live_rows(answer: LiveAnswer) -> tuple[Sequence[str], list[Sequence[Any]]]:
    """Return the Live board as one flat row for each (environment, model)."""
    rows: list[Sequence[Any]] = []
    for row in map(_of_live, answer.environments):
        metrics = row.run.metrics if row.run else {}
        code, observed = row.code, row.observed
        rows.append(
            (
                row.environment, row.model, row.target,
                row.declared.version if row.declared else None,
                observed.version if observed and observed.answered else None,
                row.live, row.basis, row.drift, row.health, row.since, row.by,
                row.run.run_id if row.run else None,
                row.primary_metric, metrics.get(row.primary_metric or ""),
                code.commit if code else None, code.status if code else None, code.behind if code else None,
                " ".join(f"{data.name}:{data.digest}" for data in row.data),
                _newer(row),
                row.rebuildable.ready,
                " ".join(item.code for item in row.attention),
            )
        )  # fmt: skip
    return _LIVE_COLUMNS, rows


def trace_text(answer: TraceAnswer) -> str:
    """Return a lineage as text: each node with its facts and what it came from; the focus is marked."""
    labels = {node.id: node.label for node in answer.nodes}
    came_from: dict[str, list[str]] = {}
    for edge in answer.edges:
        told = f"{edge.kind} → {labels.get(edge.target, edge.target)}"
        came_from.setdefault(edge.source, []).append(visible(told, 200))
    parts = []
    for node in answer.nodes:
        mark = "▌" if node.id == answer.focus else " "
        parts.append(f"{mark}{paint(visible(node.kind), 'cyan')} {paint(visible(node.label, 200), 'bold')}")
        parts += [f"   {line}" for line in _facts(node)]
        parts += [f"   {line}" for line in came_from.get(node.id, [])]
    places = ", ".join(f"{visible(environment)} ({visible(model)})" for environment, model in answer.live_in)
    parts.append(f"\nlive in {places}" if places else "\nlive nowhere that is known")
    return "\n".join(parts)


def _facts(node: TraceNode) -> list[str]:
    shown = {name: value for name, value in node.facts.items() if value not in (None, "", {}, (), [])}
    if not shown:
        return []
    room = max(len(name) for name in shown)
    return [f"{visible(name):<{room}}  {_fact(value)}" for name, value in shown.items()]


def _fact(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{visible(str(key), 60)} {cell_text(item)}" for key, item in list(value.items())[:20]
        )
    if isinstance(value, list | tuple):
        return ", ".join(cell_text(item) for item in value[:20])
    return cell_text(value)


def _of_live(row: EnvironmentRow) -> EnvironmentRow:
    """Leave out what is only that of the declared version: it is not said of what is live."""
    if not row.of_declared:
        return row
    unknown = Rebuildable(False, ("live version",))
    return structs.replace(row, run=None, code=None, data=(), rebuildable=unknown)


def _environment(whole: EnvironmentRow, now: datetime) -> Sequence[str]:
    row = _of_live(whole)
    live = f"{version(row.live)} {row.basis.value}" if row.live is not None else "unknown"
    if row.live is None and row.declared is not None:
        live += f", {version(row.declared.version)} declared"
    if row.drift and row.declared is not None:
        live += f" ≠ {version(row.declared.version)} declared"
    metric = ""
    if row.primary_metric and row.run and row.primary_metric in row.run.metrics:
        metric = f"{row.primary_metric} {number(row.run.metrics[row.primary_metric])}"
    newer = _newer(row)
    data = " ".join(short(item.digest, 8) for item in row.data[:3])
    if len(row.data) > 3:
        data += f" +{len(row.data) - 3}"
    if data:
        data += f", {newer} newer" if newer else ", newest"
    since = age(row.since, now) if row.since else ""
    return (row.environment, row.model, live, metric, _code(row), data, row.health.value, since, row.by or "")


def _newer(row: EnvironmentRow) -> int:
    """Return how many newer versions of its data there are; MLflow and DVC may count the same ones."""
    return max((data.newer for data in row.data), default=0)


def _code(row: EnvironmentRow) -> str:
    code = row.code
    if code is None:
        return ""
    text = short(code.commit)
    if code.status is not CodeStatus.OK:
        return f"{text} {code.status.value}"
    if code.behind is None:
        return text
    return (
        f"{text} ↓{code.behind} {code.main or 'main'}" if code.behind else f"{text} = {code.main or 'main'}"
    )
