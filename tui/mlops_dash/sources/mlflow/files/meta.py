"""``meta.yaml`` of MLflow's file store: flat YAML, read line by line where it has MLflow's usual shape.

MLflow writes it with PyYAML's safe dumper (``mlflow/utils/yaml_utils.py``), in place: a reader may find it
empty or cut. What is not one plain ``key: value`` on each line goes through PyYAML.
"""

from __future__ import annotations

import re
from typing import Any

_DEEPEST = 20  # levels of nesting; MLflow writes two, and PyYAML recurses
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
# what YAML 1.1 could take for no text starts with one of [-+.0-9=<~], or is one of these words
_WORDS = frozenset("yes no true false on off null y n".split())
_PLAIN = re.compile(r"[A-Za-z_/](?:[^\s:#'\"\x00-\x1f\x7f-\uffff]|:(?=\S)|(?<=\S)#| (?=[^\s#:]))*")
_HEX = re.compile(r"(?!0b)(?=[0-9a-f]*[a-f])[0-9a-f]+")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_QUOTED = re.compile(r"'((?:[^'\x00-\x1f\x7f-\uffff]|'')*)'")


class DamagedError(Exception):
    """The text is no whole ``meta.yaml``: it is being written, was cut, or is something else."""


def parse(content: bytes) -> dict[str, Any]:
    """Return what a ``meta.yaml`` holds.

    Raises:
        DamagedError: it is empty, ends in the middle of a line or is no YAML mapping.
    """
    if not content.endswith(b"\n"):
        raise DamagedError("it ends in the middle of a line")
    text = content.decode("utf-8", "replace")
    found = flat(text)
    return found if found is not None else _by_yaml(text)


def flat(text: str) -> dict[str, Any] | None:
    """Return the mapping if each line is plainly ``key: value``, or ``None`` where PyYAML must decide.

    Mappings of such lines in it, two blanks further in, are read, too.
    """
    found: dict[str, Any] = {}
    inner: dict[str, Any] | None = None
    for line in text.split("\n")[:-1]:
        if line.startswith("  "):
            into, line = inner, line[2:]
        elif inner == {}:  # nothing follows the colon: null
            return None
        elif line.endswith(":") and _KEY.fullmatch(line[:-1]):
            inner = {}
            if line[:-1] in found or line[:-1].lower() in _WORDS:
                return None
            found[line[:-1]] = inner
            continue
        else:
            into, inner = found, None
        key, colon, value = line.partition(": ")
        if into is None or not colon or not _KEY.fullmatch(key) or key.lower() in _WORDS or key in into:
            return None
        scalar = _scalar(value)
        if scalar is ...:
            return None
        into[key] = scalar
    return found if found and inner != {} else None


def _scalar(value: str) -> Any:
    """Return what a value plainly is, or ``...`` where PyYAML must decide."""
    if value == "null":
        return None
    if _INTEGER.fullmatch(value):
        return int(value)
    if _HEX.fullmatch(value):
        return value
    if match := _QUOTED.fullmatch(value):
        return match.group(1).replace("''", "'")
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return [] if value == "[]" else {} if value == "{}" else ...


def _by_yaml(text: str) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(text, loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _DEEPEST:
                    raise DamagedError("it is nested too deeply")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.AliasEvent):  # a few of them can stand for more than memory holds
                raise DamagedError("it refers to itself")
        found = yaml.load(text, loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        raise DamagedError("it is no YAML") from error
    if not isinstance(found, dict):
        raise DamagedError("it is no mapping")
    return found


def text(value: Any) -> str | None:
    """Return a value as text, as MLflow would have written it; ``None`` where it is no single value."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, dict, set, bytes)):
        return None
    try:
        return str(value)
    except ValueError:  # an integer of more digits than Python turns into text
        return None


def integer(value: Any) -> int | None:
    """Return a value as an integer that the store can hold, or ``None`` if it is none."""
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            return None
    if isinstance(value, float) and value == value and abs(value) < 2**63:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -(2**63) <= value < 2**63 else None
