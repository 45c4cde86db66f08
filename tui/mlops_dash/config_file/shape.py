"""How a decoded configuration differs from the known shape: every difference at once.

``msgspec`` stops at the first one and leaves the names of tables out; so where it refuses, this looks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import inspect

from mlops_dash.config import Config
from mlops_dash.config_file.places import Place
from mlops_dash.config_file.problems import Told, nearest


def look_at_types(value: Mapping[str, Any], tell: Told) -> None:
    """Tell of every unknown name, missing setting, wrong type and number out of range in ``value``."""
    _look(value, inspect.type_info(Config), (), tell)


def _look(value: Any, info: inspect.Type, place: Place, tell: Told) -> None:
    if isinstance(info, inspect.Metadata):
        info = info.type
    if isinstance(info, inspect.UnionType):
        _look_at_union(value, info, place, tell)
    elif isinstance(info, inspect.StructType):
        _look_at_table(value, info, place, tell)
    elif isinstance(info, inspect.DictType):
        if not isinstance(value, Mapping):
            tell(place, f"is {_kind(value)}; expected a table", None)
            return
        for key, item in value.items():
            _look(item, info.value_type, (*place, key), tell)
    elif isinstance(info, inspect.ListType):
        if not isinstance(value, list):
            tell(place, f"is {_kind(value)}; expected a list", None)
            return
        for index, item in enumerate(value):
            _look(item, info.item_type, (*place, index), tell)
    else:
        _look_at_plain(value, info, place, tell)


def _look_at_plain(value: Any, info: inspect.Type, place: Place, tell: Told) -> None:
    expected, right = "another kind of value", True
    if isinstance(info, inspect.StrType):
        expected, right = "a text in quotes", isinstance(value, str)
    elif isinstance(info, inspect.BoolType):
        expected, right = "true or false", isinstance(value, bool)
    elif isinstance(info, inspect.IntType | inspect.FloatType):
        whole = isinstance(info, inspect.IntType)
        expected = "a whole number" if whole else "a number"
        right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if right:
            _look_at_range(value, info, place, tell)
    if not right:
        tell(place, f"is {_kind(value)}; expected {expected}", None)


def _look_at_range(value: float, info: inspect.IntType | inspect.FloatType, place: Place, tell: Told) -> None:
    if value != value or value in (float("inf"), float("-inf")):
        return  # told of with the values
    limits = []
    wrong = False
    if info.gt is not None:
        limits.append(f"more than {info.gt:g}")
        wrong = wrong or not value > info.gt
    if info.ge is not None:
        limits.append(f"at least {info.ge:g}")
        wrong = wrong or not value >= info.ge
    if info.le is not None:
        limits.append(f"at most {info.le}")
        wrong = wrong or not value <= info.le
    if wrong:
        tell(place, f"is {str(value)[:40]}; expected {' and '.join(limits)}", None)


def _look_at_table(value: Any, info: inspect.StructType, place: Place, tell: Told) -> None:
    if not isinstance(value, Mapping):
        tell(place, f"is {_kind(value)}; expected a table", None)
        return
    fields = {item.encode_name: item for item in info.fields}
    known = {*fields, info.tag_field} if info.tag_field else set(fields)
    for key, item in value.items():
        if key in fields:
            _look(item, fields[key].type, (*place, key), tell)
        elif key not in known:
            tell((*place, key), "is no setting" if place else "is no section", nearest(key, known))
    for name, item in fields.items():
        if item.required and name not in value:
            meaning = ""
            if isinstance(item.type, inspect.Metadata):
                meaning = str((item.type.extra_json_schema or {}).get("description", "")).rstrip(".")
            tell(place, f"lacks {name}", f"{name}: {meaning}" if meaning else None)


def _look_at_union(value: Any, info: inspect.UnionType, place: Place, tell: Told) -> None:
    tables = {item.tag: item for item in info.types if isinstance(item, inspect.StructType)}
    if not tables or None in tables:
        plain = [item for item in info.types if not isinstance(item, inspect.NoneType)]
        _look(value, plain[0], place, tell)
        return
    if not isinstance(value, Mapping):
        kinds = " or ".join(sorted(str(tag) for tag in tables))
        tell(place, f"is {_kind(value)}; expected a table", f'write {{ kind = "…" }} with {kinds}')
        return
    kind = value.get("kind")
    if not isinstance(kind, str):
        what = "lacks kind" if kind is None else f"has a kind that is {_kind(kind)}"
        tell(place, what, f"kinds are {', '.join(sorted(str(tag) for tag in tables))}")
    elif kind not in tables:
        known = [str(tag) for tag in tables]
        tell((*place, "kind"), f"“{kind[:60]}” is no kind of target", nearest(kind, known))
    else:
        _look_at_table(value, tables[kind], place, tell)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    for kind, words in ((str, "a text"), (int, "a whole number"), (float, "a number"), (list, "a list")):
        if isinstance(value, kind):
            return words
    return "a table" if isinstance(value, Mapping) else "a date or time"
