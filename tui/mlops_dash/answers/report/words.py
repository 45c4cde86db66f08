"""What a report says of numbers, texts, times and items; every text from outside is made visible here."""

from __future__ import annotations

import html
import math
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from mlops_dash.domain.metrics import can_be_ranked
from mlops_dash.domain.text import visible

_PLOTTED = 60  # characters of a name in a figure


def letter(place: int) -> str:
    """Return what an item is called in short: A to Z, then AA, AB and so on."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(65 + rest) + name
    return name


def letters(places: Sequence[int]) -> str:
    """Return the letters of several items: ``A, B and D``."""
    names = [letter(place) for place in places]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def exact(value: float) -> str:
    """Return a number to the last bit; NaN and infinities, also those that MLflow stores, as words."""
    if math.isnan(value):
        return "NaN"
    if not can_be_ranked(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def number(value: float, digits: int = 6) -> str:
    """Return a number in so many significant digits, whole ones up to a milliard in full."""
    if not can_be_ranked(value):
        return exact(value)
    if value == int(value) and abs(value) < 1e9:
        return f"{value or 0.0:,.0f}"  # -0.0 is 0
    return f"{value:.{digits}g}"


def signed(value: float) -> str:
    """Return a difference with its sign: ``+0.25``, ``−3``, ``=`` for none."""
    if value == 0:
        return "="
    return ("+" if value > 0 else "−") + number(abs(value), 4)


def percent(part: float | None) -> str:
    """Return a relative change: ``+1.2 %``; empty where there is none to tell."""
    if part is None or part == 0 or math.isnan(part):
        return ""
    sign, size = ("+" if part > 0 else "−"), abs(part) * 100
    if size >= 100_000:
        return f"{sign}>99,999 %"
    if size < 0.001:
        return f"{sign}<0.001 %"
    digits = 0 if size >= 1000 else 1 if size >= 0.1 else 3
    return f"{sign}{size:,.{digits}f} %"


def plural(count: int, noun: str) -> str:
    """Return ``1 run``, ``2 runs``, with thousands marked."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def moment(value: datetime | None) -> str:
    """Return a point in time for a person, in UTC: ``3 Nov 2026 08:15``; empty for ``None``."""
    if value is None:
        return ""
    value = _utc(value)
    return f"{value.day} {value:%b %Y %H:%M}"


def iso(value: datetime | None) -> str:
    """Return a point in time as machines read it, in UTC; empty for ``None``."""
    return "" if value is None else _utc(value).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:  # the first or last hours of the calendar
        return value.replace(tzinfo=UTC)


def line(text: object, limit: int = 300) -> str:
    """Return a text from outside as one line of at most ``limit`` characters."""
    return visible(str(text), limit)


def lines(text: str, limit: int) -> str:
    """Return a text from outside with its line ends and tabs kept and all else made visible."""
    cut = text[:limit].replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(visible(part) for part in row.split("\t")) for row in cut)


def plotted(text: object, limit: int = _PLOTTED) -> str:
    """Return a text for a figure. Plotly reads ``<b>`` or ``<a href>`` in names: here they stay text."""
    return html.escape(line(text, limit), quote=False)


def command(refs: Sequence[str], baseline: int) -> str:
    """Return the command that makes the comparison again."""
    words = ["mlops-dash", "compare"]
    if baseline:
        words += ["--baseline", str(baseline)]
    if any(ref.startswith("-") for ref in refs):
        words.append("--")
    words += [shlex.quote(ref) for ref in refs]
    return line(" ".join(words), 20_000)
