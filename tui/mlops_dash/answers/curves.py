"""A metric's history as a line short enough to be seen at a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence

POINTS = 24


def curve(values: Sequence[float | None], points: int = POINTS) -> tuple[float, ...]:
    """Return at most ``points`` values, oldest first: the first and the last of ``values``, and between them
    the means of equal stretches.

    Values that are missing or not finite are left out; a stretch of nothing else is, too.
    """
    size = max(1, math.ceil(len(values) / points))
    stretches = (values[start : start + size] for start in range(0, len(values), size))
    finite = ([value for value in some if value is not None and math.isfinite(value)] for some in stretches)
    # divided before they are added: the sum of two doubles may be none
    means = [sum(value / len(some) for value in some) for some in finite if some]
    ends = [value for value in values if value is not None and math.isfinite(value)]
    if means:
        means[0], means[-1] = ends[0], ends[-1]
    return tuple(means)
