"""Starts and stops the model server of one environment: what to serve comes from the store."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.actions import servers
from mlops_dash.actions.serving import Wanted, model_location
from mlops_dash.answers.serving import registry_versions
from mlops_dash.config import ProcessTarget
from mlops_dash.errors import RefusedError, UsageError
from mlops_dash.targets.process import ServerRecord, servers_folder

if TYPE_CHECKING:
    from mlops_dash.answers.places import DeclaredPlace
    from mlops_dash.project import Project


def start(project: Project, environment: str, version: str | None) -> servers.Started:
    """Do :meth:`Project.up`."""
    entry, settings = _process(project, environment)
    model = entry.place.model
    wanted = version or (entry.declared.version if entry.declared else None)
    if wanted is None:
        raise RefusedError(
            f"no version of {model} is declared for {environment}",
            f"set the alias {entry.place.declared_alias!r} on a version of {model}",
        )
    row = registry_versions(project.store, [(model, wanted)]).get((model, wanted))
    if row is None:
        raise RefusedError(
            f"the registry has no version {wanted} of {model}", "`mlops-dash live` shows what it has"
        )
    root = project.located.repository or project.located.folder
    candidates = [row["artifact_location"], row["storage_location"], row["source"]]
    return servers.up(
        Wanted(
            environment=environment,
            model=model,
            version=wanted,
            location=model_location(candidates, Path(root)),
            run_id=row["run_id"],
            model_id=row["model_id"],
            tracking_uri=project.located.tracking,
        ),
        settings,
        servers_folder(project.located.servers),
        read_only=project.read_only,
    )


def stop(project: Project, environment: str) -> ServerRecord | None:
    """Do :meth:`Project.down`."""
    entry, _ = _process(project, environment)
    folder = servers_folder(project.located.servers)
    return servers.down(environment, entry.place.model, folder, read_only=project.read_only)


def _process(project: Project, environment: str) -> tuple[DeclaredPlace, ProcessTarget]:
    places = project.places()
    for entry in places:
        if entry.place.environment == environment and entry.settings is not None:
            if isinstance(entry.settings.target, ProcessTarget):
                return entry, entry.settings.target
            raise UsageError(
                f"{environment} has a target of kind {entry.target}, which is not started from here",
                f'write kind = "process" under [environments.{environment}.target]',
            )
    close = difflib.get_close_matches(environment, [e.place.environment for e in places], n=1)
    if any(e.place.environment == environment for e in places):
        raise UsageError(
            f"{environment} is only declared: no target is configured for it",
            f"add [environments.{environment}] to mlops-dash.toml",
        )
    raise UsageError(
        f"there is no environment {environment!r}", f"did you mean {close[0]}?" if close else None
    )
