"""Plans and events as JSON values, for journals, agents and audit records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from mlops_dash.domain.plans import Event, Plan
from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import storable

_T = TypeVar("_T")


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON values; :func:`plan_of` makes the same plan of them."""
    return dict(msgspec.to_builtins(plan))


def plan_of(values: Mapping[str, Any]) -> Plan:
    """Return the plan that JSON values tell of.

    Raises:
        ValueError: they tell of none.
    """
    return _made(values, Plan)


def event_to_json(event: Event) -> dict[str, Any]:
    """Return an event as JSON values; :func:`event_of` makes the same event of them."""
    return dict(msgspec.to_builtins(event, enc_hook=str))


def event_of(values: Mapping[str, Any]) -> Event:
    """Return the event that JSON values tell of.

    Raises:
        ValueError: they tell of none.
    """
    return _made(values, Event)


def encoded(value: Any) -> bytes:
    """Return a JSON value on one line; what JSON cannot hold of a string is replaced."""
    return msgspec.json.encode(_of_strings(value, storable), enc_hook=str)


def decoded(line: bytes) -> Any:
    """Return the JSON value of a line.

    Raises:
        ValueError: it is none.
    """
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values with every string scrubbed of passwords, tokens and signatures."""
    return {str(key): _of_strings(value, scrub) for key, value in values.items()}


def _made(values: Mapping[str, Any], kind: type[_T]) -> _T:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _of_strings(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case Mapping():
            return {change(str(key)): _of_strings(one, change) for key, one in value.items()}
        case list() | tuple():
            return [_of_strings(one, change) for one in value]
    return value
