"""What MLflow's own client says of a tracking store, in the shape of our tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from conformance.board import Content

LARGEST = 1.7976931348623157e308  # as which databases keep infinities for MLflow
PROFILE = 2000  # characters that we keep


def everything(client: Any) -> Content:
    """Ask for all that the client can tell; rows are in a fixed order."""
    experiments = _pages(client.search_experiments, view_type=3)
    ids = [experiment.experiment_id for experiment in experiments]
    runs = _pages(client.search_runs, experiment_ids=ids, run_view_type=3)
    models = _pages(client.search_registered_models)
    # the file store's search finds deleted versions, too, which it refuses to get
    versions = [v for v in _pages(client.search_model_versions) if v.current_stage != "Deleted_Internal"]
    said = {
        "experiment": [
            (e.experiment_id, e.name, e.lifecycle_stage, e.artifact_location, e.last_update_time)
            for e in experiments
        ],
        "run": [_run(run.info) for run in runs],
        "param": [(run.info.run_id, key, value) for run in runs for key, value in run.data.params.items()],
        "tag": [(run.info.run_id, key, value) for run in runs for key, value in run.data.tags.items()],
        "metric": [_metric(run.info.run_id, metric) for run in runs for metric in run.data._metric_objs],
        "used datasets": [row for run in runs for row in _datasets(run)],
        "logged_model": list(_logged_models(client, ids)),
        "registered_model": [
            (m.name, m.creation_timestamp, m.last_updated_timestamp, m.description or None) for m in models
        ],
        "model_version": [_version(version) for version in versions],
        "model_alias": [(m.name, alias, str(v)) for m in models for alias, v in m.aliases.items()],
        "model_version_tag": [
            (v.name, str(v.version), key, value) for v in versions for key, value in v.tags.items()
        ],
    }
    return {table: in_order(rows) for table, rows in said.items()}


def histories(client: Any, run_id: str, keys: list[str]) -> list[tuple[Any, ...]]:
    """Every logged value, in order."""
    return in_order(
        [
            (run_id, metric.key, metric.step, metric.timestamp, number(metric.value))
            for key in keys
            for metric in client.get_metric_history(run_id, key)
        ]
    )


def in_order(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sort rows that may hold nulls; an empty description or name is none."""
    return sorted(rows, key=lambda row: [(value is None, repr(value)) for value in row])


def number(value: float) -> float | None:
    """A metric's value as our tables hold it."""
    if math.isnan(value):
        return None
    return math.copysign(math.inf, value) if abs(value) >= LARGEST else value


def _pages(search: Callable[..., Any], **arguments: Any) -> list[Any]:
    found: list[Any] = []
    token: str | None = None
    while True:
        page = search(**arguments, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _run(info: Any) -> tuple[Any, ...]:
    return (
        info.run_id,
        info.experiment_id,
        info.run_name,
        info.status,
        info.start_time,
        info.end_time,
        info.lifecycle_stage,
        info.user_id,
        info.artifact_uri,
    )


def _metric(run_id: str, metric: Any) -> tuple[Any, ...]:
    value = number(metric.value)
    return run_id, metric.key, value, metric.step, metric.timestamp, value is None


def _datasets(run: Any) -> Iterator[tuple[Any, ...]]:
    for used in run.inputs.dataset_inputs if run.inputs else ():
        dataset = used.dataset
        tags = sorted(f"{tag.key}={tag.value}" for tag in used.tags)
        profile = dataset.profile[:PROFILE] if dataset.profile else dataset.profile
        yield (
            run.info.run_id,
            run.info.experiment_id,
            dataset.name,
            dataset.digest,
            dataset.source_type,
            dataset.source,
            profile,
            tags,
        )


def _logged_models(client: Any, experiments: list[str]) -> Iterator[tuple[Any, ...]]:
    for model in _pages(client.search_logged_models, experiment_ids=experiments):
        yield (
            model.model_id,
            model.experiment_id,
            model.name,
            model.artifact_location,
            model.source_run_id,
            str(model.status),
            model.creation_timestamp,
        )


def _version(version: Any) -> tuple[Any, ...]:
    return (
        version.name,
        str(version.version),
        version.run_id or None,
        version.source,
        version.current_stage,
        version.status,
        version.creation_timestamp,
        version.last_updated_timestamp,
        version.user_id or None,
        version.description or None,
    )
