"""What keeps this user from changing a place's systems, as far as it can be known without trying."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError
from mlops_dash.sources.mlflow.address import Address, Kind

if TYPE_CHECKING:
    from mlops_dash.project import Project


def hindrance(project: Project, kinds: Collection[str]) -> RefusedError | None:
    """Return why steps of these kinds cannot be done; ``None`` where nothing is known that hinders them.

    Args:
        kinds: of steps: ``process``, ``alias``, ``manifest``, ``gto``.
    """
    if project.read_only:
        return RefusedError(
            "mlops-dash was started with --read-only, so nothing is changed", "start it without --read-only"
        )
    if "alias" in kinds and (found := _store(project.located.tracking)) is not None:
        return found
    if {"manifest", "gto"} & set(kinds) and (found := _repository(project)) is not None:
        return found
    return None


def _store(tracking: str | None) -> RefusedError | None:
    if tracking is None:
        return RefusedError("there is no tracking store, so no alias can be moved")
    address = Address.of(tracking)
    path = address.path
    if address.kind is Kind.HTTP or path is None:
        return None  # the server decides
    shown = visible(str(path), 200)
    if not path.exists():
        return RefusedError(f"the tracking store is gone: {shown}")
    folder = path if path.is_dir() else path.parent  # SQLite writes a journal beside its file
    if not _writable(path) or not _writable(folder):
        return RefusedError(
            f"the tracking store is read-only for you: {shown}",
            "act through the team's tracking server, or ask for the right to write",
        )
    return None


def _repository(project: Project) -> RefusedError | None:
    folder = project.located.repository
    if folder is None:
        return RefusedError("there is no Git repository here", "name it with --repo or [git] repo")
    state = project.store.records("git_state")
    if state and not state[0]["remote"]:
        return RefusedError(
            "the repository has no remote: what is not pushed reaches nobody", "git remote add origin ADDRESS"
        )
    for objects in (folder / ".git" / "objects", folder / "objects"):
        if objects.is_dir() and not _writable(objects):
            return RefusedError(f"the repository is read-only for you: {visible(str(folder), 200)}")
    return None


def _writable(path: Path) -> bool:
    """Tell whether it may be written; a file system that is mounted read-only counts."""
    return os.access(path, os.W_OK)
