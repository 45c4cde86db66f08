"""The JSON of answers, as product and tests promise it. Pure: frozen answers in, plain values out."""

from __future__ import annotations

from typing import Any

from mlops_dash.answers.shapes import (
    CodeFacts,
    DataFacts,
    EnvironmentRow,
    LiveAnswer,
    ReadinessCheck,
    RunFacts,
    TableAnswer,
    TraceAnswer,
    TraceNode,
)
from mlops_dash.domain.freshness import SourceStatus

JsonObject = dict[str, Any]


def live_object(answer: LiveAnswer) -> JsonObject:
    """Return ``live --json``."""
    return {
        "as_of": answer.as_of,
        "sources": [source_object(source) for source in answer.sources],
        "environments": [_environment(row) for row in answer.environments],
    }


def trace_object(answer: TraceAnswer) -> JsonObject:
    """Return ``trace REF --json``; ``omitted`` is there only where nodes were left out."""
    document: JsonObject = {
        "ref": answer.ref,
        "nodes": [_node(node) for node in answer.nodes],
        "edges": [{"from": edge.source, "to": edge.target, "kind": edge.kind} for edge in answer.edges],
        "live_in": [{"environment": environment, "model": model} for environment, model in answer.live_in],
    }
    if answer.omitted:
        document["omitted"] = answer.omitted
    return document


def table_object(answer: TableAnswer) -> JsonObject:
    """Return ``sql --json``: rows as objects; a column that repeats a name is numbered, ``name_2``."""
    columns: list[str] = []
    for column in answer.columns:
        name, number = column, 1
        while name in columns:
            number += 1
            name = f"{column}_{number}"
        columns.append(name)
    return {"columns": columns, "rows": [dict(zip(columns, row, strict=True)) for row in answer.rows]}


def source_object(source: SourceStatus) -> JsonObject:
    """Return one source of the source strip."""
    return {
        "name": source.name,
        "kind": source.kind,
        "status": source.status,
        "as_of": source.as_of,
        "detail": source.detail,
    }


def _environment(row: EnvironmentRow) -> JsonObject:
    declared, observed = row.declared, row.observed
    answered = observed if observed is not None and observed.answered else None
    known = not row.of_declared  # what is only declared is not said of what is live
    missing = list(row.rebuildable.missing) if known else ["live version"]
    return {
        "environment": row.environment,
        "model": row.model,
        "target": row.target,
        "declared": {"version": declared.version, "alias": declared.alias} if declared else None,
        "observed": {"version": answered.version, "run_id": answered.run_id} if answered else None,
        "live": row.live,
        "basis": row.basis,
        "drift": row.drift,
        "health": row.health,
        "since": row.since,
        "by": row.by,
        "run": _run(row.run) if row.run and known else None,
        "code": _code(row.code) if row.code and known else None,
        "data": [_data(data) for data in row.data] if known else [],
        "rebuildable": {
            "ready": known and row.rebuildable.ready,
            "missing": missing,
            "checks": [_check(check) for check in row.rebuildable.checks] if known else [],
        },
        "attention": [
            {"code": item.code, "message": item.message, "action": item.action} for item in row.attention
        ],
    }


def _check(check: ReadinessCheck) -> JsonObject:
    return {
        "name": check.name,
        "status": check.level,
        "evidence": check.evidence,
        "remedy": check.remedy,
    }


def _run(run: RunFacts) -> JsonObject:
    return {
        "run_id": run.run_id,
        "name": run.name,
        "experiment": run.experiment,
        "metrics": run.metrics,
        "params": run.params,
    }


def _code(code: CodeFacts) -> JsonObject:
    return {
        "commit": code.commit,
        "subject": code.subject,
        "author": code.author,
        "committed_at": code.committed_at,
        "behind": code.behind,
        "status": code.status,
    }


def _data(data: DataFacts) -> JsonObject:
    return {
        "name": data.name,
        "digest": data.digest,
        "source": data.source,
        "kind": data.kind,
        "newer": data.newer,
    }


def _node(node: TraceNode) -> JsonObject:
    own: JsonObject = {"id": node.id, "kind": node.kind, "label": node.label}
    return own | {name: value for name, value in node.facts.items() if name not in own}
