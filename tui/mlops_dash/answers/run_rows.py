"""What a table shows of some runs: a question for each kind of column, however many runs there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_dash.answers.facts import Asks, moment
from mlops_dash.answers.run_names import METRIC, PARAM, TAG, column_id, split_id
from mlops_dash.answers.run_shapes import RunRow

Values = dict[str, float | str]
_QUESTIONS = {METRIC: "run_rows_metrics", PARAM: "run_rows_params", TAG: "run_rows_tags"}
_BETWEEN = ", "  # two values of one column


@dataclass(slots=True)
class _Found:
    """What is asked for, by kind of column, and what was found, by the key of the run."""

    store: Asks
    ids: list[str]
    keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    everything: bool = False
    values: dict[str, Values] = field(default_factory=lambda: defaultdict(dict))
    commits: dict[str, str] = field(default_factory=dict)
    data: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))


def run_rows(
    store: Asks,
    run_ids: Sequence[str],
    columns: Iterable[str],
    live_runs: Mapping[str, Sequence[str]],
    *,
    everything: bool = False,
    joined: bool = False,
) -> tuple[RunRow, ...]:
    """Answer what a table shows of some runs, in the order of ``run_ids``; those that are gone are left out.

    Args:
        columns: ids of columns; a run has a value only where it has the fact.
        live_runs: the runs that are live, by environment.
        everything: every metric, parameter and tag but MLflow's own tags, too.
        joined: commits and datasets, too, whatever the columns are.

    Raises:
        UsageError: there is no such kind of column.
    """
    found = _Found(store, list(dict.fromkeys(run_ids)), everything=everything)
    for column in columns:
        kind, key = split_id(column)
        found.keys[kind].append(key)
    if not found.ids:
        return ()
    for kind in _QUESTIONS:
        if everything or kind in found.keys:
            _logged(found, kind)
    if joined or "code" in found.keys:
        _code(found)
    if joined or "data" in found.keys:
        _data(found)
    versions = _versions(store, found.ids)
    live = environments_by_run(live_runs)
    rows = {row["run_id"]: row for row in store.records("run_rows", run_ids=found.ids)}
    return tuple(
        _row(rows[one], found, versions.get(one, ()), live.get(one, ())) for one in run_ids if one in rows
    )


def environments_by_run(live_runs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Turn round which runs are live in which environments."""
    found: dict[str, list[str]] = defaultdict(list)
    for environment, runs in live_runs.items():
        for run in runs:
            found[run].append(environment)
    return {run: tuple(dict.fromkeys(environments)) for run, environments in found.items()}


def _logged(found: _Found, kind: str) -> None:
    rows = found.store.records(
        _QUESTIONS[kind], run_ids=found.ids, keys=found.keys.get(kind, []), everything=found.everything
    )
    for row in rows:
        if row["value"] is not None:
            found.values[row["run_key"]][column_id(kind, row["key"])] = row["value"]


def _code(found: _Found) -> None:
    keys = found.keys.get("code", [])
    for row in found.store.records("run_rows_code", run_ids=found.ids):
        run = row["run_key"]
        if row["commit"]:
            found.commits[run] = row["commit"]
        for key in keys:
            if row[key]:
                found.values[run][column_id("code", key)] = row[key].replace("\n", _BETWEEN)


def _data(found: _Found) -> None:
    for row in found.store.records("run_rows_data", run_ids=found.ids):
        found.data[row["run_key"]].append((row["name"] or "", row["digest"] or ""))
    for key in found.keys.get("data", ()):
        for run, pairs in found.data.items():
            texts = [text for text in (name if key == "name" else digest for name, digest in pairs) if text]
            if texts:
                found.values[run][column_id("data", key)] = _BETWEEN.join(dict.fromkeys(texts))


def _versions(store: Asks, ids: list[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in store.records("versions_of_runs", run_ids=ids, model_ids=[]):
        found[row["run_id"]].append((row["name"], row["version"]))
    return {run: tuple(pairs) for run, pairs in found.items()}


def _row(
    row: Mapping[str, Any], found: _Found, versions: tuple[tuple[str, str], ...], live: tuple[str, ...]
) -> RunRow:
    values = found.values.get(row["run_key"], {})
    for key in found.keys.get("attribute", ()):
        if (value := _attribute(row, key)) is not None:
            values[column_id("attribute", key)] = value
    for key in found.keys.get("version", ()):
        if versions:
            texts = (name if key == "name" else number for name, number in versions)
            values[column_id("version", key)] = _BETWEEN.join(dict.fromkeys(texts))
    if live and "live" in found.keys:
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
        commit=found.commits.get(row["run_key"]),
        data=tuple(found.data.get(row["run_key"], ())),
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
