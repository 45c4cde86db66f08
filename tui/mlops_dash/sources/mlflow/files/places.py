"""Where things are in a file store, found without knowing anything of it beforehand."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.files import meta
from mlops_dash.sources.mlflow.files.disk import META, Look, files_below, folders_in
from mlops_dash.sources.mlflow.files.rows import Kind
from mlops_dash.sources.mlflow.files.state import TRASH
from mlops_dash.sources.mlflow.files.units import Unit, read_meta

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
        unit = run_unit(root, experiments, run_id)
        units.append(unit)
        for found in files_below(f"{unit.path}/inputs", Look()):
            said = _said(found.path)
            if isinstance(dataset := said.get("source_id"), str) and _is_name(dataset):
                units.append(_beside(root, unit, Kind.DATASET, "datasets", dataset))
        outputs = [found.key.split("/")[0] for found in files_below(f"{unit.path}/outputs", Look())]
        units += [_beside(root, unit, Kind.LOGGED_MODEL, "models", model) for model in outputs]
    return list(dict.fromkeys(units))


def run_unit(root: str, experiments: list[str], run_id: str) -> Unit:
    """Return a run's folder, looked for in all experiments; one that is nowhere for a run that is gone."""
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
