"""Several rebuilds of one run: the training's own noise told from a real difference.

With three repeats and more a metric of the original is within the noise if it lies in the prediction
interval of one further observation: mean ± t(0.975, n-1) · s · √(1 + 1/n), which contains a further repeat in
95 of 100 cases if they are normally distributed (Hahn and Meeker, Statistical Intervals, 1991, on prediction
intervals). With two: if it lies in their range, widened by its own width on both sides.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mlops_dash.actions.judging.numbers import compare_metrics, within
from mlops_dash.actions.judging.sides import Side, Tolerances, clean
from mlops_dash.domain.metrics import can_be_ranked
from mlops_dash.domain.rebuilds import Judgement, Verdict

# quantiles 0.975 of Student's t by degrees of freedom, from 2 on (NIST/SEMATECH e-Handbook, 1.3.6.7.2)
_T = (
    4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_T_BEYOND = 2.042  # of 30: a little too wide for more


@dataclass(frozen=True, slots=True)
class Noise:
    """How far a metric spreads among repeats.

    Attributes:
        low, high: of the interval in which a further repeat is expected.
        inside: the original's value lies there, or within tolerance of a repeat.
        varies: the repeats are not all within tolerance of one another.
    """

    name: str
    original: float
    low: float
    high: float
    inside: bool
    varies: bool


def expected(values: Sequence[float]) -> tuple[float, float]:
    """Return the interval in which a further value is expected; see the module.

    Raises:
        ValueError: there are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("noise needs two repeats")
    if not all(can_be_ranked(value) for value in values) or max(values) == min(values):
        return (min(values), max(values))
    if len(values) == 2:
        width = max(values) - min(values)
        return (min(values) - width, max(values) + width)
    count = len(values)
    quantile = _T[count - 3] if count - 3 < len(_T) else _T_BEYOND
    mean = statistics.fmean(values)
    half = quantile * statistics.stdev(values) * math.sqrt(1 + 1 / count)
    return (mean - half, mean + half)


def noise(
    original: Mapping[str, float],
    repeats: Sequence[Mapping[str, float]],
    tolerances: Tolerances | None = None,
) -> tuple[Noise, ...]:
    """Return the noise of every metric that the original and all repeats have and that is compared.

    Raises:
        ValueError: there are fewer than two repeats.
    """
    tolerances = tolerances or Tolerances()
    found = []
    for name in sorted(original):
        if not compare_metrics({name: original[name]}, {}, tolerances).compared:
            continue
        values = [repeat[name] for repeat in repeats if name in repeat]
        if len(values) < len(repeats):
            continue
        low, high = expected(values)
        allowed, value = tolerances.of(name), original[name]
        near = any(within(value, one, allowed) for one in values)
        varies = any(not within(values[0], one, allowed) for one in values[1:])
        found.append(Noise(clean(name), value, low, high, near or low <= value <= high, varies))
    return tuple(found)


def judge_repeats(
    original: Side,
    rebuilt: Sequence[Side],
    judgements: Sequence[Judgement],
    tolerances: Tolerances | None = None,
) -> Judgement:
    """Return one verdict on several repeats, each judged by itself.

    The worst of them stands, unless all that diverged did so within the training's own noise: that is
    equivalent. Where something is missing or a repeat failed, noise explains nothing.

    Raises:
        ValueError: there is none, or not one judgement for each.
    """
    if not judgements or len(judgements) != len(rebuilt):
        raise ValueError("one judgement is needed for each repeat")
    worst = max(judgements, key=lambda one: list(Verdict).index(one.verdict))
    count = len(judgements)
    if count == 1 or worst.verdict is not Verdict.DIVERGED:
        return worst
    spread = noise(original.metrics, [side.metrics for side in rebuilt], tolerances)
    lines = tuple(
        f"{one.name}: original {one.original:.6g}, {count} repeats give {one.low:.6g} to {one.high:.6g}"
        for one in spread
    )
    worst = replace(worst, compared=worst.compared + lines)
    if any(_is_beyond_noise(one) for one in judgements):
        return worst
    told = worst.words.removeprefix("diverged: ")
    if not any(one.varies for one in spread):
        words = f"diverged: {count} repeats agree with one another, so it is no noise: {told}"
        return replace(worst, words=words)
    outside = [one for one in spread if not one.inside]
    if outside:
        first = outside[0]
        words = (
            f"diverged: {first.name} {first.original:.6g} is outside the training's own noise "
            f"({first.low:.6g} to {first.high:.6g} of {count} repeats): {told}"
        )
        return replace(worst, words=words)
    varying = next(one for one in spread if one.varies)
    words = (
        f"equivalent: within the training's own noise; {varying.name} {varying.original:.6g} lies in "
        f"{varying.low:.6g} to {varying.high:.6g} of {count} repeats"
    )
    return replace(worst, verdict=Verdict.EQUIVALENT, words=words)


def _is_beyond_noise(judgement: Judgement) -> bool:
    """Tell whether a repeat diverged in what no noise explains: nothing compared, or something missing."""
    if judgement.verdict is not Verdict.DIVERGED:
        return False
    numbers = [one for one in judgement.outcomes if one.kind in ("metric", "prediction") and not one.within]
    missing = any(one.original is not None and one.rebuilt is None for one in judgement.outcomes)
    return missing or not numbers
