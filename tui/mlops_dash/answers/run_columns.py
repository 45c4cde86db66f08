"""Which columns can a table of runs have, and which does it have unless others were chosen?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_dash.answers.facts import Asks
from mlops_dash.answers.run_names import FIXED, METRIC, PARAM, TAG, column_id, split_id
from mlops_dash.answers.run_shapes import RunColumn, RunColumns
from mlops_dash.domain.metrics import MetricRules, direction, primary_metric

MOST_KEYS = 20_000
"""Of each kind, those that most runs have."""

_QUESTIONS = {
    "attribute": "run_columns_own", "code": "run_columns_code", "data": "run_columns_data",
    "version": "run_columns_versions",
}  # fmt: skip
_METRICS_SHOWN = 4
_PARAMS_SHOWN = 4
_BEFORE = ("attributes.experiment", "attributes.start_time")
_AFTER = (
    "code.commit", "data.digest", "attributes.user", "attributes.duration", "attributes.status",
)  # fmt: skip
_ALWAYS = ("attributes.start_time", "attributes.status")


def run_columns(
    store: Asks, rules: MetricRules, live_runs: Mapping[str, Sequence[str]] | None = None
) -> RunColumns:
    """Answer which columns there are: metrics, parameters and tags by how many runs have them.

    Args:
        rules: what the configuration says of metrics.
        live_runs: the runs that are live, by environment.
    """
    metrics = [
        RunColumn(
            column_id(METRIC, row["key"]), METRIC, row["key"], row["runs"], row["varies"],
            direction(row["key"], rules),
        )
        for row in store.records("run_columns_metrics", most=MOST_KEYS)
    ]  # fmt: skip
    params = [
        RunColumn(column_id(PARAM, row["key"]), PARAM, row["key"], row["runs"], row["varies"])
        for row in store.records("run_columns_params", most=MOST_KEYS)
    ]
    tags = [
        RunColumn(column_id(TAG, row["key"]), TAG, row["key"], row["runs"], row["varies"])
        for row in store.records("run_columns_tags", most=MOST_KEYS)
    ]
    facts = _facts(store, live_runs or {})
    return RunColumns((*metrics, *params, *tags, *facts), _default(metrics, params, facts, rules))


def _facts(store: Asks, live_runs: Mapping[str, Sequence[str]]) -> list[RunColumn]:
    told: dict[str, tuple[int, bool]] = {}
    for kind, question in _QUESTIONS.items():
        for row in store.records(question):
            told |= {column_id(kind, key): (fact["runs"], fact["varies"]) for key, fact in row.items()}
    live = {run for runs in live_runs.values() for run in runs}
    told["live.environment"] = (len(live), sum(1 for runs in live_runs.values() if runs) > 1)
    found = []
    for column in FIXED:
        kind, key = split_id(column)
        found.append(RunColumn(column, kind, key, *told.get(column, (0, False))))
    return found


def _default(
    metrics: Sequence[RunColumn], params: Sequence[RunColumn], facts: Sequence[RunColumn], rules: MetricRules
) -> tuple[str, ...]:
    """Return what tells runs apart, the metrics that matter first.

    What is the same in all runs is left out, but for metrics where none differs.
    """
    named = [column.key for column in metrics]
    primary = primary_metric(named, rules)

    def weight(column: RunColumn) -> tuple[bool, bool, bool, int, int, str]:
        configured = column.key in rules.lower or column.key in rules.higher
        known = column.better is not None
        return (column.key != primary, not configured, not known, -column.runs, len(column.key), column.key)

    telling = [column for column in metrics if column.varies] or list(metrics)
    chosen = sorted(telling, key=weight)[:_METRICS_SHOWN]
    if primary is not None:  # shown even where it is the same in all runs
        chosen = [c for c in metrics if c.key == primary] + [c for c in chosen if c.key != primary]
    varied = sorted((c for c in params if c.varies), key=lambda c: (-c.runs, c.key))
    there = {column.id for column in facts if column.runs and (column.varies or column.id in _ALWAYS)}
    return (
        *(column for column in _BEFORE if column in there),
        *(column.id for column in chosen[:_METRICS_SHOWN]),
        *(column.id for column in varied[:_PARAMS_SHOWN]),
        *(column for column in _AFTER if column in there),
    )
