"""Where in an answer a fact stands: a small subset of JSONPath, or a header."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_STEP = re.compile(r"""\.([^.\[\]'"\s]+)|\[(\d+)\]|\['([^']+)'\]|\["([^"]+)"\]""")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Matching:
    """A step to the object, or to every object of a list, whose ``key`` holds ``value``."""

    key: str
    value: str


Step = str | int | Matching


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A fact in a JSON body."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """A fact in a response header."""

    name: str


Where = JsonPath | Header


def parse_where(text: str) -> Where:
    """Return the place that ``text`` names: ``$.a.b[0]['c d']`` or ``header:NAME``.

    Raises:
        ValueError: it is neither; the message says what is allowed.
    """
    if text.startswith("header:"):
        name = text.removeprefix("header:").strip()
        if _HEADER.fullmatch(name):
            return Header(name.lower())
        raise ValueError(f"{text!r} names no header: write header:NAME")
    if not text.startswith("$"):
        raise ValueError(f"{text!r} is no place in an answer: write $.json.path or header:NAME")
    steps: list[Step] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(
                f"{text!r} cannot be read from {text[position:]!r} on: write keys as .name or ['name'],"
                " list places as [0]"
            )
        plain, index, single, double = match.groups()
        steps.append(int(index) if index is not None else plain or single or double)
        position = match.end()
    return JsonPath(tuple(steps))


def find(where: Where, headers: Mapping[str, str], document: Any) -> tuple[str, ...]:
    """Return the distinct facts at a place, in order: more than one only below a :class:`Matching` step.

    Strings and finite numbers are facts, a whole number as an integer (JSON has one kind of number: 4.0 is
    4); null, true, false, NaN, infinities, lists, objects and empty strings are none.
    """
    if isinstance(where, Header):
        found: Iterable[Any] = (headers.get(where.name),)
    else:
        found = (document,)
        for step in where.steps:
            found = [inner for outer in found for inner in _enter(outer, step)]
    return tuple(dict.fromkeys(text for text in map(_text, found) if text))


def _enter(outer: Any, step: Step) -> Iterable[Any]:
    if isinstance(step, Matching):
        items = outer if isinstance(outer, list) else (outer,)
        return [item for item in items if isinstance(item, dict) and item.get(step.key) == step.value]
    if isinstance(step, int):
        return outer[step : step + 1] if isinstance(outer, list) else ()
    return (outer[step],) if isinstance(outer, dict) and step in outer else ()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else json.dumps(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
