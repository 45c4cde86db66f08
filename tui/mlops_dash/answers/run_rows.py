"""What a table shows of some runs: one question, however many runs and columns there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_dash.answers.facts import moment
from mlops_dash.answers.run_index import AsksMore
from mlops_dash.answers.run_names import METRIC, PARAM, TAG, column_id, split_id
from mlops_dash.answers.run_shapes import RunRow
from mlops_dash.store.questions import fragments

Values = dict[str, float | str]
_LOGGED = (METRIC, PARAM, TAG)
_BETWEEN = ", "  # two values of one column


@dataclass(slots=True)
class _Found:
    """What is asked for, by kind of column, and what was found, by the key of the run."""

    keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=lambda: defaultdict(dict))
    commits: dict[str, str] = field(default_factory=dict)
    data: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))


def run_rows(
    store: AsksMore,
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
    ids, found = list(dict.fromkeys(run_ids)), _Found()
    for column in columns:
        kind, key = split_id(column)
        found.keys[kind].append(key)
    if not ids:
        return ()
    question, parameters = _question(found, everything=everything, joined=joined)
    for kind, run, key, text, number, facts in store.composed(
        "run_rows", question, {"run_ids": ids} | parameters
    ):
        _take(found, kind, run, key, text if number is None else number, facts)
    _describe_data(found)
    versions = _versions(store, ids)
    live = environments_by_run(live_runs)
    keys = {run_id: run for run, (run_id, _) in found.rows.items()}
    return tuple(
        _row(one, found, keys[one], versions.get(one, ()), live.get(one, ()))
        for one in run_ids
        if one in keys
    )


def _question(found: _Found, *, everything: bool, joined: bool) -> tuple[str, dict[str, object]]:
    """Put together the question for what is asked for."""
    parts = fragments("run_rows")
    logged = [kind for kind in _LOGGED if everything or kind in found.keys]
    code = found.keys.get("code", ())
    commits = joined or bool(code)
    lists = [parts["wanted"], *(parts[f"{kind}_of"] for kind in logged)]
    if commits and TAG not in logged:
        lists.append(parts["tag_of"])
    asked = [parts["run"], *(parts[kind] for kind in logged)]
    parameters: dict[str, object] = {}
    for kind in logged:
        parameters |= {f"every_{kind}": everything, f"{kind}s": found.keys.get(kind, [])}
    if commits:
        asked.append(parts["commit"])
    if described := [key for key in code if key != "commit"]:
        asked.append(parts["described"])
        parameters["code"] = described
    if joined or "data" in found.keys:
        asked.append(parts["data"])
    return ",\n".join(lists) + "\n" + "\nunion all\n".join(asked), parameters


def _take(
    found: _Found, kind: str, run: str, key: str, value: float | str | None, facts: Mapping[str, Any] | None
) -> None:
    """Take one row of the answer."""
    if kind == "run" and facts is not None:
        found.rows[run] = (key, facts)
    elif kind == "data":
        found.data[run].add((key, str(value)))
    elif value is None:
        return
    elif kind == "commit":
        found.commits[run] = str(value)
        if "commit" in found.keys.get("code", ()):
            found.values[run][column_id("code", key)] = value
    else:
        text = str(value).replace("\n", _BETWEEN) if kind == "code" else value
        found.values[run][column_id(kind, key)] = text


def _describe_data(found: _Found) -> None:
    for key in found.keys.get("data", ()):
        for run, pairs in found.data.items():
            texts = [
                text for text in (name if key == "name" else digest for name, digest in sorted(pairs)) if text
            ]
            if texts:
                found.values[run][column_id("data", key)] = _BETWEEN.join(dict.fromkeys(texts))


def environments_by_run(live_runs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Turn round which runs are live in which environments."""
    found: dict[str, list[str]] = defaultdict(list)
    for environment, runs in live_runs.items():
        for run in runs:
            found[run].append(environment)
    return {run: tuple(dict.fromkeys(environments)) for run, environments in found.items()}


def _versions(store: AsksMore, ids: list[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in store.records("versions_of_runs", run_ids=ids, model_ids=[]):
        found[row["run_id"]].append((row["name"], row["version"]))
    return {run: tuple(pairs) for run, pairs in found.items()}


def _row(
    run_id: str, found: _Found, key_of: str, versions: tuple[tuple[str, str], ...], live: tuple[str, ...]
) -> RunRow:
    row, values = found.rows[key_of][1], found.values.get(key_of, {})
    for key in found.keys.get("attribute", ()):
        if (value := _attribute(row, run_id, key)) is not None:
            values[column_id("attribute", key)] = value
    for key in found.keys.get("version", ()):
        if versions:
            texts = (name if key == "name" else number for name, number in versions)
            values[column_id("version", key)] = _BETWEEN.join(dict.fromkeys(texts))
    if live and "live" in found.keys:
        values[column_id("live", "environment")] = _BETWEEN.join(live)
    return RunRow(
        run_id=run_id,
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
        commit=found.commits.get(key_of),
        data=tuple(sorted(found.data.get(key_of, ()))),
    )


def _attribute(row: Mapping[str, Any], run_id: str, key: str) -> float | str | None:
    """Return an attribute: times as text in UTC, the duration in seconds."""
    if key == "duration":
        if row["start_time"] is None or row["end_time"] is None:
            return None
        return float(row["end_time"] - row["start_time"]) / 1000
    if key in ("start_time", "end_time"):
        at = moment(row[key])
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at is not None else None
    if key == "run_id":
        return run_id
    column = {"run_name": "name", "user": "user_id", "source": "source_name"}.get(key, key)
    return row[column] or None
