"""Sort keys of runs as parts of one question: fixed words of SQL, with the keys as parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlops_dash.answers.run_names import METRIC, PARAM, TAG, split_id
from mlops_dash.errors import UsageError
from mlops_dash.store.questions import fragments

MOST_KEYS = 8
_UP, _DOWN = "asc", "desc"
_TEXTS = {
    "run_id": "run_id", "status": "status", "user": "user_id", "source": "source_name",
    "artifact_uri": "artifact_uri", "experiment_id": "experiment_id", "run_name": "name",
}  # fmt: skip
_TIMES = ("start_time", "end_time")
_NULL = "null"


@dataclass(frozen=True, slots=True)
class _Key:
    """One sort key: a value of the table of runs, or the value ``v`` of a question that has it by run_key."""

    direction: str
    own: str | None = None
    source: str | None = None


@dataclass(slots=True)
class Sorting:
    """What puts runs in order: the first key decides; equal ones come by start, newest first, then by id.

    Attributes:
        parameters: what was typed.
    """

    keys: list[_Key] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)

    @property
    def joins(self) -> bool:
        """Whether other tables take part."""
        return any(key.source is not None for key in self.keys)

    def question(self, conditions: Sequence[str]) -> str:
        """Return the SQL that gives the keys of the runs that meet all conditions, in order."""
        parts = fragments("run_index")
        joins, order = [], []
        for n, key in enumerate(self.keys):
            value = key.own or parts["joined"].format(n=n)
            if key.source is not None:
                joins.append(parts["join"].format(n=n, source=key.source))
            order.append(parts["ordered"].format(value=value, direction=key.direction))
        return parts["index"].format(
            joins="\n".join(joins),
            conditions=" and ".join(conditions) or "true",
            order=", ".join(order) or _NULL,
        )

    def frugal_question(self, conditions: Sequence[str]) -> str:
        """Return SQL for the same that takes little memory, and more time."""
        parts = fragments("run_index")
        names = [f"k{n}" for n in range(len(self.keys))]

        def values(of: Sequence[str]) -> str:
            return ", ".join(f"{value} as {name}" for value, name in zip(of, names, strict=True)) or _NULL

        branches = []
        for n, key in enumerate(self.keys):
            if key.source is not None:
                only = [_NULL] * len(names)
                only[n] = "v"
                branches.append(parts["branch"].format(values=values(only), source=key.source))
        gathered = (parts["gathered"].format(n=n) for n in range(len(names)))
        order = [
            parts["ordered"].format(value=value, direction=key.direction)
            for value, key in zip(gathered, self.keys, strict=True)
        ]
        return parts["index_in_little_room"].format(
            values=values([key.own or _NULL for key in self.keys]),
            conditions=" and ".join(conditions) or "true",
            branches="\n".join(branches),
            order=", ".join(order) or _NULL,
        )


def sorting(
    keys: Sequence[tuple[str, bool]], live_runs: Mapping[str, Sequence[str]] | None = None
) -> Sorting:
    """Return what puts runs in order, those without a value last either way.

    Args:
        keys: (column id, descending), the first deciding.
        live_runs: the runs that are live, by environment; asked for ``live.environment`` only.

    Raises:
        UsageError: a column is not known, or there are too many keys.
    """
    if len(keys) > MOST_KEYS:
        raise UsageError(f"{len(keys)} columns to sort by", f"name {MOST_KEYS} at most")
    found = Sorting()
    for n, (column, descending) in enumerate(keys):
        kind, key = split_id(column)
        direction = _DOWN if descending else _UP
        if kind == "attribute":
            found.keys.append(_Key(direction, own=_attribute(key)))
        elif kind == METRIC:
            found.parameters[f"sort{n}"] = key
            found.keys.append(_Key(_UP, source=fragments("run_index")[f"metric_{direction}"].format(n=n)))
        else:
            found.keys.append(_Key(_UP, source=_ranked(found, n, kind, key, direction, live_runs or {})))
    return found


def _attribute(key: str) -> str:
    parts = fragments("run_index")
    if key in _TEXTS:
        return parts["own_text"].format(column=_TEXTS[key])
    return parts["own"].format(column=key) if key in _TIMES else parts[key]  # duration, experiment


def _ranked(
    found: Sorting, n: int, kind: str, key: str, direction: str, live_runs: Mapping[str, Sequence[str]]
) -> str:
    """Return the question for the rank of texts and of numbers that were logged as text."""
    parts = fragments("run_index")
    name, column = kind, key
    if kind in (PARAM, TAG):
        found.parameters[f"sort{n}"] = key
    elif kind == "code":
        name = {"commit": "code_commit", "branch": "code_branch"}.get(key, "code_fact")
    elif kind == "version":
        column = {"number": "version"}.get(key, key)
    elif kind == "live":
        pairs = [(run, environment) for environment, runs in live_runs.items() for run in runs]
        found.parameters["live_runs"] = [run for run, _ in pairs]
        found.parameters["live_environments"] = [environment for _, environment in pairs]
    numbers = kind == PARAM or (kind, key) == ("version", "number")
    return parts["ranked"].format(
        source=parts[name].format(n=n, column=column),
        number=parts["as_number" if numbers else "as_text"],
        direction=direction,
    )
