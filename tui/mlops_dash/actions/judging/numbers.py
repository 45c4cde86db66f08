"""Numbers of two runs: equal to the last bit, within a tolerance, or apart."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlops_dash.actions.judging.sides import Tolerances, clean
from mlops_dash.domain.rebuilds import Difference, Tolerance

_RESOURCES = re.compile(
    r"(^|[/._ -])(duration|elapsed|runtime|wall_?clock|seconds|secs|throughput|latency|gpu_util\w*|memory)"
    r"($|[/._ -])|(^|[/._ -])time($|[/. -])|_time($|_(s|sec|ms|us|ns|seconds)$)|per_sec(ond)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MetricsCompared:
    """What came of comparing metrics.

    Attributes:
        compared: how many of the original's were looked at.
        differing: those that are not equal to the last bit, missing ones and new ones.
        lines: what was compared and how.
    """

    compared: int
    differing: tuple[Difference, ...]
    lines: tuple[str, ...]


def same(first: float, second: float) -> bool:
    """Tell whether two numbers are equal; NaN equals NaN."""
    return first == second or (first != first and second != second)


def within(original: float, rebuilt: float, tolerance: Tolerance) -> bool:
    """Tell whether a number lies within a tolerance of the original's, see :class:`Tolerance`.

    Of what is no finite number, only the same is within.
    """
    if same(original, rebuilt):
        return True
    apart = abs(original - rebuilt)
    return math.isfinite(apart) and apart <= tolerance.absolute + tolerance.relative * abs(original)


def relative(original: float, rebuilt: float) -> float | None:
    """Return the difference as a part of the original, ``None`` where that says nothing."""
    if not (math.isfinite(original) and math.isfinite(rebuilt)) or original == 0:
        return None
    part = (rebuilt - original) / abs(original)
    return part if math.isfinite(part) else None


def pair(original: float, rebuilt: float) -> tuple[str, str]:
    """Return two numbers as text, with as many digits as tell them apart."""
    for digits in (4, 6, 9, 12):
        first, second = f"{original:.{digits}g}", f"{rebuilt:.{digits}g}"
        if first != second or same(original, rebuilt):
            return first, second
    return repr(original), repr(rebuilt)


def measures_resources(name: str) -> bool:
    """Tell whether a metric measures time or resources by its name: it differs from run to run anyway."""
    return name.startswith("system/") or _RESOURCES.search(name) is not None


def compare_metrics(
    original: Mapping[str, float], rebuilt: Mapping[str, float], tolerances: Tolerances
) -> MetricsCompared:
    """Compare every metric of the original, and name those that are new."""
    left_out = sorted(name for name in original.keys() | rebuilt.keys() if _is_left_out(name, tolerances))
    looked_at = sorted(original.keys() - set(left_out))
    differing = [
        found
        for name in looked_at
        if (found := _difference(name, original[name], rebuilt.get(name), tolerances.of(name))) is not None
    ]
    differing += [
        Difference("metric", clean(name), None, f"{rebuilt[name]:.6g}", within=True, words="new")
        for name in sorted(rebuilt.keys() - original.keys() - set(left_out))
    ]
    lines = [f"metrics: {_told(len(looked_at), differing)}"] if looked_at or differing else []
    if left_out:
        named = ", ".join(clean(name, 60) for name in left_out[:10]) + (" …" if len(left_out) > 10 else "")
        lines.append(f"metrics not compared, as they measure time or resources or are left out: {named}")
    return MetricsCompared(len(looked_at), tuple(differing), tuple(lines))


def _is_left_out(name: str, tolerances: Tolerances) -> bool:
    if name in tolerances.ignored:
        return True
    return measures_resources(name) and name not in tolerances.kept and name not in tolerances.metrics


def _told(count: int, differing: list[Difference]) -> str:
    there = [one for one in differing if one.original is not None]
    near = sum(one.within for one in there)
    parts = [f"{count - len(there)} of {count} equal to the last bit"]
    parts += [f"{near} within tolerance"] if near else []
    parts += [f"{len(there) - near} outside or missing"] if len(there) > near else []
    return ", ".join(parts)


def _difference(name: str, original: float, rebuilt: float | None, tolerance: Tolerance) -> Difference | None:
    shown = clean(name)
    if rebuilt is None:
        return Difference("metric", shown, f"{original:.6g}", None, words="missing")
    if same(original, rebuilt):
        return None
    first, second = pair(original, rebuilt)
    apart = abs(original - rebuilt)
    part = relative(original, rebuilt)
    words = f"{shown} {first} → {second}" + (f" ({percent(part)})" if part is not None else "")
    amount = apart if math.isfinite(apart) else None
    return Difference("metric", shown, first, second, amount, within(original, rebuilt, tolerance), words)


def percent(part: float) -> str:
    """Return a part as a percentage with its sign: ``+0.85 %``."""
    return f"{part * 100:+.2g} %" if abs(part) < 0.1 else f"{part * 100:+.0f} %"
