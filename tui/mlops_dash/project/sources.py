"""Which sources a project has. Imported late: their libraries are large."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from mlops_dash.config import Config
from mlops_dash.errors import SourceError
from mlops_dash.project.locate import Located, kind_of, sqlite_path
from mlops_dash.sources.base import Apply, Batch, Position, Reading, Source
from mlops_dash.sources.git import GitSource

_IN_GIT = {"gto": "git-tags", "data": "dvc"}


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


def second_sources(git: GitSource | SourceError | None, known: Collection[str] = ()) -> list[Source]:
    """Return the sources that look at what the first found: where its commits stand, the data at them.

    Args:
        known: names of sources that were read earlier: they are stale while the repository cannot be read.
    """
    if isinstance(git, SourceError):
        return [Unreadable(name, kind, git) for name, kind in _IN_GIT.items() if name in known]
    if git is None:
        return []
    from mlops_dash.sources.dvc import DvcSource
    from mlops_dash.sources.gto import GtoSource

    return [GtoSource(git), git, DvcSource(git)]


def _tracking(uri: str) -> Source:
    path = sqlite_path(uri)
    if path is None:
        kind = kind_of(uri)
        return Unreadable(
            "tracking",
            kind,
            SourceError(
                f"this version reads tracking stores in SQLite files only, and this is {kind}",
                "name a sqlite:///… store under [tracking], or with --tracking-uri",
            ),
        )
    from mlops_dash.sources.mlflow.sqlite import MlflowSqlite

    return MlflowSqlite(path)


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
