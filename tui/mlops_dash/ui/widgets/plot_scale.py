"""Scales of a plot: where values stand, which ticks an axis has and what they are called; smoothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

STEP, TIME, RELATIVE = "step", "time", "relative"
AXES = (STEP, TIME, RELATIVE)
"""What curves are drawn by: step, time, or time since a curve's first value."""
SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)

Tick = tuple[float, str]
"""Where it stands, from 0 to 1, and what it is called."""

_LARGE = 1e300  # from which on differences are taken of halves
# lengths of time in which ticks may stand apart, in seconds
_SPANS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def smoothed(values: Sequence[float | None], weight: float) -> list[float | None]:
    """Return the exponential moving average, corrected for its start at 0, as TensorBoard has it.

    What is not finite stays and is passed over; constant curves stay as they are
    (``classicSmoothing`` in ``tensorboard/webapp/widgets/line_chart_v2/data_transformer.ts``).
    """
    if not 0.0 < weight < 1.0 or len(set(values)) < 2:
        return list(values)
    found: list[float | None] = []
    last, share = 0.0, 1.0
    for value in values:
        if value is None or not math.isfinite(value):
            found.append(value)
            continue
        last = last * weight + (1.0 - weight) * value
        share *= weight
        found.append(last / (1.0 - share))
    return found


class Scale:
    """Where values stand between the lowest and the highest: 0 to 1.

    Args:
        low, high: finite, ``low`` at most ``high``; above zero where ``logarithmic``.
    """

    def __init__(self, low: float, high: float, *, logarithmic: bool = False) -> None:
        self.low, self.high, self.logarithmic = low, high, logarithmic
        self._unit = 2.0**-8 if max(abs(low), abs(high)) > _LARGE else 1.0
        self._from = self._placed(low)
        self._span = self._placed(high) - self._from

    def __call__(self, value: float) -> float:
        """Return where a value stands; in the middle where all are equal."""
        return self.places((value,))[0]

    def places(self, values: Iterable[float]) -> list[float]:
        """Return where values between the lowest and the highest stand."""
        start, span, unit = self._from, self._span, self._unit
        if not span:
            return [0.5 for _ in values]
        if self.logarithmic:
            return [(math.log10(value) - start) / span for value in values]
        return [(value * unit - start) / span for value in values]

    def _placed(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value * self._unit

    def ticks(self, most: int, *, whole: bool = False) -> list[Tick]:
        """Return about ``most`` tidy ticks at most, with names that tell them apart; or ``whole`` ones."""
        if not self._span:
            return [(0.5, f"{self.low:.6g}")]
        if self.logarithmic and (found := self._decades(most)):
            return found
        low, high = self.low * self._unit, self.high * self._unit
        step = tidy((high - low) / max(1, most))
        if whole:
            step = max(1.0, step)
        if not step:
            return [(0.5, f"{self.low:.6g}")]
        first = math.ceil(low / step - 1e-9)
        count = int((high - first * step) / step + 1e-9) + 1
        values = [(first + number) * step for number in range(min(count, most + 2))]
        name = "{:,.0f}".format if whole and max(-low, high) < 1e8 else _namer(values, step, self._unit)
        found = [(self(value / self._unit), name(value)) for value in values if low <= value <= high]
        return found or [(0.0, f"{self.low:.6g}"), (1.0, f"{self.high:.6g}")]

    def _decades(self, most: int) -> list[Tick]:
        """Return powers of ten, with twos and fives between where there is room; none for a short range."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = max(1, math.ceil((last - first) / max(1, most)))
        powers = [power for power in range(first - first % every, last + 1, every) if -307 <= power <= 307]
        for parts in ((1, 2, 5), (1, 5), (1,)):
            values = [part * 10.0**power for power in powers for part in parts]
            shown = [value for value in values if self.low <= value <= self.high]
            if every == 1 and len(shown) <= most + 1:
                break
        return [(self(value), _short(f"{value:g}")) for value in shown] if len(shown) > 1 else []


def tidy(step: float) -> float:
    """Return the least of 1, 2 or 5 times a power of ten not below ``step``; 0 where there is none."""
    if not math.isfinite(step) or step < 1e-300:
        return 0.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(part * power for part in (1, 2, 5, 10) if part * power >= step * (1 - 1e-9))


def _namer(values: Sequence[float], step: float, unit: float) -> Callable[[float], str]:
    """Return what names ticks: as many decimals as tell them apart, or powers where numbers get long."""
    largest = max((abs(value) for value in values), default=0.0) / unit
    if largest >= 1e6 or (largest and largest < 1e-3):
        digits = max(0, math.floor(math.log10(largest)) - math.floor(math.log10(step / unit) + 1e-9))
        return lambda value: _short(f"{value / unit:.{min(digits, 16)}e}") if value else "0"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return lambda value: f"{value + 0.0:.{min(decimals, 12)}f}"


def _short(text: str) -> str:
    """Return ``1.5e6`` for ``1.5e+06``."""
    head, _, power = text.partition("e")
    return f"{head}e{int(power)}" if power else text


def across(axis: str, low: float, high: float, most: int) -> tuple[Scale, list[Tick]]:
    """Return the scale of an axis on which curves are drawn, and its ticks.

    Args:
        axis: one of ``AXES``; values are steps, ms since the epoch, or ms since the start.
    """
    scale = Scale(low, high)
    if axis == STEP:
        return scale, scale.ticks(most, whole=True)
    seconds = (high - low) / 1000 / max(1, most)
    apart = next((span for span in _SPANS if span >= seconds), 0) or 86400 * (tidy(seconds / 86400) or 1)
    if high - low < 2000:  # less than one tidy second
        return scale, [(0.0, moment(low, 1) if axis == TIME else since(0.0, 1))]
    first = math.ceil(low / 1000 / apart - 1e-9)
    count = int(min(high / 1000 / apart - first + 1e-9, most + 1)) + 1
    name = moment if axis == TIME else since
    values = [(first + number) * apart * 1000.0 for number in range(max(0, count))]
    return scale, [(scale(value), name(value, apart)) for value in values if low <= value <= high]


def moment(milliseconds: float, apart: float) -> str:
    """Return a point in time (UTC) as precisely as ticks ``apart`` seconds from each other need."""
    try:
        when = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds:.3g}"
    if apart >= 86400:
        return f"{when.day} {when:%b}" if apart < 86400 * 300 else f"{when:%Y}"
    return f"{when:%H:%M:%S}" if apart < 60 else f"{when:%H:%M}"


def since(milliseconds: float, apart: float) -> str:
    """Return a length of time: ``40 s``, ``1:30``, ``3 h``, ``2 d``."""
    seconds = round(milliseconds / 1000)
    if apart >= 86400:
        return f"{seconds // 86400:,} d"
    if apart >= 3600:
        return f"{seconds // 3600} h"
    if apart >= 60:
        return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600}:{seconds // 60 % 60:02} h"
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60}:{seconds % 60:02}"
