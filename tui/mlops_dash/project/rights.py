"""What keeps this user from changing a place's systems, as far as it can be known without trying."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError
from mlops_dash.sources.mlflow.address import Address, Kind

if TYPE_CHECKING:
    from mlops_dash.project import Project

# in each of MLflow's migrations: its revision, and the one or the several before it
_REVISION = re.compile(r"^revision\s*(?::[^=\n]*)?=\s*[\"'](\w+)[\"']", re.MULTILINE)
_DOWN = re.compile(r"^down_revision\s*(?::[^=\n]*)?=\s*(\([^)]*\)|[^\n]*)", re.MULTILINE)
_ID = re.compile(r"[\"'](\w+)[\"']")


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
    if address.kind is Kind.SQLITE:
        state = path.stat()
        return _schema(path, state.st_mtime_ns, state.st_size)
    return None


@lru_cache(maxsize=8)
def _schema(path: Path, _written: int, _size: int) -> RefusedError | None:
    """Return why MLflow's client must not be let near a database: it would migrate it."""
    from mlops_dash.sources.mlflow.sqlite.connection import Reader, check_header

    expected = installed_head()
    try:
        with closing(Reader(path, write_ahead=check_header(path))) as reader:
            rows = reader.ask("select version_num, 0 as no from alembic_version")
    except Exception:  # noqa: BLE001 - what cannot be read now is told as the source's state
        return None
    found = [str(row[0]) for row in rows]
    if expected is None or found == [expected]:
        return None
    told = visible(", ".join(found) or "none", 100)
    return RefusedError(
        f"the tracking store has another schema ({told}) than the installed MLflow writes ({expected}),"
        " whose client would migrate it",
        "install the MLflow that fits, or act through the team's tracking server",
    )


@lru_cache(maxsize=1)
def installed_head() -> str | None:
    """Return the schema that the installed MLflow writes, from its files: importing it takes seconds.

    ``None`` where they do not tell.
    """
    from importlib.util import find_spec

    found = find_spec("mlflow")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "store" / "db_migrations" / "versions"
    revisions: set[str] = set()
    earlier: set[str] = set()
    for file in folder.glob("[!_]*.py"):
        text = file.read_text("utf-8", "replace")
        own, before = _REVISION.search(text), _DOWN.search(text)
        if own is None or before is None:
            return None
        revisions.add(own[1])
        earlier |= set(_ID.findall(before[1]))
    heads = revisions - earlier
    return heads.pop() if len(heads) == 1 else None


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
