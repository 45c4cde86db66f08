"""Which histories of metrics must be read to draw their curves, and the answer that holds them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import Any

from mlops_dash.answers.compare_shapes import Curve, CurvePoint, CurvesAnswer
from mlops_dash.store.histories import FINEST, MOST_POINTS, Histories, Pair

MOST_CURVES = 1000
"""Curves of one answer; what is asked for after them is left out, and the answer says so."""
_ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})


def pairs_of(run_ids: Sequence[str], keys: Sequence[str]) -> tuple[list[Pair], str | None]:
    """Return which curves are asked for, and what a person should know where not all can be answered."""
    pairs = [(run_id, key) for run_id in dict.fromkeys(run_ids) for key in dict.fromkeys(keys)]
    if len(pairs) <= MOST_CURVES:
        return pairs, None
    return pairs[:MOST_CURVES], f"{len(pairs):,} curves are asked for, {MOST_CURVES:,} are read"


def fineness(curves: int, points: int) -> tuple[int, int]:
    """Return how many points of each curve are answered and how many are kept, so that all have room."""
    kept = min(FINEST, MOST_POINTS // max(1, curves))
    return max(4, min(points, kept)), kept


def tokens_of(pairs: Iterable[Pair], states: Iterable[tuple[Any, ...]]) -> dict[Pair, Hashable | None]:
    """Return what tells each curve from an older state of it.

    ``None`` where only reading it tells: its run goes on, or is not known. Curves of known runs that do not
    have the metric are left out.

    Args:
        states: the rows of ``queries/history_states.sql``.
    """
    of_runs: dict[str, bool] = {}
    latest: dict[Pair, Hashable] = {}
    for run_id, key, status, *rest in states:
        of_runs[run_id] = status in _ENDED
        if key is not None:
            latest[run_id, key] = (status, *map(repr, rest))  # a NaN is not equal to itself
    return {
        pair: latest.get(pair) if of_runs.get(pair[0]) else None
        for pair in pairs
        if pair in latest or pair[0] not in of_runs
    }


def curves_answer(
    held: Histories, pairs: Iterable[Pair], points: int, as_of: datetime, problem: str | None
) -> CurvesAnswer:
    """Answer with the curves that are held, in the order of ``pairs``; those without points are left out.

    Raises:
        StoreError: they cannot be read.
    """
    wanted = list(pairs)
    found = {
        pair: Curve(*pair, tuple(CurvePoint(*point) for point in thinned), logged)
        for pair, logged, thinned in held.thinned(wanted, points)
    }
    return CurvesAnswer(as_of, tuple(found[pair] for pair in wanted if pair in found), problem)
