"""The JSON of a comparison, as product and tests promise it. Pure: a frozen answer in, plain values out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_dash.answers.compare_shapes import (
    CodeBetween,
    CommitLine,
    CompareAnswer,
    CompareItem,
    DataLine,
    MetricLine,
    TextLine,
)

JsonObject = dict[str, Any]


def compare_object(answer: CompareAnswer, *, differences: bool = False) -> JsonObject:
    """Return ``compare REF REF … --json``.

    ``code`` is what lies between the baseline and the last other item; where there are more than two items,
    ``code_by_item`` has it for each of the others.

    Args:
        differences: leave out the lines in which all items are equal.
    """
    shown = _differing if differences else list
    document: JsonObject = {
        "as_of": answer.as_of,
        "items": [_item(item) for item in answer.items],
        "baseline": answer.baseline,
        "metrics": [_metric(line) for line in shown(answer.metrics)],
        "params": [_text("key", line) for line in shown(answer.params)],
        "data": [_data(line) for line in shown(answer.data)],
        "code": _code(answer.code[-1]) if answer.code else {"commits": [], "files": []},
    }
    if len(answer.items) > 2:
        document["code_by_item"] = [{"item": code.item} | _code(code) for code in answer.code]
    document |= {
        "packages": [_text("name", line) for line in shown(answer.packages)],
        "signature": [_text("key", line) for line in shown(answer.signature)],
        "artifacts": list(answer.artifacts),
        "tags": [_text("key", line) for line in shown(answer.tags)],
        "groups": [
            {
                "items": list(group.items),
                "metrics": [
                    {"key": s.key, "mean": s.mean, "deviation": s.deviation, "count": s.count}
                    for s in group.spreads
                ],
            }
            for group in answer.groups
        ],
    }
    return document


def _differing(lines: Sequence[Any]) -> list[Any]:
    return [line for line in lines if line.differs]


def _item(item: CompareItem) -> JsonObject:
    run, code = item.run, item.code
    return {
        "ref": item.ref,
        "kind": item.kind,
        "label": item.label,
        "note": item.note,
        "environment": item.environment,
        "model": item.model,
        "version": item.version,
        "run_id": item.run_id,
        "run": {
            "run_id": run.run_id,
            "name": run.name,
            "experiment": run.experiment,
            "status": run.status,
            "user": run.user,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "deleted": run.deleted,
        }
        if run is not None
        else None,
        "code": {
            "commit": code.commit,
            "subject": code.subject,
            "author": code.author,
            "committed_at": code.committed_at,
            "behind": code.behind,
            "status": code.status,
        }
        if code is not None
        else None,
    }


def _metric(line: MetricLine) -> JsonObject:
    return {
        "key": line.key,
        "values": list(line.values),
        "deltas": list(line.deltas),
        "relative": list(line.relative),
        "better": line.better,
        "best": list(line.best),
        "differs": line.differs,
    }


def _text(name: str, line: TextLine) -> JsonObject:
    return {name: line.key, "values": list(line.values), "differs": line.differs}


def _data(line: DataLine) -> JsonObject:
    return {
        "name": line.name,
        "kind": line.kind,
        "context": line.context,
        "digests": list(line.digests),
        "sources": list(line.sources),
        "sizes": list(line.sizes),
        "differs": line.differs,
    }


def _code(code: CodeBetween) -> JsonObject:
    """Return what lies between two commits; ``commits`` are those of both sides."""
    return {
        "base": code.base,
        "head": code.head,
        "status": code.status,
        "ahead": code.ahead_count,
        "behind": code.behind_count,
        "commits": [_commit(commit, "ahead") for commit in code.ahead]
        + [_commit(commit, "behind") for commit in code.behind],
        "files": [{"path": f.path, "added": f.added, "removed": f.removed} for f in code.files],
        "left_out": code.left_out,
        "diff": code.diff,
        "cut": code.cut,
        "reason": code.reason,
    }


def _commit(commit: CommitLine, side: str) -> JsonObject:
    return {
        "commit": commit.commit,
        "subject": commit.subject,
        "author": commit.author,
        "committed_at": commit.committed_at,
        "side": side,
    }
