"""Runs, models and the registry, as they come over HTTP, as batches for the store's tables.

The protocol tells no ids of datasets and of their use: they are made from what makes them unique in MLflow's
databases (experiment, name and digest; run and dataset), so that every reading makes the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import chain

from mlops_dash.sources.base import Apply, Batch, Known
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.mlflow.http.protocol import (
    Experiment,
    LoggedModel,
    ModelVersion,
    RegisteredModel,
    Run,
    integer,
)

_PROFILE = 2000  # characters of a dataset's profile that are kept
_RUN_NAME = "mlflow.runName"
_PAGED = ("run", "param", "tag", "metric", "dataset_input", "dataset", "input_tag", "logged_model")
_DATASETS_REMEMBERED = 100_000


class Writer:
    """Makes batches of runs; remembers which datasets the store holds."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._datasets: set[str] = set()

    def runs(self, runs: Sequence[Run], replaced: Sequence[str]) -> Iterator[Batch]:
        """Yield batches that bring runs, instead of those that are ``replaced``.

        The runs' own rows come first: a run that the store holds is replaced whole when it is read again.
        """
        scope = tuple(replaced)
        inputs = self._known.rows("tracking_inputs_of_runs", run_ids=list(scope)) if scope else []
        yield _batch("run", _runs(runs) if runs else None, "run_id", scope)
        for table, rows in (
            ("param", _pairs([(run.id, run.data.params) for run in runs], "run_id")),
            ("tag", _pairs([(run.id, run.data.tags) for run in runs], "run_id")),
            ("metric", _metrics(runs)),
        ):
            if scope or rows.num_rows:
                yield _batch(table, rows if rows.num_rows else None, "run_id", scope)
        yield from self._used_data(runs, scope, tuple(row[0] for row in inputs))

    def _used_data(
        self, runs: Sequence[Run], scope: tuple[str, ...], gone: tuple[str, ...]
    ) -> Iterator[Batch]:
        used = [
            (run, used, _id(run.info.experiment_id, used.dataset.name, used.dataset.digest))
            for run in runs
            for used in run.inputs.dataset_inputs
        ]
        datasets = {key: (run.info.experiment_id, one.dataset) for run, one, key in used}
        new = [(key, *datasets[key]) for key in datasets if key not in self._datasets]
        if new:
            columns = Columns(
                texts={
                    "dataset_id": [key for key, _, _ in new],
                    "experiment_id": [experiment for _, experiment, _ in new],
                    "name": [dataset.name for _, _, dataset in new],
                    "digest": [dataset.digest for _, _, dataset in new],
                    "source_type": [dataset.source_type for _, _, dataset in new],
                    "source": [dataset.source for _, _, dataset in new],
                    "profile": [dataset.profile and dataset.profile[:_PROFILE] for _, _, dataset in new],
                }
            )
            yield Batch("dataset", columns, Apply.UPSERT, ("dataset_id",))
            if len(self._datasets) > _DATASETS_REMEMBERED:
                self._datasets.clear()
            self._datasets.update(datasets)
        inputs = {(run.id, key): (_id(run.id, key), one) for run, one, key in used}
        if inputs or scope:
            columns = Columns(
                texts={
                    "input_id": [name for name, _ in inputs.values()],
                    "dataset_id": [key for _, key in inputs],
                    "run_id": [run for run, _ in inputs],
                }
            )
            yield _batch("dataset_input", columns if inputs else None, "run_id", scope)
        tags = _pairs([(name, one.tags) for name, one in inputs.values()], "input_id")
        if tags.num_rows or gone:
            ours = {name for name, _ in inputs.values()}
            yield _batch("input_tag", tags if tags.num_rows else None, "input_id", tuple({*gone, *ours}))

    def sweep(self) -> Iterator[Batch]:
        """Yield the batch that takes away datasets that no run uses, after runs have gone."""
        unused = tuple(row[0] for row in self._known.rows("tracking_datasets_unused"))
        if unused:
            self._datasets.difference_update(unused)
            yield Batch("dataset", None, Apply.REPLACE_WHERE, ("dataset_id",), unused)


def empty() -> Iterator[Batch]:
    """Yield batches that empty the tables that are filled page by page."""
    for table in _PAGED:
        yield Batch(table, None, Apply.REPLACE)


def logged_models(models: Sequence[LoggedModel], replaced: Sequence[str]) -> Batch:
    """Return the batch that brings logged models, instead of those that are ``replaced``."""
    infos = [model.info for model in models]
    columns = Columns(
        texts={
            "model_id": [info.model_id for info in infos],
            "experiment_id": [info.experiment_id for info in infos],
            "name": [info.name for info in infos],
            "artifact_location": [info.artifact_uri for info in infos],
            "run_id": [info.source_run_id or None for info in infos],
            "status": [_model_status(info.status) for info in infos],
        },
        integers={"creation_time": [integer(info.creation_timestamp_ms) for info in infos]},
    )
    return _batch("logged_model", columns if models else None, "model_id", tuple(replaced))


def experiments(found: Sequence[Experiment]) -> Batch:
    """Return the batch that brings all experiments."""
    columns = Columns(
        texts={
            "experiment_id": [one.experiment_id for one in found],
            "name": [one.name for one in found],
            "lifecycle_stage": [one.lifecycle_stage for one in found],
            "artifact_location": [one.artifact_location for one in found],
        },
        integers={"last_update_time": [integer(one.last_update_time) for one in found]},
    )
    return Batch("experiment", columns, Apply.REPLACE)


