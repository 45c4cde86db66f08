"""A project: its configuration, its sources, its store, and the answers to be had from them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mlops_dash.answers.live import live as live_answer
from mlops_dash.answers.places import DeclaredPlace, declared_places
from mlops_dash.answers.shapes import LiveAnswer, TableAnswer, TraceAnswer
from mlops_dash.config import Config
from mlops_dash.config_file import find_config, load_config, state_of
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.progress import CancelToken, ProgressCallback
from mlops_dash.errors import SourceError, UsageError
from mlops_dash.paths import cache_dir
from mlops_dash.project.actions import ActionQuestions
from mlops_dash.project.locate import Located, locate
from mlops_dash.project.questions import RunQuestions
from mlops_dash.project.refresh import Refreshed, Refresher
from mlops_dash.project.standing import standing
from mlops_dash.store.database import Store
from mlops_dash.store.snapshot import sweep_unused

if TYPE_CHECKING:
    from mlops_dash.actions.servers import Started
    from mlops_dash.answers.versions import VersionsAnswer
    from mlops_dash.domain.environments import Observation
    from mlops_dash.project.seeing import Seeing
    from mlops_dash.sources.git import GitSource
    from mlops_dash.targets.base import Observable
    from mlops_dash.targets.process import ServerRecord

__all__ = ["Project", "Refreshed", "open_project"]


OBSERVE_WITHIN = 5.0
"""Seconds that asking all targets may take."""

CLOSE_WITHIN = 1.0
"""Seconds that closing waits for what is being read."""


class Project(RunQuestions, ActionQuestions):
    """One project. Every method may block and is meant for a worker thread; all are thread-safe.

    Attributes:
        located: where its parts are.
        config: its configuration; the defaults where there is no file.
        config_path: the file, ``None`` where there is none.
        read_only: nothing may be changed through this object.
        has_read: whether the sources were looked at since it was opened.
    """

    def __init__(
        self,
        located: Located,
        config: Config,
        config_path: Path | None,
        *,
        read_only: bool = False,
        timeout: float | None = None,
        configured_as: tuple[object, ...] | None = None,
        finds_config: bool = True,
    ) -> None:
        self._configured_as = configured_as or state_of(config_path)
        self._finds_config = finds_config
        self.located = located
        self.config = config
        self.config_path = config_path
        self.read_only = read_only
        self.timeout = timeout
        self.has_read = False
        self.store = Store.open(cache_dir() / "projects" / located.identity, located.identity)
        self._observing = threading.Lock()
        self._making = threading.RLock()  # refreshing and asking targets begin side by side
        self._refresher: Refresher | None = None
        self._git: list[GitSource | SourceError | None] = []  # empty until it was looked for
        self._targets: dict[tuple[str, str], Observable] = {}
        self._identities: set[tuple[str | None, ...]] | None = None  # None: not asked yet
        self._seeing: Seeing | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The project's name for a person."""
        return self.located.name

    @property
    def identity(self) -> str:
        """What tells its sources from those of other projects; the same at every start."""
        return self.located.identity

    def reconfigured(self) -> bool:
        """Whether the configuration file is not the one that was read: changed, new, or gone."""
        path = find_config(self.located.folder) if self._finds_config else self.config_path
        return state_of(path) != self._configured_as

    @property
    def refresher(self) -> Refresher:
        """What reads the sources; made at the first refresh, because the sources' libraries are large."""
        from mlops_dash.project.sources import first_sources, second_sources

        with self._making:
            if self._refresher is None:
                git, known = self.git, self.store.sources()
                first, second = first_sources(self.located, git), second_sources(git, known, self.config)
                self._refresher = Refresher(self.store, first, second, statuses=known)
            return self._refresher

    @property
    def git(self) -> GitSource | SourceError | None:
        """The repository as a source, why it cannot be read, or ``None`` where there is none."""
        from mlops_dash.project.sources import git_source

        with self._making:
            if not self._git:
                self._git.append(git_source(self.located, self.config))
            return self._git[0]

    @property
    def seeing(self) -> Seeing:
        """What keeps the versions that were seen; made when it is needed first."""
        from mlops_dash.project.seeing import Seeing

        with self._making:
            if self._seeing is None:
                self._seeing = Seeing(self)
            return self._seeing

    def statuses(self) -> tuple[SourceStatus, ...]:
        """Return the freshness of every source, those not read yet included."""
        known = self._refresher.statuses if self._refresher is not None else self.store.sources()
        return standing(self.located, known)

    def places(self) -> tuple[DeclaredPlace, ...]:
        """Return every (environment, model) with what is declared there."""
        return declared_places(self.store, self.config)

    def refresh(
        self,
        *,
        thorough: bool = False,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        landed: Callable[[], None] | None = None,
    ) -> Refreshed:
        """Read what has changed in every source since the last time.

        Args:
            thorough: look again even where nothing seems to have changed.
            progress: told what is being read.
            cancel: stops the reading.
            landed: called, in a thread that reads, when what was read so far is of use: the answers have it.

        Raises:
            Cancelled: ``cancel`` was set.
        """
        self.has_read = True
        began = datetime.now(UTC)
        try:
            done = self.refresher.refresh(
                thorough=thorough,
                progress=progress or (lambda _: None),
                cancel=cancel or CancelToken(),
                landed=landed or (lambda: None),
            )
        except BaseException:
            self.seeing.forget()
            raise
        self.seeing.declared(began, changed=done.changed)
        return done

    def reread(self, run_ids: Iterable[str], cancel: CancelToken | None = None) -> None:
        """Bring single runs up to date at once, whatever a refresh is busy with.

        Raises:
            SourceError: they could not be read.
            Cancelled: ``cancel`` was set.
        """
        from mlops_dash.sources.base import Reading, Rereadable

        wanted = list(dict.fromkeys(run_ids))
        for source in self.refresher.first:
            if wanted and isinstance(source, Rereadable):
                for batch in source.runs(wanted, Reading(None, self.store, cancel or CancelToken())):
                    self.store.apply(batch)

    def observe(self) -> tuple[Observation, ...]:
        """Ask every target side by side what it serves, and keep the answers."""
        from mlops_dash.targets.observe import ask_all

        with self._observing:
            targets = self._observables()
            if not targets:
                return ()
            began = datetime.now(UTC)
            seen = ask_all(targets, self.timeout or OBSERVE_WITHIN)
            self.store.save_observations(list(seen))
            self.seeing.served(seen, began)
            identities: set[tuple[str | None, ...]] = {
                (s.environment, s.model, s.version, s.run_id, s.model_id) for s in seen
            }
            if identities != self._identities:
                self._identities = identities
                self.refresher.look_again = True
            now = datetime.now(UTC)
            answered = sum(1 for s in seen if s.answered)
            state = SourceStatus(
                "targets", "targets", Freshness.OK, now, now, f"{answered} of {len(seen)} answer"
            )
            self.refresher.statuses["targets"] = state
            return seen

    def _observables(self) -> list[Observable]:
        from mlops_dash.targets.observe import make_target
        from mlops_dash.targets.process import servers_folder

        folder = servers_folder(self.located.servers)
        found: list[Observable] = []
        for entry in self.places():
            if entry.settings is None:
                continue
            key = (entry.place.environment, entry.place.model)
            if key not in self._targets:
                made = make_target(entry.place, entry.settings.target, folder)
                if made is None:
                    continue
                self._targets[key] = made
            found.append(self._targets[key])
        return found

    def live(self) -> LiveAnswer:
        """Answer what is live in every environment, from the facts read so far."""
        return live_answer(self.store, self.config, self.statuses(), now=datetime.now(UTC), project=self.name)

    def trace(self, ref: str) -> TraceAnswer:
        """Follow a reference back to what it came from and forward to where it is live.

        Raises:
            UsageError: the reference is unknown or ambiguous.
        """
        from mlops_dash.answers.trace import trace

        return trace(self.store, self.config, ref, now=datetime.now(UTC), enrich=self._enrich)

    def versions(self, model: str, environment: str | None = None) -> VersionsAnswer:
        """Answer which versions a model has, compared with what is live in ``environment``."""
        from dataclasses import replace

        from mlops_dash.answers.curves import curve
        from mlops_dash.answers.versions import versions

        answer = versions(self.store, self.config, model, environment=environment, now=datetime.now(UTC))
        base = next((row.run_id for row in answer.rows if row.base), None)
        if base is None or answer.metric is None:
            return answer
        history = next(iter(self.curves([base], [answer.metric]).curves), None)
        if history is None:
            return answer
        values = [point.value for point in history.points]
        return replace(answer, curve=curve(values), logged=history.logged)

    def _enrich(self, commits: Iterable[str]) -> None:
        """Read where commits stand and which data they track, unless the store has it."""
        from mlops_dash.project.sources import commit_batches

        wanted = list(commits)
        known = {row["hash"] for row in self.store.records("positions_known", commits=wanted)}
        missing = [c for c in wanted if c not in known]
        git = self.git
        if missing and git is not None and not isinstance(git, SourceError):
            try:
                for batch in commit_batches(git, missing):
                    self.store.apply(batch)
            except SourceError:
                return  # the board says that the repository is not current; the rest is shown

    def sql(self, query: str, limit: int | None = None) -> TableAnswer:
        """Answer a question in DuckDB's SQL over everything read so far; it can change nothing.

        The view ``live`` is the answer of :meth:`live` at this moment, ``changes`` that of :meth:`history`.

        Raises:
            StoreError: DuckDB does not understand it; says why.
        """
        from mlops_dash.answers.board_table import board_batch
        from mlops_dash.answers.history_tables import changes_batch

        self.store.apply(board_batch(self.live()))
        if "changes" in query.casefold():
            self.store.apply(changes_batch(self.history()))
        if self._refresher is not None:
            self._refresher.save()
        columns, rows = self.store.sql(query, limit)
        return TableAnswer(tuple(columns), tuple(tuple(row) for row in rows))

    def up(self, environment: str, version: str | None = None) -> Started:
        """Start the model server of an environment, for the declared version unless another is given.

        Returns at once; the server loads its model in the background and outlives this process.

        Raises:
            UsageError: there is no such environment, or its target is no process.
            RefusedError: nothing was started: read-only, no such version, another one runs, artifacts gone.
        """
        from mlops_dash.project.serving import start

        return start(self, environment, version)

    def down(self, environment: str) -> ServerRecord | None:
        """Stop the model server of an environment and see it gone; ``None`` where none ran.

        Raises:
            UsageError: there is no such environment, or its target is no process.
            RefusedError: read-only.
        """
        from mlops_dash.project.serving import stop

        return stop(self, environment)

    def publish(self) -> None:
        """Leave what was read as the start of the next dashboard."""
        if self._refresher is not None:
            self._refresher.save()
        if self.store.publish():
            sweep_unused(cache_dir() / "projects", datetime.now(UTC).timestamp())

    def close(self) -> None:
        """Release everything. A refresh under way is cancelled; other work ends with an error of its own."""
        if self._refresher is not None:
            self._refresher.close(CLOSE_WITHIN)
        self.store.close()


