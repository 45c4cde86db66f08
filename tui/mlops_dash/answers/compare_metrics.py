"""Metrics side by side: what differs from the baseline, by how much, and which side is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mlops_dash.answers.compare_shapes import MetricLine
from mlops_dash.domain.metrics import MetricRules, can_be_ranked, direction, primary_metric

Metrics = Mapping[str, float]


def metric_lines(
    values: Sequence[Metrics | None], baseline: int, rules: MetricRules
) -> tuple[MetricLine, ...]:
    """Return a line for every metric that an item has: the one that stands for a model first, then by name.

    Args:
        values: the metrics of each item; ``None`` where nothing is known of it.
        baseline: place of the item that the others are compared with.
    """
    keys = sorted({key for metrics in values if metrics for key in metrics}, key=by_name)
    first = primary_metric(keys, rules)
    if first is not None:
        keys.remove(first)
        keys.insert(0, first)
    known = [metrics is not None for metrics in values]
    columns = [metrics or {} for metrics in values]
    return tuple(_line(key, [m.get(key) for m in columns], known, baseline, rules) for key in keys)


def by_name(key: str) -> tuple[str, str]:
    """Sort as a person does: upper and lower case together."""
    return (key.casefold(), key)


def delta(value: float | None, base: float | None) -> float | None:
    """Return how much ``value`` is above ``base``; ``None`` where one is missing or cannot be ranked."""
    if value is None or base is None or not can_be_ranked(value) or not can_be_ranked(base):
        return None
    found = value - base
    return found if math.isfinite(found) else None


def _line(
    key: str, values: Sequence[float | None], known: Sequence[bool], baseline: int, rules: MetricRules
) -> MetricLine:
    better, base = direction(key, rules), values[baseline]
    deltas = tuple(delta(value, base) for value in values)
    first = values[known.index(True)]
    differs = any(not same(value, first) for value, is_known in zip(values, known, strict=True) if is_known)
    return MetricLine(
        key=key,
        values=tuple(values),
        deltas=deltas,
        relative=tuple(_relative(change, base) for change in deltas),
        better=better,
        best=_best(values, better),
        differs=differs,
    )


def same(one: float | None, other: float | None) -> bool:
    """Tell whether two values are equal, to the last bit; NaN equals NaN."""
    if one is None or other is None:
        return one is other
    return one == other or (math.isnan(one) and math.isnan(other))


def _relative(change: float | None, base: float | None) -> float | None:
    if change is None or not base:
        return None
    found = change / abs(base)
    return found if math.isfinite(found) else None


def _best(values: Sequence[float | None], better: str | None) -> tuple[int, ...]:
    ranked = [value for value in values if value is not None and can_be_ranked(value)]
    if better is None or len(set(ranked)) < 2:
        return ()
    best = min(ranked) if better == "min" else max(ranked)
    return tuple(place for place, value in enumerate(values) if value == best)
