"""What the store remembers besides what it was given in batches: how reading went, what targets answered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_dash.domain.environments import Observation
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.store.questions import statements

if TYPE_CHECKING:
    import duckdb


def write_source(cursor: duckdb.DuckDBPyConnection, status: SourceStatus, position: str | None) -> None:
    """Replace a source's status and position."""
    cursor.execute(statements()["clear_source"], {"name": status.name})
    values = {
        "name": status.name,
        "kind": status.kind,
        "status": status.status.value,
        "as_of": _milliseconds(status.as_of),
        "tried_at": _milliseconds(status.tried_at),
        "counts": status.counts,
        "detail": status.detail,
        "remedy": status.remedy,
        "position": position,
    }
    cursor.execute(statements()["set_source"], values)


def read_sources(rows: list[tuple[Any, ...]]) -> dict[str, tuple[SourceStatus, str | None]]:
    """Return status and position by source from the rows of ``source_states``."""
    return {
        name: (
            SourceStatus(
                name, kind, Freshness(status), _time(as_of), _time(tried_at), counts or "", detail, remedy
            ),
            position,
        )
        for name, kind, status, as_of, tried_at, counts, detail, remedy, position in rows
    }


def write_observations(cursor: duckdb.DuckDBPyConnection, observations: Iterable[Observation]) -> None:
    """Replace what was observed of the same environments and models."""
    for seen in observations:
        key = {"environment": seen.environment, "model": seen.model}
        cursor.execute(statements()["clear_observation"], key)
        values = key | {
            "target": seen.target,
            "asked_at": _milliseconds(seen.asked_at),
            "answered": seen.answered,
            "health": seen.health.value,
            "version": seen.version,
            "run_id": seen.run_id,
            "model_id": seen.model_id,
            "latency_ms": seen.latency_ms,
            "address": seen.address,
            "since": _milliseconds(seen.since),
            "by": seen.by,
            "detail": seen.detail,
        }
        cursor.execute(statements()["save_observation"], values)


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
