"""Runs of the file store (``mlflow/store/tracking/file_store.py``) as rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from mlops_dash.sources.mlflow.files import meta
from mlops_dash.sources.mlflow.files.disk import Flag, Found, Look, content, name, opened
from mlops_dash.sources.mlflow.files.metrics import LARGE, Value, latest, stored
from mlops_dash.sources.mlflow.files.rows import Rows
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

_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_NEEDED = frozenset(("experiment_id", "user_id", "start_time", "end_time"))
_RUN_NAME = "mlflow.runName"


def read_run(unit: Unit, rows: Rows, means: Means) -> Outcome:
    """Read one run and all that belongs to it."""
    files = files_of(unit.kind, unit.path)

    def fill(found: dict[str, Any]) -> bool:
        return _fill(unit, files, found, rows, means)

    return concluded(unit, files, fill)


def _fill(unit: Unit, files: Files, found: dict[str, Any], rows: Rows, means: Means) -> bool:
    run_id = name(unit.folder)
    if not found.keys() >= _NEEDED or not ("run_id" in found or "run_uuid" in found):
        raise meta.DamagedError("what every run says is missing")
    said = meta.text(found.get("run_id") or found.get("run_uuid"))
    if said != unit.folder or meta.text(found["experiment_id"]) != unit.experiment:
        raise LookupError(run_id)
    _fill_params(run_id, files, rows)
    tagged = _fill_tags(run_id, files, rows)
    _fill_metrics(run_id, files, rows, means)
    for part in files.below["inputs"]:
        _fill_input(unit, part, files.look, rows)
    number = found.get("status", 1)
    status = _STATUS.get(number, meta.text(number)) if isinstance(number, int) else meta.text(number)
    lifecycle = "deleted" if unit.deleted else meta.text(found.get("lifecycle_stage", "active"))
    rows.of["run"].append(
        (
            run_id,
            unit.experiment,
            meta.text(found.get("run_name") or found.get("name")) or tagged,
            status,
            meta.integer(found["start_time"]),
            meta.integer(found["end_time"]),
            lifecycle,
            meta.integer(found.get("deleted_time")),
            meta.text(found["user_id"]),
            meta.text(found.get("source_name")),
            meta.text(found.get("artifact_uri")),
        )
    )
    return status in ("RUNNING", "SCHEDULED") and lifecycle != "deleted"


def _fill_params(run_id: str, files: Files, rows: Rows) -> None:
    add = rows.of["param"].append
    for found in files.below["params"]:
        value = read_text(found, files.look)
        if value is not None:
            add((run_id, name(found.key), value))


def _fill_tags(run_id: str, files: Files, rows: Rows) -> str | None:
    """Add the tags; return the name of the run that is among them."""
    add = rows.of["tag"].append
    tagged = None
    for found in files.below["tags"]:
        value = read_text(found, files.look)
        if value is not None:
            add((run_id, name(found.key), value))
            if found.key == _RUN_NAME:
                tagged = value
    return tagged


def _fill_metrics(run_id: str, files: Files, rows: Rows, means: Means) -> None:
    add = rows.of["metric"].append
    for found in files.below["metrics"]:
        best = _latest(found, files.look, means)
        if best is not None:
            step, time, value = best
            kept = stored(value)
            add((run_id, name(found.key), kept, step, time, kept is None))


def _latest(found: Found, look: Look, means: Means) -> Value | None:
    try:
        if found.size > LARGE:
            descriptor = opened(found.path)
            try:
                best, cut = means.large.latest(found.path, descriptor, means.check)
            finally:
                os.close(descriptor)
        else:
            raw, _ = content(found.path, found.size, 2 * LARGE)
            lines = raw.split(b"\n")
            cut = bool(lines.pop())
            best = latest(lines)
    except FileNotFoundError:
        return None
    except OSError:
        look.flags |= Flag.FORBIDDEN
        return None
    if cut:
        look.flags |= Flag.CUT
    return best


def _fill_input(unit: Unit, found: Found, look: Look, rows: Rows) -> None:
    """Add a dataset that the run read; a model that it read is no dataset."""
    folder, _, file = found.key.partition("/")
    if file != "meta.yaml":
        return
    try:
        said = read_meta(found.path)
    except FileNotFoundError:
        return
    except meta.DamagedError:
        look.flags |= Flag.DAMAGED
        return
    except OSError:
        look.flags |= Flag.FORBIDDEN
        return
    dataset, tags = meta.text(said.get("source_id")), said.get("tags")
    if tags is None:
        look.flags |= Flag.DAMAGED
    if said.get("source_type", "DATASET") != "DATASET" or dataset is None:
        return
    input_id = name(folder)
    rows.of["dataset_input"].append((input_id, f"{unit.experiment}-{name(dataset)}", name(unit.folder)))
    for key, value in tags.items() if isinstance(tags, dict) else ():
        rows.of["input_tag"].append((input_id, meta.text(key), meta.text(value)))


Reader = Callable[[Unit, Rows, Means], Outcome]