def registered_models(found: Sequence[RegisteredModel], *, whole: bool) -> Iterator[Batch]:
    """Yield batches that bring registered models with their aliases; ``whole``: these are all."""
    names = tuple(model.name for model in found)
    columns = Columns(
        texts={"name": names, "description": [model.description or None for model in found]},
        integers={
            "creation_time": [integer(model.creation_timestamp) for model in found],
            "last_updated_time": [integer(model.last_updated_timestamp) for model in found],
        },
    )
    yield _whole_or_part("registered_model", columns, names, whole)
    pairs = [(model.name, alias) for model in found for alias in model.aliases]
    columns = Columns(
        texts={
            "name": [name for name, _ in pairs],
            "alias": [alias.alias for _, alias in pairs],
            "version": [alias.version for _, alias in pairs],
        }
    )
    yield _whole_or_part("model_alias", columns, names, whole)


def model_versions(found: Sequence[ModelVersion], *, whole: bool) -> Iterator[Batch]:
    """Yield batches that bring model versions with their tags; ``whole``: these are all."""
    columns = Columns(
        texts={
            "name": [one.name for one in found],
            "version": [one.version for one in found],
            "run_id": [one.run_id or None for one in found],
            "source": [one.source for one in found],
            "stage": [one.current_stage for one in found],
            "status": [one.status for one in found],
            "user_id": [one.user_id or None for one in found],
            "description": [one.description or None for one in found],
        },
        integers={
            "creation_time": [integer(one.creation_timestamp) for one in found],
            "last_updated_time": [integer(one.last_updated_timestamp) for one in found],
        },
    )
    tags = [(one.name, one.version, tag) for one in found for tag in one.tags]
    tag_columns = Columns(
        texts={
            "name": [name for name, _, _ in tags],
            "version": [version for _, version, _ in tags],
            "key": [tag.key for _, _, tag in tags],
            "value": [tag.value or "" for _, _, tag in tags],
        }
    )
    mode = Apply.REPLACE if whole else Apply.UPSERT
    keys = ("name", "version")
    yield Batch("model_version", columns, mode, () if whole else keys)
    if whole or tags:
        yield Batch("model_version_tag", tag_columns, mode, () if whole else keys)


def _whole_or_part(table: str, rows: Columns, names: tuple[str, ...], whole: bool) -> Batch:
    if whole:
        return Batch(table, rows, Apply.REPLACE)
    return Batch(table, rows, Apply.REPLACE_WHERE, ("name",), names)


def _batch(table: str, rows: Columns | None, key: str, scope: tuple[str, ...]) -> Batch:
    if scope:
        return Batch(table, rows, Apply.REPLACE_WHERE, (key,), scope)
    return Batch(table, rows, Apply.APPEND)


def _runs(runs: Sequence[Run]) -> Columns:
    infos = [run.info for run in runs]
    return Columns(
        texts={
            "run_id": [run.id for run in runs],
            "experiment_id": [info.experiment_id for info in infos],
            "name": [run.info.run_name or _name_of(run) for run in runs],
            "status": [info.status for info in infos],
            "lifecycle_stage": [info.lifecycle_stage for info in infos],
            "user_id": [info.user_id for info in infos],
            "artifact_uri": [info.artifact_uri for info in infos],
        },
        integers={
            "start_time": [integer(info.start_time) for info in infos],
            "end_time": [integer(info.end_time) for info in infos],
        },
    )


def _name_of(run: Run) -> str | None:
    return next((tag.value for tag in run.data.tags if tag.key == _RUN_NAME), None)


def _pairs(groups: Sequence[tuple[str, Sequence[object]]], owner: str) -> Columns:
    """Keys and values by what they belong to. An empty text comes as none over HTTP."""
    pairs = list(chain.from_iterable(found for _, found in groups))
    return Columns(
        texts={
            owner: [name for name, found in groups for _ in found],
            "key": [pair.key for pair in pairs],  # type: ignore[attr-defined]
            "value": [pair.value or "" for pair in pairs],  # type: ignore[attr-defined]
        }
    )


def _metrics(runs: Sequence[Run]) -> Columns:
    metrics = list(chain.from_iterable(run.data.metrics for run in runs))
    values = [metric.number for metric in metrics]
    return Columns(
        texts={
            "run_id": [run.id for run in runs for _ in run.data.metrics],
            "key": [metric.key for metric in metrics],
        },
        integers={
            "step": [integer(metric.step) or 0 for metric in metrics],
            "logged_at": [integer(metric.timestamp) for metric in metrics],
        },
        reals={"value": values},
        booleans={"is_nan": [value is None for value in values]},
    )


def _model_status(status: str | None) -> str | None:
    """Return MLflow's own word: ``READY`` for ``LOGGED_MODEL_READY``, ``FAILED`` for a failed upload."""
    if status is None:
        return None
    word = status.removeprefix("LOGGED_MODEL_").removeprefix("STATUS_")
    return "FAILED" if word == "UPLOAD_FAILED" else word


def _id(*parts: str) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
