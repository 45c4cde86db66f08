"""The values that stand in filters: numbers, texts, lists, times."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mlops_dash.answers.filters.syntax import Form, Operand
from mlops_dash.domain.text import visible
from mlops_dash.errors import FilterError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000
_EXACT = 2**63
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{8}")
_ESCAPE = re.compile(r"\\([4-7][0-7]{2}|.)", re.DOTALL)
_ESCAPES = frozenset("\\'\"abfnrtvxNuU\n01234567")


@dataclass(frozen=True, slots=True)
class Period:
    """A day: milliseconds since the epoch (UTC), both ends within."""

    first: int
    last: int


def number_of(operand: Operand, *, whole: bool) -> int | float:
    """Return a number: an integer where one is written and ``whole`` asks for it, else as MLflow, a float."""
    if whole and len(operand.written) < 20 and operand.written.lstrip("-").isdecimal():
        value = int(operand.written)
        if -_EXACT <= value < _EXACT:
            return value
    return float(operand.written)


def plain(operand: Operand) -> str:
    """Return a text without its quotes. What is doubled or after a backslash in it stays so, as in MLflow."""
    return operand.written[1:-1]


def listed(operand: Operand) -> tuple[str, ...]:
    """Return the texts of a list, in which, as in MLflow, a backslash begins an escape of Python.

    Raises:
        FilterError: the list is empty, or holds something else.
    """
    if not operand.items:
        raise FilterError("this list is empty", "write ('a', 'b')", start=operand.start, end=operand.end)
    return tuple(_item(item) for item in operand.items)


def _item(item: Operand) -> str:
    shown = visible(item.written, 40)
    if item.form is not Form.TEXT:
        remedy = "write ('a', 'b')" if item.form is Form.LIST else f"write '{shown.strip('`')}'"
        raise FilterError(f"lists hold texts, {shown} is none", remedy, start=item.start, end=item.end)
    if "\\" not in item.written and "\n" not in item.written and item.written.count(item.written[0]) == 2:
        return item.written[1:-1]
    try:
        text = str(ast.literal_eval(_ESCAPE.sub(_known_escape, item.written)))
        text.encode()
    except (ValueError, SyntaxError):
        text = "\0"
    if "\0" in text:
        raise FilterError(
            f"{shown} is no text as lists hold them",
            "write \\\\ for a backslash",
            start=item.start,
            end=item.end,
        )
    return text


def _known_escape(found: re.Match[str]) -> str:
    """Keep what Python knows; before anything else a backslash stands for itself, which Python warns of."""
    return found.group() if found.group(1) in _ESCAPES else "\\" + found.group()


def moment_of(text: str, operand: Operand, name: str, *, day: bool) -> int | Period:
    """Return a time in milliseconds since the epoch; without an offset it is UTC.

    Args:
        text: a date, or a date and a time, in ISO 8601.
        operand: where it was written.
        name: the field that it is compared with.
        day: return the whole day where only a date is given.

    Raises:
        FilterError: it is no time.
    """
    stripped = text.strip()
    try:
        found = datetime.fromisoformat(stripped)
    except ValueError:
        raise FilterError(
            f"{name} is a time, {visible(operand.written, 40)} is none",
            "write '2026-01-31', '2026-01-31 18:00' (UTC) or milliseconds since 1970",
            start=operand.start,
            end=operand.end,
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    at = (found - _EPOCH) // timedelta(milliseconds=1)
    return Period(at, at + _DAY - 1) if day and _DATE.fullmatch(stripped) else at
