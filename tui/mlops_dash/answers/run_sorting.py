"""Sort keys of runs as parts of one question: fixed words of SQL, with the keys as parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlops_dash.answers.run_names import METRIC, PARAM, TAG, split_id
from mlops_dash.errors import UsageError
from mlops_dash.store.questions import fragments

MOST_KEYS = 8
_DIRECTIONS = {False: "asc", True: "desc"}
_TEXTS = {
    "run_id": "run_id", "status": "status", "user": "user_id", "source": "source_name",
    "artifact_uri": "artifact_uri", "experiment_id": "experiment_id", "run_name": "name",
}  # fmt: skip
_TIMES = ("start_time", "end_time")


@dataclass(slots=True)
class Sorting:
    """The parts of the question that put runs in order."""

    joins: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)


def sorting(
    keys: Sequence[tuple[str, bool]], live_runs: Mapping[str, Sequence[str]] | None = None
) -> Sorting:
    """Return the parts for sort keys: (column id, descending), the first deciding.

    Runs without a value come last either way; equal ones are in the order of start, newest first, then of id.

    Args:
        live_runs: the runs that are live, by environment; asked for ``live.environment`` only.

    Raises:
        UsageError: a column is not known, or there are too many keys.
    """
    if len(keys) > MOST_KEYS:
        raise UsageError(f"{len(keys)} columns to sort by", f"name {MOST_KEYS} at most")
    found = Sorting()
    for number, (column, descending) in enumerate(keys):
        kind, key = split_id(column)
        if kind == "attribute":
            found.order.append(_attribute(key, _DIRECTIONS[descending]))
        else:
            _joined(found, number, kind, key, _DIRECTIONS[descending], live_runs or {})
    found.order.append(fragments("run_index")["ties"])
    return found


def _attribute(key: str, direction: str) -> str:
    parts = fragments("run_index")
    if key in _TEXTS:
        return parts["by_text"].format(column=_TEXTS[key], direction=direction)
    if key in _TIMES:
        return parts["by_time"].format(column=key, direction=direction)
    return parts[f"by_{key}"].format(direction=direction)  # duration, experiment


def _joined(
    found: Sorting, n: int, kind: str, key: str, direction: str, live_runs: Mapping[str, Sequence[str]]
) -> None:
    parts = fragments("run_index")
    if kind in (METRIC, PARAM, TAG):
        found.parameters[f"sort{n}"] = key
    if kind == METRIC:
        found.joins.append(parts["metric"].format(n=n))
        found.order.append(parts[f"by_metric_{direction}"].format(n=n))
        return
    name, column = kind, key
    if kind == "code":
        name = {"commit": "code_commit", "branch": "code_branch"}.get(key, "code_fact")
    elif kind == "version":
        column = {"number": "version"}.get(key, key)
    elif kind == "live":
        pairs = [(run, environment) for environment, runs in live_runs.items() for run in runs]
        found.parameters["live_runs"] = [run for run, _ in pairs]
        found.parameters["live_environments"] = [environment for _, environment in pairs]
    numbers = kind == PARAM or (kind, key) == ("version", "number")
    number = parts["as_number" if numbers else "as_text"]
    source = parts[name].format(n=n, column=column)
    found.joins.append(parts["ranked"].format(n=n, source=source, number=number, direction=direction))
    found.order.append(parts["by_rank"].format(n=n))
