"""Experiments, datasets, logged models and registered models of the file store as rows.

Their layout: ``mlflow/store/tracking/file_store.py`` and ``mlflow/store/model_registry/file_store.py``.
"""

from __future__ import annotations

from typing import Any

from mlops_dash.sources.mlflow.files import meta
from mlops_dash.sources.mlflow.files.disk import META, Flag, Found, name
from mlops_dash.sources.mlflow.files.rows import Kind, Rows
from mlops_dash.sources.mlflow.files.runs import Reader, read_run
from mlops_dash.sources.mlflow.files.units import (
    Files,
    Means,
    Outcome,
    Unit,
    concluded,
    files_of,
    read_meta,
    read_text,
)

_PROFILE = 2000  # characters of a dataset's profile that are kept
_VERSION = "version-"
_STATUS = {1: "PENDING", 2: "READY", 3: "FAILED"}
_GONE = "Deleted_Internal"  # the stage that MLflow gives to a deleted version


def read_experiment(unit: Unit, rows: Rows, _: Means) -> Outcome:
    """Read one experiment's own facts."""

    def fill(found: dict[str, Any]) -> bool:
        if not {"name", "artifact_location"} <= found.keys():
            raise meta.DamagedError("what every experiment says is missing")
        if meta.text(found.get("experiment_id")) != unit.folder:
            raise LookupError(unit.folder)
        lifecycle = "deleted" if unit.deleted else meta.text(found.get("lifecycle_stage", "active"))
        location = meta.text(found["artifact_location"])
        updated = meta.integer(found.get("last_update_time"))
        rows.of["experiment"].append(
            (unit.experiment, meta.text(found["name"]), lifecycle, location, updated)
        )
        return False

    return concluded(unit, files_of(unit.kind, unit.path), fill)


def read_dataset(unit: Unit, rows: Rows, _: Means) -> Outcome:
    """Read one dataset's facts."""

    def fill(found: dict[str, Any]) -> bool:
        if not {"name", "digest", "source", "source_type"} <= found.keys():
            raise meta.DamagedError("what every dataset says is missing")
        profile = meta.text(found.get("profile"))
        rows.of["dataset"].append(
            (
                unit.identity,
                unit.experiment,
                meta.text(found["name"]),
                meta.text(found["digest"]),
                meta.text(found.get("source_type")),
                meta.text(found.get("source")),
                None if profile is None else profile[:_PROFILE],
            )
        )
        return False

    return concluded(unit, files_of(unit.kind, unit.path), fill)


def read_logged_model(unit: Unit, rows: Rows, _: Means) -> Outcome:
    """Read one logged model's facts."""

    def fill(found: dict[str, Any]) -> bool:
        if not {"model_id", "experiment_id", "status"} <= found.keys():
            raise meta.DamagedError("what every logged model says is missing")
        if (
            meta.text(found["model_id"]) != unit.folder
            or meta.text(found["experiment_id"]) != unit.experiment
        ):
            raise LookupError(unit.folder)
        if found.get("lifecycle_stage") == "deleted":
            return False
        number = found["status"]
        status = _STATUS.get(number) if isinstance(number, int) else meta.text(number)
        rows.of["logged_model"].append(
            (
                name(unit.folder),
                unit.experiment,
                meta.text(found.get("name")),
                meta.text(found.get("artifact_location")),
                meta.text(found.get("source_run_id")),
                status,
                meta.integer(found.get("creation_timestamp")),
            )
        )
        return status == "PENDING"

    return concluded(unit, files_of(unit.kind, unit.path), fill)


def read_model(unit: Unit, rows: Rows, _: Means) -> Outcome:
    """Read one registered model with its versions, their tags, and its aliases."""
    files = files_of(unit.kind, unit.path)

    def fill(found: dict[str, Any]) -> bool:
        if "name" not in found:
            raise meta.DamagedError("what every registered model says is missing")
        if meta.text(found["name"]) != unit.folder:
            raise LookupError(unit.folder)
        created = meta.integer(found.get("creation_timestamp"))
        updated = meta.integer(found.get("last_updated_timestamp"))
        row = (name(unit.folder), created, updated, meta.text(found.get("description")))
        rows.of["registered_model"].append(row)
        _fill_versions(unit, files, rows)
        return True

    return concluded(unit, files, fill)


def _fill_versions(unit: Unit, files: Files, rows: Rows) -> None:
    model = name(unit.folder)
    tags: list[tuple[str, str, Found]] = []
    shown = set()
    for found in files.below[""]:
        folder, _, rest = found.key.partition("/")
        if folder.startswith(_VERSION):
            version = name(folder.removeprefix(_VERSION))
            if rest == META and _fill_version(model, version, found, files, rows):
                shown.add(version)
            elif rest.startswith("tags/"):
                tags.append((version, name(rest.removeprefix("tags/")), found))
        elif folder == "aliases" and rest:
            version_of = read_text(found, files.look)
            if version_of is not None:
                rows.of["model_alias"].append((model, name(rest), version_of.strip()))
    for version, key, found in tags:
        value = read_text(found, files.look) if version in shown else None
        if value is not None:
            rows.of["model_version_tag"].append((model, version, key, value))


def _fill_version(model: str, version: str, place: Found, files: Files, rows: Rows) -> bool:
    """Add a version; return whether it is shown: a deleted one is not."""
    try:
        found = read_meta(place.path)
    except FileNotFoundError:
        return False
    except meta.DamagedError:
        files.look.flags |= Flag.DAMAGED
        return False
    except OSError:
        files.look.flags |= Flag.FORBIDDEN
        return False
    if meta.text(found.get("version")) != version:  # cut, or put there by something else
        files.look.flags |= Flag.DAMAGED
        return False
    if found.get("current_stage") == _GONE:
        return False
    texts = {key: meta.text(value) for key, value in found.items()}
    rows.of["model_version"].append(
        (
            model,
            version,
            texts.get("run_id"),
            texts.get("source"),
            texts.get("storage_location"),
            texts.get("current_stage"),
            texts.get("status"),
            meta.integer(found.get("creation_timestamp")),
            meta.integer(found.get("last_updated_timestamp")),
            texts.get("user_id"),
            texts.get("description"),
        )
    )
    return True


READERS: dict[Kind, Reader] = {
    Kind.EXPERIMENT: read_experiment,
    Kind.DATASET: read_dataset,
    Kind.LOGGED_MODEL: read_logged_model,
    Kind.MODEL: read_model,
    Kind.RUN: read_run,
}
