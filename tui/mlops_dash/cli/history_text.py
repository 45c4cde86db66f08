"""Histories as text for a person and as JSON."""

from __future__ import annotations

from typing import Any

from mlops_dash.answers.history import HistoryAnswer
from mlops_dash.answers.history_words import interval, reason_line, what_happened
from mlops_dash.cli.tables import table
from mlops_dash.domain.changes import Change, WasLive
from mlops_dash.ui.wording import version

_COLOURS = {
    "verified": "green", "failed": "red", "refused": "yellow", "unknown": "yellow", "by unknown": "dim",
    "observed": "green", "declared": "dim",
}  # fmt: skip


def changes_text(answer: HistoryAnswer, room: int | None) -> str:
    """Return the changes as a table, newest first, and where evidence begins."""
    if not answer.changes:
        where = f" of {answer.environment}" if answer.environment else ""
        return f"nothing is known{where}: no action, tag, commit or stage tells of a change, nothing was seen"
    columns = ["WHEN (UTC)", "ENVIRONMENT", "MODEL", "FROM", "TO", "WHAT", "OUTCOME", "BY", "EVIDENCE", "WHY"]
    rows = [_row(change) for change in answer.changes]
    return table(columns, rows, colours=_COLOURS, room=room, widest=80)


def was_text(answer: HistoryAnswer, room: int | None) -> str:
    """Return what was live at the moment that was asked about, and on what basis."""
    if not answer.was:
        return "no environments: nothing is known of any"
    rows = [(was.environment, was.model, was_version(was), was.basis, was.words) for was in answer.was]
    columns = ["ENVIRONMENT", "MODEL", "LIVE", "BASIS", "EVIDENCE"]
    return table(columns, rows, colours=_COLOURS, room=room, widest=200)


def was_version(was: WasLive) -> str:
    """Return the version that was live, in words where it is not certain."""
    if was.between is not None:
        return " or ".join(version(one) if one is not None else "nothing" for one in was.between)
    if was.version is None:
        return "unknown" if was.basis == "unknown" else "nothing"
    return version(was.version)


def _row(change: Change) -> tuple[str, ...]:
    return (
        interval(change),
        change.environment,
        change.model,
        version(change.before) if change.before is not None else "–",
        version(change.after) if change.after is not None else "–",
        what_happened(change),
        change.outcome.value if change.outcome is not None else "",
        change.by or "by unknown",
        change.evidence.value,
        reason_line(change),
    )


def history_object(answer: HistoryAnswer) -> dict[str, Any]:
    """Return ``history --json``; with ``--at`` it has ``at`` and ``was_live`` too."""
    document: dict[str, Any] = {"as_of": answer.as_of}
    if answer.at is not None:
        document |= {"at": answer.at, "was_live": [_was(was) for was in answer.was]}
    return document | {
        "changes": [_change(change) for change in answer.changes],
        "sightings": {"kept": answer.unseen is None, "detail": answer.unseen},
        "stale": [{"source": source.name, "as_of": source.as_of} for source in answer.stale],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "at": change.at,
        "not_before": change.not_before,
        "environment": change.environment,
        "model": change.model,
        "aspect": change.aspect,
        "before": change.before,
        "after": change.after,
        "by": change.by,
        "reason": change.reason,
        "evidence": change.evidence,
        "kind": change.kind,
        "outcome": change.outcome,
        "healthy": change.healthy,
        "action_id": change.action_id,
        "undoes": change.undoes,
        "audit_run": change.audit_run,
        "host": change.host,
        "commit": change.commit,
        "also": [
            {"evidence": one.evidence, "aspect": one.aspect, "at": one.at, "not_before": one.not_before}
            for one in change.also
        ],
    }


def _was(was: WasLive) -> dict[str, Any]:
    return {
        "environment": was.environment,
        "model": was.model,
        "version": was.version,
        "between": list(was.between) if was.between is not None else None,
        "basis": was.basis,
        "since": was.since,
        "until": was.until,
        "evidence": was.evidence,
        "evidence_from": was.evidence_from,
        "evidence_until": was.evidence_until,
        "words": was.words,
    }
