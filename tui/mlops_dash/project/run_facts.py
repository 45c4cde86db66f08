"""What questions about runs need beside the store: where runs are live, and which commits a branch has."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from mlops_dash.domain.text import visible
from mlops_dash.errors import SourceError, UsageError

if TYPE_CHECKING:
    from mlops_dash.answers.run_index import RunsStanding
    from mlops_dash.answers.run_shapes import RunColumns
    from mlops_dash.project import Project

_LONGEST_WALK = 60.0  # seconds
_MOST_OUTPUT = 256 << 20
_Fact = TypeVar("_Fact")


class RunFactsOf:
    """The facts of one project, found when they are asked for and kept while nothing changes.

    It is a :class:`mlops_dash.answers.filters.FilterFacts`. Safe to use from several threads.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._kept: dict[str, tuple[object, object]] = {}
        self._finding = threading.Lock()

    def _once(self, name: str, state: object, find: Callable[[], _Fact]) -> _Fact:
        """Return what was found for ``state``, or find it."""
        with self._finding:
            kept = self._kept.get(name)
            if kept is None or kept[0] != state:
                kept = self._kept[name] = (state, find())
            return kept[1]  # type: ignore[return-value]

    def live_runs(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of the runs that are live, by environment; none where it is not known what is."""
        return self._once("live", self._project.store.changes, self._live_runs)

    def _live_runs(self) -> Mapping[str, Sequence[str]]:
        from mlops_dash.answers.serving import all_serving

        found: dict[str, list[str]] = {}
        for serving in all_serving(self._project.store, self._project.config):
            runs = found.setdefault(serving.environment, [])
            # a run that is only declared where something else may be serving is not live
            if serving.run_id is not None and not serving.of_declared:
                runs.append(serving.run_id)
        return {environment: tuple(dict.fromkeys(runs)) for environment, runs in found.items()}

    def standing(self) -> RunsStanding:
        """Return what is known of all runs, whichever match a filter."""
        from mlops_dash.answers.run_index import runs_standing

        store = self._project.store
        return self._once("standing", store.changes, lambda: runs_standing(store))

    def columns(self) -> RunColumns:
        """Return the columns that there are."""
        from mlops_dash.answers.live import metric_rules
        from mlops_dash.answers.run_columns import run_columns

        project, live_runs = self._project, self.live_runs()
        return self._once(
            "columns",
            project.store.changes,
            lambda: run_columns(project.store, metric_rules(project.config), live_runs),
        )

    def commits_on(self, branch: str) -> Sequence[str]:
        """Return the hashes of all commits of a branch.

        Raises:
            UsageError: the branch is not known, or there is no repository.
            SourceError: the repository cannot be read.
        """
        git = self._project.git
        if isinstance(git, SourceError):
            raise git
        if git is None:
            raise UsageError("code.branch needs a Git repository", "name one with --repo")
        refs = git.current_refs()
        commit = refs.commit_of(branch)
        if commit is None:
            names = [ref.name for ref in refs.refs if ref.kind in ("branch", "remote")]
            close = difflib.get_close_matches(branch[:200], names[:5000], n=3, cutoff=0.5)
            shown = " or ".join(visible(name, 80) for name in close)
            raise UsageError(
                f"there is no branch {visible(branch, 80)!r}", f"did you mean {shown}?" if close else None
            )
        return self._once(f"commits of {commit}", commit, lambda: self._walk(commit))

    def _walk(self, commit: str) -> Sequence[str]:
        from mlops_dash.sources.git_runner import hashes

        git = self._project.git
        assert git is not None
        assert not isinstance(git, SourceError)
        listed = git.runner.run("rev-list", *hashes(commit), "--", deadline=_LONGEST_WALK, limit=_MOST_OUTPUT)
        return tuple(listed.decode("ascii", "replace").split())


_facts: WeakKeyDictionary[Project, RunFactsOf] = WeakKeyDictionary()


def facts_of(project: Project) -> RunFactsOf:
    """Return the facts of a project, the same object each time."""
    found = _facts.get(project)
    if found is None:
        found = _facts.setdefault(project, RunFactsOf(project))
    return found
