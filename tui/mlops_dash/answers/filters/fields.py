"""Which fields filters know, and what each can be compared with."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import Enum

from mlops_dash.domain.text import visible
from mlops_dash.errors import FilterError


class Nature(Enum):
    """What the values of a field are."""

    NUMBER = "a number"
    EITHER = "text that may be a number"
    TEXT = "text"
    MOMENT = "a time"
    COMMIT = "a commit"
    BRANCH = "a branch"
    ORDINAL = "a version's number"
    ENVIRONMENT = "an environment"


@dataclass(frozen=True, slots=True)
class Field:
    """What a condition is about.

    Attributes:
        entity: ``metric``, ``param``, ``tag``, ``attribute``, ``dataset``, ``code``, ``data``, ``version`` or
            ``live``.
        key: the key that was asked for, or our own name of an attribute.
        nature: what its values are.
    """

    entity: str
    key: str
    nature: Nature


_ENTITIES = {
    "metric": "metric", "metrics": "metric",
    "param": "param", "params": "param", "parameter": "param", "parameters": "param",
    "tag": "tag", "tags": "tag",
    "attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
    "dataset": "dataset", "datasets": "dataset",
    "code": "code", "data": "data", "version": "version", "live": "live",
}  # fmt: skip
_FREE = {"metric": Nature.NUMBER, "param": Nature.EITHER, "tag": Nature.EITHER}
_KNOWN = {
    "attribute": {
        "run_id": Nature.TEXT, "run_name": Nature.TEXT, "status": Nature.TEXT, "user_id": Nature.TEXT,
        "artifact_uri": Nature.TEXT, "start_time": Nature.MOMENT, "end_time": Nature.MOMENT,
    },
    "dataset": {"name": Nature.TEXT, "digest": Nature.TEXT, "context": Nature.TEXT},
    "code": {
        "commit": Nature.COMMIT, "author": Nature.TEXT, "branch": Nature.BRANCH, "subject": Nature.TEXT,
    },
    "data": {"digest": Nature.TEXT, "name": Nature.TEXT},
    "version": {"name": Nature.TEXT, "number": Nature.ORDINAL},
    "live": {"environment": Nature.ENVIRONMENT},
}  # fmt: skip
_ALIASES = {"created": "start_time", "Created": "start_time"} | dict.fromkeys(
    ("run name", "Run name", "Run Name"), "run_name"
)
_SHOWN = {"attribute": "attributes", "dataset": "datasets"}
_EXAMPLES = {"metric": "metrics.rmse", "param": "params.alpha", "tag": "tags.team"}
_PLURALS = ("metrics", "params", "tags", "attributes", "datasets", "code", "data", "version", "live")


def field_named(written: str, start: int, end: int) -> Field:
    """Return the field that was written, its quotes included.

    Raises:
        FilterError: there is none such; names the nearest.
    """
    first, dot, rest = written.partition(".")
    if not dot:
        return _attribute(_bare(first), start, end)
    entity = _ENTITIES.get(_without(first, "`"))
    if entity is None:
        raise _unknown(written, _nearest_entity(first, rest), start, end)
    key = _bare(rest)
    if not key:
        shown = visible(first, 40)
        known = _KNOWN.get(entity)
        remedy = f"write {_either(known, entity)}" if known else f"write {_EXAMPLES[entity]}"
        raise FilterError(f"{shown}. lacks a key", remedy, start=start, end=end)
    if entity in _FREE:
        return Field(entity, key, _FREE[entity])
    key = _ALIASES.get(key, key) if entity == "attribute" else key
    nature = _KNOWN[entity].get(key)
    if nature is None:
        raise _unknown(written, _nearest_key(entity, key), start, end)
    return Field(entity, key, nature)


def _attribute(name: str, start: int, end: int) -> Field:
    name = _ALIASES.get(name, name)
    nature = _KNOWN["attribute"].get(name)
    if nature is not None:
        return Field("attribute", name, nature)
    if name in _EXAMPLES or name in _ENTITIES:
        entity = _ENTITIES[name]
        known = _KNOWN.get(entity)
        remedy = f"write {_either(known, entity)}" if known else f"write {_EXAMPLES[entity]}"
        raise FilterError(f"{name} alone is no field: it lacks a key", remedy, start=start, end=end)
    raise _unknown(name, _nearest_name(name), start, end)


def _unknown(written: str, remedy: str, start: int, end: int) -> FilterError:
    return FilterError(f"there is no field {visible(written, 80)}", remedy, start=start, end=end)


def _nearest_entity(first: str, rest: str) -> str:
    close = difflib.get_close_matches(first.strip("`\"'").lower()[:80], _PLURALS, n=1, cutoff=0.5)
    if close:
        return f"the nearest is {close[0]}.{visible(rest, 80)}"
    return f"fields begin with {', '.join(_PLURALS[:-1])} or {_PLURALS[-1]}"


def _nearest_key(entity: str, key: str) -> str:
    close = difflib.get_close_matches(key.lower()[:80], _KNOWN[entity], n=1, cutoff=0.5)
    if close:
        return f"the nearest is {_SHOWN.get(entity, entity)}.{close[0]}"
    return f"there are {_either(_KNOWN[entity], entity)}"


def _nearest_name(name: str) -> str:
    ours = [
        f"{_SHOWN.get(entity, entity)}.{key}"
        for entity, keys in _KNOWN.items()
        if entity != "attribute"
        for key in keys
    ]
    ends = [known for known in ours if known.partition(".")[2] == name.lower()]
    if ends:
        return f"write {' or '.join(ends)}"
    near = difflib.get_close_matches(name.lower()[:80], [*_KNOWN["attribute"], *ours], n=1, cutoff=0.6)
    if near:
        return f"the nearest is {near[0]}"
    shown = visible(name, 40) if name.isidentifier() else f"`{visible(name, 40)}`"
    return f"write metrics.{shown}, params.{shown} or tags.{shown}"


def _either(known: dict[str, Nature] | None, entity: str) -> str:
    names = [f"{_SHOWN.get(entity, entity)}.{key}" for key in known or ()]
    return ", ".join(names[:-1]) + f" or {names[-1]}" if len(names) > 1 else names[0]


def _bare(key: str) -> str:
    """Take quotes, then backticks off a key, as MLflow does."""
    for quote in ("'", '"'):
        if len(key) >= 2 and key[0] == key[-1] == quote:
            key = key[1:-1]
            break
    return _without(key, "`")


def _without(text: str, quote: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == quote else text
