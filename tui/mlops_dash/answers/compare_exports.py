"""Comparisons for other programs: the JSON that is promised, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlops_dash.answers.compare_frames import OWN, column_names, compare_rows
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
Table = tuple[list[str], list[list[Any]]]

_LONG = (
    "kind", "key", "differs", "better", "item", "ref", "label", "baseline", "value", "number", "delta",
)  # fmt: skip


def write_comparison(path: Path, answer: CompareAnswer, *, differences: bool = False) -> Path:
    """Write a comparison to a file, whole or not at all, as its name ends: csv, json, md or parquet.

    Returns:
        The whole path.

    Raises:
        UsageError: the name does not say how.
        DashError: it could not be written.
    """
    from mlops_dash.answers.table_files import write_table

    shape = long_table if path.suffix.lower() == ".parquet" else wide_table
    document = compare_object(answer, differences=differences)
    return write_table(path, *shape(answer, differences=differences), document=document)


def wide_table(answer: CompareAnswer, *, differences: bool = False) -> Table:
    """Return one row for each metric, parameter, dataset, package, part of the signature and tag, with a
    column for each item."""
    rows = [
        [kind, key, differs, better, *values]
        for kind, key, differs, better, values in compare_rows(answer)
        if differs or not differences
    ]
    return [*OWN, *column_names(answer)], rows


def long_table(answer: CompareAnswer, *, differences: bool = False) -> Table:
    """Return one row for each value of each item, so that every column is of one type: metrics stand in
    ``number`` with their ``delta``, the rest in ``value``."""
    deltas = {line.key: line.deltas for line in answer.metrics}
    rows = []
    for kind, key, differs, better, values in compare_rows(answer):
        if differences and not differs:
            continue
        metric = kind == "metric"
        for place, (item, value) in enumerate(zip(answer.items, values, strict=True)):
            told = [place, item.ref, item.label, place == answer.baseline]
            measured = [None, value, deltas[key][place]] if metric else [value, None, None]
            rows.append([kind, key, differs, better, *told, *measured])
    return list(_LONG), rows


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
