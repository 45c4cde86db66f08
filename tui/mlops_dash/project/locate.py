"""Finds a project's parts without configuration: its repository, its tracking store, its cache."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_dash.config import Config
from mlops_dash.errors import UsageError


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
        """A short name for this combination of sources, that of its cache, through every symbolic link."""
        tracking = self.tracking or ""
        if path := sqlite_path(tracking):
            tracking = tracking.replace(str(path), os.path.realpath(path))
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
    found = next((p for p in (default, folder / "mlflow.db") if p.is_file()), None)
    uri = f"sqlite:///{found}" if found is not None else None
    return Located(folder, repository, uri, "default", default, base)


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


_SQLITE = re.compile(r"sqlite(?:\+[a-z0-9_]+)?:///")


def absolute(uri: str, against: Path) -> str:
    """Make a relative SQLite or file address absolute; others stay as they are."""
    sqlite = _SQLITE.match(uri)
    if sqlite is not None:
        path, question, query = uri[sqlite.end() :].partition("?")
        return f"sqlite:///{_resolved(path, against)}{question}{query}"
    if "://" not in uri and not uri.startswith(("file:", "databricks", "uc:")):
        return str(_resolved(uri, against))
    return uri


def _resolved(path: str, against: Path) -> Path:
    return Path(os.path.abspath(against / os.path.expanduser(path)))


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a ``sqlite:`` address, ``None`` for every other kind."""
    sqlite = _SQLITE.match(uri)
    if sqlite is None:
        return None
    path = uri[sqlite.end() :].partition("?")[0]
    return Path(unquote(path) if "%" in path and not Path(path).exists() else path)


def kind_of(uri: str) -> str:
    """Name the kind of a tracking store by its address, for a person."""
    scheme = urlsplit(uri).scheme.partition("+")[0].lower()
    if uri == "databricks":
        return "mlflow-databricks"
    kinds = {"sqlite": "mlflow-sqlite", "http": "mlflow-http", "https": "mlflow-http", "file": "mlflow-files"}
    return kinds.get(scheme, f"mlflow-{scheme}" if scheme else "mlflow-files")
