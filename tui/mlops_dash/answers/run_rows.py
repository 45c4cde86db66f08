"""What a table shows of some runs: a question for each kind of column, however many runs there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_dash.answers.facts import Asks, moment
from mlops_dash.answers.run_names import METRIC, PARAM, TAG, column_id, split_id
from mlops_dash.answers.run_shapes import RunRow

Values = dict[str, float | str]
_QUESTIONS = {METRIC: "run_rows_metrics", PARAM: "run_rows_params", TAG: "run_rows_tags"}
_BETWEEN = ", "  # two values of one column


@dataclass(slots=True)
class _Asked:
    """Which columns are asked for, by kind."""

    keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    everything: bool = False

    def wants(self, kind: str) -> bool:
        return kind in self.keys or (self.everything and kind in (METRIC, PARAM, TAG))


def run_rows(
    store: Asks,
    run_ids: Sequence[str],
    columns: Iterable[str],
    live_runs: Mapping[str, Sequence[str]],
    *,
    everything: bool = False,
) -> tuple[RunRow, ...]:
    """Answer what a table shows of some runs, in the order of ``run_ids``; those that are gone are left out.

    Args:
        columns: ids of columns; a run has a value only where it has the fact.
        live_runs: the runs that are live, by environment.
        everything: every metric, parameter and tag but MLflow's own tags, too.

    Raises:
        UsageError: there is no such kind of column.
    """
    ids = list(dict.fromkeys(run_ids))
    if not ids:
        return ()
    asked = _Asked(everything=everything)
    for column in columns:
        kind, key = split_id(column)
        asked.keys[kind].append(key)
    values: dict[str, Values] = defaultdict(dict)
    for kind in (METRIC, PARAM, TAG):
        if asked.wants(kind):
            _logged(store, kind, ids, asked, values)
    for kind, read in _READERS.items():
        if asked.wants(kind):
            read(store, ids, asked.keys[kind], values)
    versions = _versions(store, ids)
    live = environments_by_run(live_runs)
    rows = {row["run_id"]: row for row in store.records("run_rows", run_ids=ids)}
    return tuple(
        _row(rows[one], asked, values.get(rows[one]["run_key"], {}), versions.get(one, ()), live.get(one, ()))
        for one in run_ids
        if one in rows
    )


def environments_by_run(live_runs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Turn round which runs are live in which environments."""
    found: dict[str, list[str]] = defaultdict(list)
    for environment, runs in live_runs.items():
        for run in runs:
            found[run].append(environment)
    return {run: tuple(dict.fromkeys(environments)) for run, environments in found.items()}


def _logged(store: Asks, kind: str, ids: list[str], asked: _Asked, values: dict[str, Values]) -> None:
    everything = asked.everything and kind != TAG
    keys = asked.keys.get(kind, [])
    if asked.everything and kind == TAG:
        keys = [*keys, *(row["key"] for row in store.records("run_columns_tags", most=20_000))]
    for row in store.records(_QUESTIONS[kind], run_ids=ids, keys=keys, everything=everything):
        if row["value"] is not None:
            values[row["run_key"]][column_id(kind, row["key"])] = row["value"]


def _code(store: Asks, ids: list[str], keys: list[str], values: dict[str, Values]) -> None:
    for row in store.records("run_rows_code", run_ids=ids):
        for key in keys:
            if row[key]:
                values[row["run_key"]][column_id("code", key)] = row[key].replace("\n", _BETWEEN)


def _data(store: Asks, ids: list[str], keys: list[str], values: dict[str, Values]) -> None:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in store.records("run_rows_data", run_ids=ids):
        for key in keys:
            if row[key]:
                found[row["run_key"], key].append(row[key])
    for (run_key, key), texts in found.items():
        values[run_key][column_id("data", key)] = _BETWEEN.join(dict.fromkeys(texts))


_READERS: dict[str, Callable[[Asks, list[str], list[str], dict[str, Values]], None]] = {
    "code": _code,
    "data": _data,
}


def _versions(store: Asks, ids: list[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in store.records("versions_of_runs", run_ids=ids, model_ids=[]):
        found[row["run_id"]].append((row["name"], row["version"]))
    return {run: tuple(pairs) for run, pairs in found.items()}


def _row(
    row: Mapping[str, Any],
    asked: _Asked,
    values: Values,
    versions: tuple[tuple[str, str], ...],
    live: tuple[str, ...],
) -> RunRow:
    for key in asked.keys.get("attribute", ()):
        if (value := _attribute(row, key)) is not None:
            values[column_id("attribute", key)] = value
    for key in asked.keys.get("version", ()):
        if versions:
            values[column_id("version", key)] = _BETWEEN.join(
                dict.fromkeys(name if key == "name" else number for name, number in versions)
            )
    if live and "live" in asked.keys:
        values[column_id("live", "environment")] = _BETWEEN.join(live)
    return RunRow(
        run_id=row["run_id"],
        name=row["name"],
        experiment=row["experiment"] or "",
        status=row["status"] or "",
        user=row["user_id"] or None,
        started_at=moment(row["start_time"]),
        ended_at=moment(row["end_time"]),
        deleted=bool(row["deleted"]),
        values=values,
        versions=versions,
        live=live,
    )


def _attribute(row: Mapping[str, Any], key: str) -> float | str | None:
    """Return an attribute: times as text in UTC, the duration in seconds."""
    if key == "duration":
        if row["start_time"] is None or row["end_time"] is None:
            return None
        return float(row["end_time"] - row["start_time"]) / 1000
    if key in ("start_time", "end_time"):
        at = moment(row[key])
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at is not None else None
    column = {"run_name": "name", "user": "user_id", "source": "source_name"}.get(key, key)
    return row[column] or None
