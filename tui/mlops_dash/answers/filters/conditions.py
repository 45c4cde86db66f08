"""What one condition asks: its field, its comparator and its value, checked against each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from mlops_dash.answers.filters.fields import Field, Nature, field_named
from mlops_dash.answers.filters.mistakes import COMPARATORS
from mlops_dash.answers.filters.syntax import Comparison, Form, Operand
from mlops_dash.answers.filters.values import Period, listed, moment_of, number_of, plain
from mlops_dash.domain.text import visible
from mlops_dash.errors import FilterError

ORDERED = ("=", "!=", "<", "<=", ">", ">=")
WORDED = ("=", "!=", "like", "not like", "ilike", "not ilike", "in", "not in")
LISTED = ("in", "not in")
ABSENCE = ("is null", "is not null")
_SAME = ("=", "!=", "in", "not in")
_ALLOWED = {
    Nature.NUMBER: (*ORDERED, *ABSENCE),
    Nature.EITHER: (*ORDERED, *WORDED[2:], *ABSENCE),
    Nature.TEXT: (*WORDED, *ABSENCE),
    Nature.MOMENT: (*ORDERED, *ABSENCE),
    Nature.COMMIT: (*WORDED, *ABSENCE),
    Nature.BRANCH: _SAME,
    Nature.ORDINAL: (*ORDERED, *WORDED[2:], *ABSENCE),
    Nature.ENVIRONMENT: (*WORDED, *ABSENCE),
}
_INSTEAD = {"==": "=", "<>": "!=", "=>": ">=", "=<": "<=", "!==": "!=", "===": "=", "~": "like", "=~": "like"}
_HASH = re.compile(r"[0-9a-f]{1,64}")

Value = str | int | float | tuple[str, ...] | Period | None
"""A text, a number, several texts, a day; ``None`` where absence is asked."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that makes sense. Texts are without their quotes."""

    field: Field
    comparator: str
    value: Value
    written: Comparison


def understand(written: Comparison) -> Condition:
    """Return what a condition asks.

    Raises:
        FilterError: there is no such field, or it cannot be compared so.
    """
    field = field_named(written.field, written.start, written.end)
    comparator = written.comparator
    _check_comparator(written, field)
    if written.operand is None:
        return Condition(field, comparator, None, written)
    _check_form(written, written.operand)
    return Condition(field, comparator, _value(written, field, written.operand), written)


def _check_comparator(written: Comparison, field: Field) -> None:
    comparator, allowed = written.comparator, _ALLOWED[field.nature]
    if comparator in allowed:
        return
    place = {"start": written.comparator_start, "end": written.comparator_end}
    shown = visible(comparator, 20)
    if comparator not in (*ORDERED, *WORDED, *ABSENCE):
        instead = _INSTEAD.get(comparator)
        remedy = f"write {instead}" if instead else f"there are {COMPARATORS}"
        raise FilterError(f"“{shown}” is no comparator", remedy, **place)
    raise FilterError(
        f"{visible(written.field, 80)} is {field.nature.value}, which “{shown}” cannot compare",
        f"it can be compared with {', '.join(allowed)}",
        **place,
    )


def _check_form(written: Comparison, operand: Operand) -> None:
    shown = visible(operand.written, 40)
    if written.comparator in LISTED and operand.form is not Form.LIST:
        _off(operand, f"“{written.comparator}” compares with a list", f"write ({shown})")
    if written.comparator not in LISTED and operand.form is Form.LIST:
        _off(operand, f"“{written.comparator}” compares with one value", "write in for a list")
    if operand.form is Form.WORD:
        if operand.written.startswith("`"):
            _off(operand, f"{shown} is in backticks, as names are", "put texts in ' or \"")
        _off(operand, f"{shown} is neither a number nor a text", f"write '{shown}' if it is a text")


def _value(written: Comparison, field: Field, operand: Operand) -> Value:
    nature, comparator = field.nature, written.comparator
    if operand.form is Form.LIST:
        texts = listed(operand)
        if nature is Nature.COMMIT:
            return tuple(_hash(text, item) for text, item in zip(texts, operand.items, strict=True))
        return texts
    if operand.form is Form.NUMBER:
        return _number(written, field, operand)
    text = plain(operand)
    name, shown = visible(written.field, 80), visible(operand.written, 40)
    if nature is Nature.NUMBER:
        _off(operand, f"{name} is a number, {shown} is text", _unquoted(text, f"{name} {comparator} 0.8"))
    if nature is Nature.MOMENT:
        return moment_of(text, operand, name, day=comparator in ("=", "!="))
    if comparator in ORDERED[2:]:
        example = f"{name} {comparator} 1"
        _off(operand, f"{shown} is text, which “{comparator}” cannot compare", _unquoted(text, example))
    if nature is Nature.COMMIT and comparator in ("=", "!="):
        return _hash(text, operand)
    if nature in (Nature.BRANCH, Nature.ENVIRONMENT) and not text:
        _off(operand, f"{name} compares with a name, and this is empty", None)
    return text


def _number(written: Comparison, field: Field, operand: Operand) -> int | float:
    nature, comparator = field.nature, written.comparator
    name, shown = visible(written.field, 80), visible(operand.written, 40)
    if comparator not in ORDERED:
        _off(operand, f"“{comparator}” compares with text, {shown} is a number", f"write '{shown}'")
    if nature not in (Nature.NUMBER, Nature.EITHER, Nature.MOMENT, Nature.ORDINAL):
        _off(operand, f"{name} is {nature.value}, {shown} is a number", f"write '{shown}'")
    return number_of(operand, whole=nature is Nature.MOMENT)


def _hash(text: str, operand: Operand) -> str:
    lower = text.lower()
    if not _HASH.fullmatch(lower):
        shown = visible(operand.written, 40)
        _off(
            operand,
            f"{shown} is not the beginning of a commit's hash",
            "branches are compared with code.branch",
        )
    return lower


def _unquoted(text: str, example: str) -> str:
    try:
        float(text)
    except ValueError:
        return f"write a number, as in {example}"
    return f"write {visible(text.strip(), 40)} without quotes"


def _off(operand: Operand, message: str, remedy: str | None) -> NoReturn:
    raise FilterError(message, remedy, start=operand.start, end=operand.end)
