"""Gathers what the tracking store has of two runs, for a verdict on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mlops_dash.actions.judging.sides import Model, Side
from mlops_dash.actions.rebuilding.environment import OWN
from mlops_dash.actions.registry_writer import Registry
from mlops_dash.domain.rebuilds import DataNeed
from mlops_dash.domain.recorded import Recorded, from_tags
from mlops_dash.errors import DashError

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run
    from mlflow.tracking.client import MlflowClient

COMMIT = "mlflow.source.git.commit"
_WITHIN = 900.0  # seconds for the files of one run to be fetched


def side_of(registry: Registry, run_id: str, scratch: Path, root: Path) -> tuple[Side, Recorded | None]:
    """Return what the store has of a run, and what the recorder noted of it.

    Args:
        scratch: where files are fetched to that are not on this machine.
        root: folder that relative paths start from.

    Raises:
        DashError: the run is gone, or the store does not answer.
    """
    run = registry.read(f"what run {run_id[:8]} logged", lambda client: client.get_run(run_id))
    if run is None:
        raise DashError(f"run {run_id[:8]} is not in the tracking store any more")
    recorded = from_tags(run.data.tags)
    side = Side(
        run_id=run_id,
        status=str(run.info.status),
        metrics=dict(run.data.metrics),
        parameters=dict(run.data.params),
        artifacts=_fetched(registry, str(run.info.artifact_uri), scratch / "run", root),
        models=tuple(_models(registry, run, scratch, root)),
        data=tuple(_data(run)),
        commit=run.data.tags.get(COMMIT),
    )
    if recorded is None:
        return side, None
    return with_recorded(side, recorded), recorded


def with_recorded(side: Side, recorded: Recorded) -> Side:
    """Add what the recorder noted."""
    return replace(
        side,
        python=recorded.python,
        packages=others(recorded.packages),
        variables=recorded.variables,
        hardware=recorded.hardware,
        dirty=recorded.dirty,
        patch_sha256=recorded.patch_sha256,
    )


def others(packages: Mapping[str, str]) -> dict[str, str]:
    """Return packages without our own and the installers."""
    return {name: version for name, version in packages.items() if name not in OWN}


def _models(registry: Registry, run: Run, scratch: Path, root: Path) -> list[Model]:
    outputs = getattr(run, "outputs", None)
    found = []
    for number, one in enumerate(outputs.model_outputs if outputs else ()):
        logged = registry.read("its model", _asking(str(one.model_id)))
        if logged is not None:
            place = _fetched(registry, str(logged.artifact_location), scratch / f"model{number}", root)
            found.append(Model(str(logged.name), place))
    return found


def _asking(model_id: str) -> Callable[[MlflowClient], LoggedModel]:
    return lambda client: client.get_logged_model(model_id)


def _data(run: Run) -> list[DataNeed]:
    inputs = getattr(run, "inputs", None)
    found = []
    for one in inputs.dataset_inputs if inputs else ():
        data = one.dataset
        found.append(
            DataNeed(str(data.name), "mlflow", None, digest=str(data.digest), source=str(data.source))
        )
    return found


def _fetched(registry: Registry, address: str, scratch: Path, root: Path) -> Path | None:
    """Return the folder with the files of an address, on this machine; ``None`` where they cannot be had."""
    parts = urlsplit(address)
    if parts.scheme in ("", "file"):
        return root / unquote(parts.path if parts.scheme else address)
    found: list[Path] = []

    def fetch() -> None:
        from mlflow.artifacts import download_artifacts

        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        uri = registry.address.uri
        found.append(Path(download_artifacts(artifact_uri=address, dst_path=str(scratch), tracking_uri=uri)))

    thread = Thread(target=_quietly, args=(fetch,), daemon=True)  # it is left alone when its time is over
    thread.start()
    thread.join(_WITHIN)
    return found[0] if found else None


def _quietly(fetch: Any) -> None:
    from contextlib import suppress

    with suppress(Exception):
        fetch()
