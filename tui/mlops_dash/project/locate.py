"""Finds a project's parts without configuration: its repository, its tracking store, its cache."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from mlops_dash.config import Config
from mlops_dash.errors import UsageError
from mlops_dash.sources.mlflow.address import Address, Kind, absolute


@dataclass(frozen=True, slots=True)
class Located:
    """Where a project's parts are.

    Attributes:
        folder: the folder that the user stands in or named.
        repository: folder of the Git repository, ``None`` where there is none.
        tracking: address of the tracking store, absolute, as MLflow writes it; ``None`` where there is none.
        tracking_from: how it was found: ``option``, ``configuration``, ``environment`` or ``default``.
        looked_at: where a tracking store would have been found, for messages.
        base: the folder of its configuration; ``folder`` where it has none.
    """

    folder: Path
    repository: Path | None
    tracking: str | None
    tracking_from: str
    looked_at: Path
    base: Path

    @property
    def servers(self) -> str:
        """What its model servers are known by: where the configuration is that names them, whatever sources
        it is looked at with, and through every symbolic link. Else servers that run would be called down."""
        return os.path.realpath(self.base)

    @property
    def identity(self) -> str:
        """A short name for this combination of sources, that of its cache, through every symbolic link.

        A password is no part of it: the cache outlives a change of it, and nothing can be learned of it.
        """
        address = Address.of(self.tracking or "")
        tracking = address.shown
        if (path := address.path) is not None and self.tracking:
            at = os.path.realpath(path)
            tracking = at if address.kind is Kind.FILES else tracking.replace(str(path), at)
        text = "\n".join([tracking, os.path.realpath(self.repository or self.folder)])
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The project's name for a person: that of its repository's folder, else of its folder."""
        return (self.repository or self.folder).name.removesuffix(".git") or str(self.folder)


def locate(
    folder: Path,
    config: Config,
    config_path: Path | None,
    *,
    tracking_uri: str | None = None,
    repo: Path | None = None,
) -> Located:
    """Find the parts of the project around ``folder``.

    Raises:
        UsageError: a folder that was named does not exist.
    """
    base = config_path.parent if config_path is not None else folder
    repository = _repository(folder, base, config, repo)
    default = (repository or base) / "mlflow.db"
    for uri, source, against in (
        (tracking_uri, "option", Path.cwd()),
        (config.tracking.uri, "configuration", base),
        (os.environ.get("MLFLOW_TRACKING_URI"), "environment", Path.cwd()),
    ):
        if uri:
            return Located(folder, repository, absolute(uri, against), source, default, base)
    return Located(folder, repository, _default(default, folder), "default", default, base)


def _default(default: Path, folder: Path) -> str | None:
    """Return the store that MLflow keeps where nothing is configured: a file, in older projects a folder."""
    database = next((path for path in (default, folder / "mlflow.db") if path.is_file()), None)
    if database is not None:
        return f"sqlite:///{database}"
    folders = (default.with_name("mlruns"), folder / "mlruns")
    return next((str(path) for path in folders if _holds_experiments(path)), None)


def _holds_experiments(folder: Path) -> bool:
    """Tell whether MLflow would take a folder for a store: one of an experiment is in it."""
    try:
        with os.scandir(folder) as entries:
            return any(
                entry.name.isdigit() and os.path.lexists(os.path.join(entry.path, "meta.yaml"))
                for entry in entries
            )
    except OSError:
        return False


def _repository(folder: Path, base: Path, config: Config, repo: Path | None) -> Path | None:
    named = repo or (base / config.git.repo if config.git.repo else None)
    if named is None:
        return enclosing_repository(folder) or enclosing_repository(base)
    named = Path(os.path.expanduser(named)).resolve()
    if not named.is_dir():
        raise UsageError(
            f"there is no folder {named}", "name the repository's folder with --repo or [git] repo"
        )
    return enclosing_repository(named) or named


def enclosing_repository(folder: Path) -> Path | None:
    """Return the nearest folder at or above ``folder`` that holds a repository, bare ones included."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists():
            return candidate
        if (
            (candidate / "HEAD").is_file()
            and (candidate / "objects").is_dir()
            and (candidate / "refs").is_dir()
        ):
            return candidate
    return None


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a ``sqlite:`` address, ``None`` for every other kind."""
    address = Address.of(uri)
    return address.path if address.kind is Kind.SQLITE else None


def kind_of(uri: str) -> str:
    """Name the kind of a tracking store by its address, for a person."""
    return Address.of(uri).kind.value
