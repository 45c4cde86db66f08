"""Where does this come from, and where is it live? Lineage of one reference in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from mlops_dash.answers.facts import Asks, dataset_source
from mlops_dash.answers.lineage import Graph, Version
from mlops_dash.answers.node_ids import environment_id, split_id
from mlops_dash.answers.resolve import Enrich, resolve
from mlops_dash.answers.serving import all_serving
from mlops_dash.answers.shapes import DataFacts, TraceAnswer
from mlops_dash.config import Config

MOST_RUNS = 200
"""Runs of one commit or dataset that are shown: first those that are live somewhere, then those of other
model versions, then the newest. As many of a dataset's commits are shown, and of a run's versions."""


def trace(store: Asks, config: Config, ref: str, *, now: datetime, enrich: Enrich) -> TraceAnswer:
    """Follow ``ref`` back to what it came from and forward to where it is live.

    Args:
        store: answers the questions.
        config: the environments.
        ref: a REF of the command line, or the id of a node of an earlier answer.
        now: time of the answer (UTC).
        enrich: called with commits before they are shown, so that their position and data are in the store.

    Raises:
        UsageError: the reference is empty, unknown or ambiguous; names the nearest.
    """
    graph = Graph(store, all_serving(store, config), enrich, configured=bool(config.rebuild.command))
    focus = resolve(store, graph.servings, ref, enrich)
    kind, name = split_id(focus)
    if kind == "env":
        graph.environments([s for s in graph.servings if environment_id(s.environment, s.model) == focus])
    elif kind == "models":
        model, _, version = name.rpartition("/")
        graph.versions([(model, version)])
        _environments_of(graph, [(model, version)])
    elif kind == "run":
        graph.runs([name])
        _forward_from_runs(graph, [name])
    elif kind == "commit":
        graph.commits([name])
        _runs_of(graph, store.records("runs_of_commits", commits=[name]))
        _forward_from_tags(graph, [name])
    else:
        _data_version(graph, name)
    return TraceAnswer(
        now,
        ref,
        focus,
        tuple(graph.nodes.values()),
        tuple(graph.edges),
        _live_in(graph, focus),
        graph.omitted,
    )


def _live_in(graph: Graph, focus: str) -> tuple[tuple[str, str], ...]:
    """Return where ``focus`` is in the lineage of what is served (not of what is only declared)."""
    above: dict[str, list[str]] = {}
    for edge in graph.edges:
        if edge.kind != "declares":
            above.setdefault(edge.target, []).append(edge.source)
    todo, seen = [focus], {focus}
    while todo:
        for node in above.get(todo.pop(), ()):
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return tuple(
        (s.environment, s.model)
        for s in graph.servings
        if (s.live is not None or s.observed_run is not None)
        and environment_id(s.environment, s.model) in seen & graph.nodes.keys()
    )


def _environments_of(graph: Graph, versions: Iterable[Version], run_ids: Iterable[str] = ()) -> None:
    """Add the environments that serve or declare these versions, or serve these runs."""
    wanted, runs = set(versions), set(run_ids)
    graph.environments(
        s
        for s in graph.servings
        if (s.live is not None and (s.model, s.live) in wanted)
        or (s.entry.declared is not None and (s.model, s.entry.declared.version) in wanted)
        or s.observed_run in runs
    )


def _forward_from_runs(graph: Graph, run_ids: Sequence[str]) -> None:
    if not run_ids:
        return
    rows = graph.store.records("versions_of_runs", run_ids=list(run_ids), model_ids=[])
    _forward(graph, [(row["name"], row["version"]) for row in rows], run_ids)


def _forward_from_tags(graph: Graph, commits: Sequence[str]) -> None:
    rows = graph.store.records("gto_versions_of_commits", commits=list(commits))
    _forward(graph, [(row["model"], row["version"]) for row in rows])


def _forward(graph: Graph, versions: Sequence[Version], run_ids: Sequence[str] = ()) -> None:
    live = _served(graph)
    shown = sorted(versions, key=lambda version: version not in live)[:MOST_RUNS]
    graph.leave_out("version", len(versions) - len(shown))
    graph.versions(shown)
    _environments_of(graph, shown, run_ids)


def _served(graph: Graph) -> set[Version]:
    """Return the versions that some environment serves or declares."""
    found = {(s.model, s.live) for s in graph.servings if s.live is not None}
    return found | {(s.model, s.entry.declared.version) for s in graph.servings if s.entry.declared}


def _runs_of(graph: Graph, rows: Iterable[dict[str, object]]) -> None:
    """Add runs and where they are live; of very many, those that are live somewhere come first."""
    has_version = {str(row["run_id"]): bool(row["has_version"]) for row in rows}
    if not has_version:
        return
    live = _live_runs(graph, list(has_version))
    order = sorted(has_version, key=lambda run: (run not in live, not has_version[run]))
    graph.leave_out("run", len(order) - MOST_RUNS)
    graph.runs(order[:MOST_RUNS])
    _forward_from_runs(graph, order[:MOST_RUNS])


def _live_runs(graph: Graph, run_ids: list[str]) -> set[str]:
    served = _served(graph)
    rows = graph.store.records("versions_of_runs", run_ids=run_ids, model_ids=[])
    found = {row["run_id"] for row in rows if (row["name"], row["version"]) in served}
    return found | {s.observed_run for s in graph.servings if s.observed_run is not None}


def _data_version(graph: Graph, digest: str) -> None:
    store = graph.store
    rows = store.records("commits_of_datasets", digests=[digest])
    commits = list(dict.fromkeys(row["commit_hash"] for row in rows))
    by_commit = store.records("runs_of_commits", commits=commits) if commits else []
    live = _live_runs(graph, [row["run_id"] for row in by_commit]) if by_commit else set()
    live_commits = {row["commit_hash"] for row in by_commit if row["run_id"] in live}
    if commits:
        served = _served(graph)
        tags = store.records("gto_versions_of_commits", commits=commits)
        live_commits |= {row["commit_hash"] for row in tags if (row["model"], row["version"]) in served}
    shown = sorted(commits, key=lambda commit: commit not in live_commits)[:MOST_RUNS]
    graph.leave_out("commit", len(commits) - len(shown))
    graph.commits(shown)
    users = store.records("runs_of_datasets", digests=[digest])
    _runs_of(graph, [*(row for row in by_commit if row["commit_hash"] in set(shown)), *users])
    if shown:
        _forward_from_tags(graph, shown)
    # names that no run and no commit shown here uses; where none does, this is all that is known
    for row in store.records("find_datasets", prefix=digest):
        if row["digest"] == digest:
            source = dataset_source(row["source_type"], row["source"])
            graph.dataset(DataFacts(row["name"], digest, source, row["kind"]))
