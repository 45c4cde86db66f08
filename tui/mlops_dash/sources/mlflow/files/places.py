"""Where things are in a file store, found without knowing anything of it beforehand."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.files import meta
from mlops_dash.sources.mlflow.files.disk import META, Look, files_below, folders_in, name, opened
from mlops_dash.sources.mlflow.files.metrics import line_value, pieces, stored
from mlops_dash.sources.mlflow.files.rows import Kind
from mlops_dash.sources.mlflow.files.state import TRASH
from mlops_dash.sources.mlflow.files.units import Unit, read_meta

_MOST_VALUES = 1_000_000  # of one metric
_CHECK = "Check MLFLOW_TRACKING_URI or [tracking] uri."


def check_store(path: Path) -> str:
    """Make sure that there is a file store, and return its folder.

    Raises:
        SourceError: it is missing, empty or something else; says which.
    """
    root = os.path.abspath(path)
    try:
        state = os.stat(root)
        if not stat.S_ISDIR(state.st_mode):
            raise SourceError(f"The tracking store is a file, not a folder of runs: {path}", _CHECK)
        if os.path.isdir(os.path.join(root, TRASH)):
            return root
        folders, links = folders_in(root)
    except FileNotFoundError:
        raise SourceError(
            f"There is no tracking folder at {path}.", f"{_CHECK} Nothing was created."
        ) from None
    except OSError as error:
        raise SourceError(
            f"The tracking folder cannot be listed ({error.strerror}): {path}",
            "Check its permissions and the disk that it is on.",
        ) from None
    if any(entry.name == "models" or os.path.lexists(os.path.join(entry.path, META)) for entry in folders):
        return root
    if folders or links or os.listdir(root):
        raise SourceError(
            f"No experiment of MLflow is in the folder {path}.", f"{_CHECK} Nothing was changed."
        )
    raise SourceError(
        f"The tracking folder is empty: {path}",
        "MLflow fills it with the first run that is logged to it. It was left as it is; "
        "if runs were there before, see whether its disk is mounted.",
    )


def experiments_in(root: str) -> Iterator[str]:
    """Yield the paths of experiments below the store, deleted ones last; folders of another kind may be
    among them."""
    for parent in ("", TRASH + "/"):
        try:
            folders, _ = folders_in(f"{root}/{parent}")
        except OSError:
            continue
        yield from (parent + entry.name for entry in folders if entry.name not in (TRASH, "models"))


def units_of_runs(root: str, run_ids: Iterable[str]) -> list[Unit]:
    """Return the runs' folders, and those of their datasets and logged models."""
    experiments = list(experiments_in(root))
    units: list[Unit] = []
    for run_id in run_ids:
        unit = _run(root, experiments, run_id)
        units.append(unit)
        for found in files_below(f"{unit.path}/inputs", Look()):
            said = _said(found.path)
            if isinstance(dataset := said.get("source_id"), str) and _is_name(dataset):
                units.append(_beside(root, unit, Kind.DATASET, "datasets", dataset))
        outputs = [found.key.split("/")[0] for found in files_below(f"{unit.path}/outputs", Look())]
        units += [_beside(root, unit, Kind.LOGGED_MODEL, "models", model) for model in outputs]
    return list(dict.fromkeys(units))


def _run(root: str, experiments: list[str], run_id: str) -> Unit:
    for experiment in experiments if _is_name(run_id) else ():
        path = f"{root}/{experiment}/{run_id}"
        if os.path.lexists(f"{path}/{META}") and not os.path.islink(path):
            unit = Unit(Kind.RUN, experiment, run_id, path, True)
            said = meta.text(_said(f"{path}/{META}").get("experiment_id"))
            if said in (None, unit.experiment):  # a copy elsewhere says where it came from
                return unit
    return Unit(Kind.RUN, "", run_id, f"{root}/{TRASH}/{META}/none", True)  # gone


def _beside(root: str, run: Unit, kind: Kind, part: str, folder: str) -> Unit:
    listing = f"{run.listing}/{part}"
    return Unit(kind, listing, folder, f"{root}/{listing}/{folder}", True)


def _is_name(text: str) -> bool:
    return (
        bool(text) and text not in (".", "..") and "/" not in text and "\0" not in text and text.isprintable()
    )


def _said(path: str) -> dict[str, Any]:
    try:
        return read_meta(path)
    except (OSError, meta.DamagedError):
        return {}


def histories(root: str, run_ids: list[str], keys: list[str]) -> list[tuple[Any, ...]]:
    """Return (run id, key, step, time, value or ``None`` for NaN) of the values of some metrics, in order.

    Raises:
        OSError: a file could not be read.
    """
    experiments = list(experiments_in(root))
    rows: list[tuple[Any, ...]] = []
    for run_id in sorted(set(run_ids)):
        folder = f"{_run(root, experiments, run_id).path}/metrics"
        paths = {name(found.key): found.path for found in files_below(folder, Look())}
        for key in sorted(set(keys) & paths.keys()):
            rows += ((run_id, key, *value) for value in _values(paths[key]))
    return rows


def _values(path: str) -> list[tuple[int, int, float | None]]:
    try:
        descriptor = opened(path)
    except FileNotFoundError:
        return []
    kept: list[tuple[int, int, float | None]] = []
    last, number, every = None, 0, 1
    try:
        for lines, _ in pieces(descriptor, lambda: None):
            for line in lines:
                found = line_value(line)
                if found is None:
                    continue
                last = (found[0], found[1], stored(found[2]))
                if number % every == 0:
                    kept.append(last)
                number += 1
                if len(kept) > _MOST_VALUES:
                    kept, every = kept[::2], every * 2
    finally:
        os.close(descriptor)
    if last is not None and (number - 1) % every:
        kept.append(last)
    kept.sort(key=lambda value: value[:2])
    return kept
