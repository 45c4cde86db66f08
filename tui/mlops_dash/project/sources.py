"""Which sources a project has. Imported late: their libraries are large."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from mlops_dash.config import Config, GitopsTarget
from mlops_dash.errors import SourceError
from mlops_dash.project.locate import Located
from mlops_dash.sources.base import Apply, Batch, Position, Reading, Source
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.mlflow.address import Address, Kind

if TYPE_CHECKING:
    from mlops_dash.sources.manifests import ManifestPlace

_IN_GIT = {"gto": "git-tags", "manifests": "git-manifests", "data": "dvc"}


class Unreadable:
    """A source that there is, but that cannot be read: it costs its own freshness only."""

    def __init__(self, name: str, kind: str, error: SourceError) -> None:
        self.name = name
        self.kind = kind
        self._error = error

    def changed(self, position: str | None) -> bool:
        """Never: there is nothing to read."""
        return position is None

    def read(self, reading: Reading) -> Iterator[Batch | Position]:
        """Raise the error that makes it unreadable."""
        raise self._error

    def close(self) -> None:
        """Nothing is held."""


def git_source(located: Located, config: Config) -> GitSource | SourceError | None:
    """Return the repository, why it cannot be read, or ``None`` where there is none."""
    if located.repository is None:
        return None
    try:
        return GitSource(located.repository, config.git.main)
    except SourceError as error:
        return error


def first_sources(located: Located, git: GitSource | SourceError | None) -> list[Source]:
    """Return the sources that stand on their own."""
    found: list[Source] = []
    if located.tracking is not None:
        found.append(_tracking(located.tracking))
    if isinstance(git, SourceError):
        found.append(Unreadable("git", "git", git))
    elif git is not None:
        found.append(git)
    return found


def second_sources(
    git: GitSource | SourceError | None, known: Collection[str] = (), config: Config | None = None
) -> list[Source]:
    """Return the sources that look at what the first found: where its commits stand, the data at them.

    Args:
        known: names of sources that were read earlier: they are stale while the repository cannot be read.
        config: says which manifests declare versions.
    """
    if isinstance(git, SourceError):
        return [Unreadable(name, kind, git) for name, kind in _IN_GIT.items() if name in known]
    if git is None:
        return []
    from mlops_dash.sources.dvc import DvcSource
    from mlops_dash.sources.gto import GtoSource
    from mlops_dash.sources.manifests import ManifestSource

    manifests = declared_manifests(config) if config is not None else ()
    return [GtoSource(git), ManifestSource(git, manifests), git, DvcSource(git)]


def declared_manifests(config: Config) -> tuple[ManifestPlace, ...]:
    """Return where manifests declare versions, as the configuration says."""
    from mlops_dash.sources.manifests import ManifestPlace

    return tuple(
        ManifestPlace(name, settings.model, t.path, t.field, t.value, t.remote, t.branch)
        for name, settings in config.environments.items()
        if isinstance(t := settings.target, GitopsTarget)
    )


def _tracking(uri: str) -> Source:
    """Return the reader of a tracking store, by its address; each brings its libraries only now."""
    address = Address.of(uri)
    try:
        return _reader(address)
    except SourceError as error:
        return Unreadable("tracking", address.kind.value, error)


def _reader(address: Address) -> Source:
    match address.kind:
        case Kind.SQLITE if address.path is not None:
            from mlops_dash.sources.mlflow.sqlite import MlflowSqlite

            return MlflowSqlite(address.path)
        case Kind.FILES if address.path is not None:
            from mlops_dash.sources.mlflow.files import MlflowFiles

            return MlflowFiles(address.path)
        case Kind.HTTP:
            from mlops_dash.sources.mlflow.http import MlflowServer

            return MlflowServer(address.uri)
        case Kind.POSTGRESQL:
            from mlops_dash.sources.mlflow.postgres import MlflowPostgres

            return MlflowPostgres(address.uri)
        case Kind.MYSQL | Kind.MSSQL:
            from mlops_dash.sources.mlflow.sqlalchemy import MlflowDatabase

            return MlflowDatabase(address.uri)
        case Kind.DATABRICKS:
            raise SourceError(
                "a Databricks workspace is not read: it is no tracking server that anybody can run",
                "name a tracking server, a database or a folder under [tracking], or with --tracking-uri",
            )
        case Kind.SQLITE | Kind.FILES:
            raise SourceError(
                f"the tracking address names no file on this machine: {address.shown}",
                "write sqlite:////path/to/mlflow.db, or the path of an mlruns folder",
            )
    raise SourceError(
        f"no kind of tracking store is known by this address: {address.shown or 'it is empty'}",
        "an address starts with http(s)://, postgresql://, mysql://, mssql:// or sqlite:///, or is a folder",
    )


def commit_batches(git: GitSource, commits: Sequence[str]) -> Iterator[Batch]:
    """Yield where commits stand and which data they track, for a trace."""
    from mlops_dash.sources import git_positions
    from mlops_dash.sources.dvc import outputs_batch

    rows = git_positions.positions(git.runner, commits, git.current_refs(), git.main_branch()[1])
    scope = tuple(commits)
    yield Batch("commit_position", git_positions.table(rows), Apply.REPLACE_WHERE, ("commit_hash",), scope)
    present = [row.commit for row in rows if row.in_repository]
    if present:
        yield outputs_batch(git, present)
