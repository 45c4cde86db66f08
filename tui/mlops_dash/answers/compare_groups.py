"""Repeats: runs that were made alike but for chance, and how far their metrics spread."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from mlops_dash.answers.compare_metrics import by_name
from mlops_dash.answers.compare_shapes import Group, Spread
from mlops_dash.answers.shapes import RunFacts
from mlops_dash.domain.metrics import can_be_ranked

_CAMEL = re.compile(r"([a-z0-9])([A-Z])")


def is_seed(key: str) -> bool:
    """Tell whether a parameter only feeds chance: ``seed``, ``model__random_state``, ``dataSeed``."""
    words = re.split(r"[^a-z0-9]+", _CAMEL.sub(r"\1_\2", key).lower().strip("_"))
    return words[-1] in ("seed", "seeds", "randomstate", "randomseed") or words[-2:] == ["random", "state"]


def groups(
    runs: Sequence[RunFacts | None], commits: Sequence[str | None], data: Sequence[frozenset[str]]
) -> tuple[Group, ...]:
    """Return the groups of repeats among items.

    Items are repeats of each other where their runs are different ones of the same experiment, commit and
    data, and their parameters are equal but for seeds. Runs of which neither is known repeat nothing.

    Args:
        runs: the run of each item.
        commits: its commit.
        data: digests of its data.
    """
    found: dict[object, list[int]] = defaultdict(list)
    for place, (run, commit, digests) in enumerate(zip(runs, commits, data, strict=True)):
        if run is None or not (run.params or commit):
            continue
        params = frozenset((key, value) for key, value in run.params.items() if not is_seed(key))
        found[run.experiment, commit, digests, params].append(place)
    made: list[Group] = []
    for places in found.values():
        different = {run.run_id: run for place in places if (run := runs[place]) is not None}
        if len(different) > 1:
            made.append(Group(tuple(places), spreads([run.metrics for run in different.values()])))
    return tuple(made)


def spreads(values: Sequence[Mapping[str, float]]) -> tuple[Spread, ...]:
    """Return mean and sample deviation of every metric; values that cannot be ranked do not count."""
    columns: dict[str, list[float]] = defaultdict(list)
    for metrics in values:
        for key, value in metrics.items():
            if can_be_ranked(value):
                columns[key].append(value)
            else:
                columns[key] += ()
    return tuple(_spread(key, columns[key]) for key in sorted(columns, key=by_name))


def _spread(key: str, values: Sequence[float]) -> Spread:
    count = len(values)
    if not count:
        return Spread(key, None, None, 0)
    try:
        mean = math.fsum(values) / count
    except OverflowError:
        mean = math.fsum(value / count for value in values)
    mean = min(max(mean, min(values)), max(values))  # rounding would set it apart from values that are equal
    if count < 2:
        return Spread(key, mean, None, 1)
    largest = max(abs(value - mean) for value in values)
    if largest == 0 or not math.isfinite(largest):
        return Spread(key, mean, 0.0 if largest == 0 else None, count)
    squares = math.fsum(((value - mean) / largest) ** 2 for value in values)  # scaled: no square overflows
    return Spread(key, mean, largest * math.sqrt(squares / (count - 1)), count)
