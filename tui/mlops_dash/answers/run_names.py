"""The names of the columns that a table of runs can have: ``metrics.rmse``, ``attributes.user`` and so on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from mlops_dash.domain.text import visible
from mlops_dash.errors import UsageError

METRIC, PARAM, TAG = "metric", "param", "tag"
PREFIXES = {
    METRIC: "metrics", PARAM: "params", TAG: "tags", "attribute": "attributes",
    "code": "code", "data": "data", "version": "version", "live": "live",
}  # fmt: skip
"""What the ids of a kind of columns begin with."""

ATTRIBUTES = (
    "run_id", "run_name", "experiment", "status", "user", "start_time", "end_time", "duration", "source",
    "artifact_uri", "experiment_id",
)  # fmt: skip
JOINED = {
    "code": ("commit", "author", "subject", "branch"),
    "data": ("digest", "name"),
    "version": ("name", "number"),
    "live": ("environment",),
}
"""Facts of ours beside those of MLflow's runs."""

FIXED = tuple(f"attributes.{key}" for key in ATTRIBUTES) + tuple(
    f"{kind}.{key}" for kind, keys in JOINED.items() for key in keys
)
"""Ids of the columns that every project has."""

_KIND_OF = {prefix: kind for kind, prefix in PREFIXES.items()} | {
    "metric": METRIC, "param": PARAM, "parameter": PARAM, "parameters": PARAM, "tag": TAG,
    "attribute": "attribute", "attr": "attribute", "run": "attribute",
    "dataset": "data", "datasets": "data", "versions": "version",
}  # fmt: skip
_ATTRIBUTE_OF = {key: key for key in ATTRIBUTES} | {
    "name": "run_name", "run name": "run_name", "run_uuid": "run_id", "id": "run_id", "user_id": "user",
    "created": "start_time", "started": "start_time", "started_at": "start_time", "ended": "end_time",
    "ended_at": "end_time", "experiment_name": "experiment", "source_name": "source",
}  # fmt: skip


def column_id(kind: str, key: str) -> str:
    """Return the id of a column."""
    return f"{PREFIXES[kind]}.{key}"


def split_id(column: str) -> tuple[str, str]:
    """Return the kind and the key of a column by its id, or by another way that MLflow knows to write it.

    Raises:
        UsageError: there is no such kind of column, or no such attribute; names the nearest.
    """
    prefix, dot, key = column.strip().partition(".")
    kind = _KIND_OF.get(prefix.strip().lower()) if dot else "attribute"
    key = _unquoted(key.strip() if dot else prefix)
    if kind in (METRIC, PARAM, TAG) and key:
        return kind, key
    if kind == "attribute" and key.lower() in _ATTRIBUTE_OF:
        return kind, _ATTRIBUTE_OF[key.lower()]
    if kind in JOINED and key.lower() in JOINED[kind]:
        return kind, key.lower()
    raise unknown_column(column, FIXED)


def resolve_columns(names: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of columns, each once, as they were asked for.

    A metric, parameter or tag is also found by its key alone where only one of them has it.

    Args:
        known: the ids of all columns.

    Raises:
        UsageError: a column is not known; names the nearest.
    """
    there = set(known)
    return tuple(dict.fromkeys(_resolved(name, there, known) for name in names))


def _resolved(name: str, there: set[str], known: Sequence[str]) -> str:
    try:
        kind, key = split_id(name)
    except UsageError:
        found = [
            one for one in (f"{p}.{name.strip()}" for p in ("metrics", "params", "tags")) if one in there
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"the column {visible(name, 80)!r} is ambiguous", f"write {' or '.join(found)}"
            ) from None
        raise unknown_column(name, known) from None
    column = column_id(kind, key)
    if column not in there:
        raise unknown_column(name, known)
    return column


def unknown_column(name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a column that is not known, which names the nearest."""
    text = name.strip()[:200]
    ids = list(known)[:5000]
    close = difflib.get_close_matches(text, ids, n=3, cutoff=0.6)
    if not close:  # typed without the part before the dot
        keys = {column.partition(".")[2]: column for column in reversed(ids)}
        close = [keys[key] for key in difflib.get_close_matches(text.partition(".")[2] or text, keys, n=3)]
    shown = " or ".join(visible(column, 80) for column in close)
    everything = "columns are metrics.KEY, params.KEY, tags.KEY, " + ", ".join(FIXED)
    remedy = f"did you mean {shown}?" if close else everything
    return UsageError(f"there is no column {visible(text, 80)!r}", remedy)


def _unquoted(key: str) -> str:
    return key[1:-1] if len(key) > 2 and key[0] == key[-1] and key[0] in "`\"'" else key
