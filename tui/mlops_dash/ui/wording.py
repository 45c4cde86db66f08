"""Facts in words: ages, numbers, versions and the glyphs that never stand for colour alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from mlops_dash.domain.environments import Health
from mlops_dash.domain.freshness import Freshness
from mlops_dash.domain.text import visible

Span = tuple[str, str]  # text made safe to draw, role of theme.py
Line = tuple[Span, ...]

NONE: Line = (("–", "faint"),)
READING: Line = (("reading …", "dim"),)
PROTECTED: Span = ("§", "warn")
_BLOCKS = "▁▂▃▄▅▆▇█"
_DRAWN = 400  # characters of one outside string that are ever laid out in a list
_COPIED = 100_000

HEALTH: dict[Health, Span] = {
    Health.HEALTHY: ("●", "good"),
    Health.DEGRADED: ("◐", "warn"),
    Health.DOWN: ("✗", "bad"),
    Health.UNKNOWN: ("?", "unknown"),
}
FRESHNESS: dict[Freshness, Span] = {
    Freshness.OK: ("●", "good"),
    Freshness.STALE: ("◐", "warn"),
    Freshness.FAILED: ("✗", "bad"),
    Freshness.ABSENT: ("○", "dim"),
    Freshness.READING: ("◌", "accent"),
}
# kind of a lineage's node -> (glyph, role)
KINDS: dict[str, Span] = {
    "environment": ("◉", "env"),
    "version": ("◆", "model"),
    "run": ("▷", "run"),
    "commit": ("●", "code"),
    "dataset": ("▤", "data"),
}
# attention code -> (glyph, role), the most pressing first
ATTENTION: dict[str, Span] = {
    "failed-action": ("✗", "bad"),
    "unhealthy": ("✗", "bad"),
    "drift": ("≠", "bad"),
    "stale-source": ("◐", "warn"),
    "missing-code": ("✗", "warn"),
    "dirty-code": ("±", "warn"),
    "better-version": ("★", "good"),
    "not-rebuildable": ("✗", "warn"),
    "newer-data": ("↑", "data"),
    "behind": ("↓", "code"),
}


def safe(text: object, limit: int = _DRAWN) -> str:
    """Return anything from outside as one drawable line of at most ``limit`` characters."""
    return visible(str(text), limit)


def clipboard(text: str) -> str:
    """Return ``text`` for the clipboard: whole up to 100,000 characters, controls other than tab and newline
    made visible, so that pasting it can't act."""
    lines = text[:_COPIED].replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(visible(part) for part in line.split("\t")) for line in lines)


def age(moment: datetime | None, now: datetime) -> str:
    """Return how long ago it was: ``12 s``, ``4 min``, ``2 h``, ``3 d``; a moment ahead of us is ``now``."""
    if moment is None:
        return "never"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = int((now - moment).total_seconds())
    if seconds < 0:
        return "now"
    for unit, size, until in (
        ("s", 1, 60),
        ("min", 60, 3600),
        ("h", 3600, 172_800),
        ("d", 86_400, 7_776_000),
    ):
        if seconds < until:
            return f"{seconds // size} {unit}"
    return f"{seconds // 2_629_746} mo" if seconds < 63_113_904 else f"{seconds // 31_556_952} y"


def ago(moment: datetime | None, now: datetime) -> str:
    """Return :func:`age` as an adverb: ``12 s ago``, ``just now``, ``never``."""
    text = age(moment, now)
    return {"never": "never", "now": "just now", "0 s": "just now"}.get(text, f"{text} ago")


def moment(value: datetime | None) -> str:
    """Return a point in time for a person, in UTC: ``3 Nov 2026 08:15``."""
    if value is None:
        return "–"
    value = value.astimezone(UTC) if value.tzinfo else value
    return f"{value.day} {value:%b %Y %H:%M}"


def number(value: float | None) -> str:
    """Return a metric's value in four significant digits."""
    if value is None:
        return "–"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value != 0 and (abs(value) >= 10_000_000 or abs(value) < 0.0001):
        return f"{value:.3e}"
    if value == 0 or abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:#.4g}".rstrip(".")


def version(value: str | None, limit: int = 60) -> str:
    """Return a version as shown: ``v4`` for MLflow's numbers, others as written, cut to ``limit``."""
    if value is None:
        return "?"
    return f"v{value}" if value.isascii() and value.isdigit() and len(value) < limit else safe(value, limit)


def health_word(health: Health, detail: str | None) -> str:
    """Return how a server is, in one word: one that says that it starts is ``starting``."""
    return "starting" if (detail or "").startswith("starting: ") else health.value


def short(digest: str, length: int = 7) -> str:
    """Return the beginning of a hash or digest."""
    return safe(digest.removeprefix("md5:"), 300)[:length]


def sparkline(values: Sequence[float]) -> str:
    """Draw values as a line of blocks, the lowest ``▁`` and the highest ``█``."""
    low = min(values) / 2  # halves, because the difference of two doubles may be none
    span = max(values) / 2 - low
    return "".join(_BLOCKS[round((value / 2 - low) / span * 7) if span else 0] for value in values)


def plural(count: int, noun: str) -> str:
    """Return ``1 run``, ``2 runs``, with thousands marked."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