def open_project(
    path: str | os.PathLike[str] | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    tracking_uri: str | None = None,
    repo: str | os.PathLike[str] | None = None,
    read_only: bool = False,
    timeout: float | None = None,
) -> Project:
    """Open the project around a folder; reads nothing yet but its configuration and its cache.

    Args:
        path: a folder of the project; default: the current one.
        config: the configuration file; default: ``mlops-dash.toml`` from ``path`` upwards.
        tracking_uri: the tracking store, before every other way to find it.
        repo: the Git repository's folder.
        read_only: refuse everything that would change anything.
        timeout: seconds that asking all targets may take.

    Raises:
        ConfigError: the configuration is off; names the place and the remedy.
        UsageError: a folder or file that was named does not exist.
    """
    try:
        folder = Path(path) if path is not None else Path.cwd()
    except FileNotFoundError:
        raise UsageError(
            "the current folder was deleted", "go to one that exists, or use --project"
        ) from None
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", "name a folder of the project with --project")
    folder = Path(os.path.abspath(folder))
    config_path = Path(os.path.abspath(config)) if config is not None else find_config(folder)
    configured_as = state_of(config_path)
    settings = load_config(config_path) if config_path is not None else Config()
    located = locate(
        folder,
        settings,
        config_path,
        tracking_uri=tracking_uri,
        repo=Path(repo) if repo is not None else None,
    )
    return Project(
        located,
        settings,
        config_path,
        read_only=read_only,
        timeout=timeout,
        configured_as=configured_as,
        finds_config=config is None,
    )
