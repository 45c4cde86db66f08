"""All that is known of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_dash.answers.curves import curve
from mlops_dash.answers.facts import COMMIT_TAG, Asks, load_dvc, load_runs
from mlops_dash.answers.live import metric_rules
from mlops_dash.answers.run_rows import environments_by_run
from mlops_dash.answers.run_shapes import RunWhole
from mlops_dash.config import Config
from mlops_dash.domain.metrics import MetricRules, direction, primary_metric
from mlops_dash.domain.recorded import is_bulky

if TYPE_CHECKING:
    from mlops_dash.answers.compare_shapes import CurvesAnswer

CURVES = 4
"""How many metrics have their history with them."""

Curves = Callable[[Sequence[str], Sequence[str]], "CurvesAnswer"]


def run_whole(
    store: Asks, config: Config, run_id: str, live_runs: Mapping[str, Sequence[str]], curves: Curves
) -> RunWhole | None:
    """Answer all that is known of a run; ``None`` where it is gone.

    Args:
        live_runs: the runs that are live, by environment.
        curves: reads histories of metrics.
    """
    facts = load_runs(store, [run_id])
    run = facts.runs.get(run_id)
    if run is None:
        return None
    rows = store.records("run_whole_tags", run_id=run_id)
    tags = {row["key"]: row["value"] or "" for row in rows if not is_bulky(row["key"])}
    commit = tags.get(COMMIT_TAG) or None
    data = [*facts.data.get(run_id, ()), *load_dvc(store, [commit] if commit else []).get(commit or "", ())]
    versions = store.records("versions_of_runs", run_ids=[run_id], model_ids=[])
    keys = telling_metrics(list(run.metrics), metric_rules(config))
    histories = curves([run_id], keys).curves if keys else ()
    thinned = {one.key: curve([point.value for point in one.points]) for one in histories}
    return RunWhole(
        run=run,
        tags=tags,
        code=commit,
        data=tuple(data),
        versions=tuple((row["name"], row["version"]) for row in versions),
        live=environments_by_run(live_runs).get(run_id, ()),
        curves={key: thinned[key] for key in keys if len(thinned.get(key, ())) > 1},
    )


def telling_metrics(keys: Sequence[str], rules: MetricRules, most: int = CURVES) -> list[str]:
    """Return the metrics that matter: the primary one, then those whose direction is known, then others."""
    primary = primary_metric(keys, rules)
    return sorted(keys, key=lambda key: (key != primary, direction(key, rules) is None, len(key), key))[:most]
