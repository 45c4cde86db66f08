"""Where does this come from, and where is it live? Lineage of one reference in both directions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from mlops_dash.answers.facts import (
    Asks,
    RunsFacts,
    code_of_run,
    dataset_source,
    load_code,
    load_dvc,
    load_runs,
    moment,
)
from mlops_dash.answers.live import Serving, all_serving, registry_versions
from mlops_dash.answers.resolve import Enrich, environment_id, resolve, version_id
from mlops_dash.answers.shapes import CodeFacts, DataFacts, RunFacts, TraceAnswer, TraceEdge, TraceNode
from mlops_dash.config import Config

MOST_RUNS = 200
"""Runs of one commit or dataset that are shown; those behind a model version come first."""


@dataclass(slots=True)
class _Graph:
    store: Asks
    servings: list[Serving]
    enrich: Enrich
    nodes: dict[str, TraceNode] = field(default_factory=dict)
    edges: dict[TraceEdge, None] = field(default_factory=dict)
    omitted: dict[str, int] = field(default_factory=dict)

    def link(self, source: str, target: str, kind: str) -> None:
        self.edges[TraceEdge(source, target, kind)] = None


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
    graph = _Graph(store, all_serving(store, config), enrich)
    focus = resolve(store, graph.servings, ref, enrich)
    kind, name = _split(focus)
    if kind == "env":
        _environment(graph, [s for s in graph.servings if environment_id(s) == focus])
    elif kind == "version":
        model, _, version = name.rpartition("/")
        _versions(graph, [(model, version)])
        _environments_of(graph, [(model, version)])
    elif kind == "run":
        _runs(graph, [name])
        _forward_from_runs(graph, [name])
    elif kind == "commit":
        _commits(graph, [name])
        _runs_of(graph, "runs_of_commits", commits=[name])
        _gto_of_commits(graph, [name])
    else:
        _data_version(graph, name)
    live_in = tuple(
        (s.entry.place.environment, s.entry.place.model)
        for s in graph.servings
        if s.live is not None and environment_id(s) in graph.nodes and _serves(graph, s, focus)
    )
    return TraceAnswer(
        now, ref, focus, tuple(graph.nodes.values()), tuple(graph.edges), live_in, graph.omitted
    )


def _split(node: str) -> tuple[str, str]:
    if node.startswith("models:/"):
        return "version", node.removeprefix("models:/")
    kind, _, name = node.partition(":")
    return kind, name


def _serves(graph: _Graph, serving: Serving, focus: str) -> bool:
    """Tell whether ``focus`` is in the lineage of what the environment serves (not of what it declares)."""
    back: dict[str, list[str]] = {}
    for edge in graph.edges:
        if edge.kind != "declares":
            back.setdefault(edge.source, []).append(edge.target)
    todo, seen = [environment_id(serving)], set()
    while todo:
        node = todo.pop()
        if node == focus:
            return True
        if node not in seen:
            seen.add(node)
            todo += back.get(node, [])
    return False


# nodes, from what serves down to what it came from


def _environment(graph: _Graph, servings: Iterable[Serving]) -> None:
    wanted: list[tuple[str, str]] = []
    for s in servings:
        place, declared = s.entry.place, s.entry.declared
        node = environment_id(s)
        if node in graph.nodes:
            continue
        seen = s.observed
        graph.nodes[node] = TraceNode(
            node,
            "environment",
            place.environment,
            {
                "environment": place.environment,
                "model": place.model,
                "target": s.entry.target,
                "live": s.live,
                "basis": s.basis.value,
                "declared": declared.version if declared else None,
                "drift": s.drift,
                "health": seen.health.value if seen else "unknown",
                "address": seen.address if seen else None,
            },
        )
        if s.live is not None:
            graph.link(node, version_id(place.model, s.live), "serves")
            wanted.append((place.model, s.live))
        if declared is not None and (s.drift or s.live is None):
            graph.link(node, version_id(place.model, declared.version), "declares")
            wanted.append((place.model, declared.version))
    _versions(graph, wanted)


def _environments_of(graph: _Graph, versions: Iterable[tuple[str, str]]) -> None:
    wanted = set(versions)
    _environment(
        graph,
        [
            s
            for s in graph.servings
            if (s.live is not None and (s.entry.place.model, s.live) in wanted)
            or (s.entry.declared is not None and (s.entry.place.model, s.entry.declared.version) in wanted)
        ],
    )


def _versions(graph: _Graph, versions: Iterable[tuple[str, str]]) -> None:
    fresh = [v for v in dict.fromkeys(versions) if version_id(*v) not in graph.nodes]
    if not fresh:
        return
    registry = registry_versions(graph.store, fresh)
    tags = graph.store.records("gto_versions", names=[n for n, _ in fresh], versions=[v for _, v in fresh])
    tagged = {(row["model"], row["version"]): row for row in tags}
    runs: list[str] = []
    commits: list[str] = []
    for model, version in fresh:
        node = version_id(model, version)
        facts: dict[str, object] = {"model": model, "version": version}
        row = registry.get((model, version))
        if row is not None:
            facts |= {"stage": row["stage"], "status": row["status"], "source": row["source"]}
            facts |= {"created_at": moment(row["creation_time"]), "description": row["description"]}
            if row["run_id"]:
                graph.link(node, f"run:{row['run_id']}", "produced-by")
                runs.append(row["run_id"])
        tag = tagged.get((model, version))
        if tag is not None:
            facts |= {"tag": tag["tag"], "tagged_at": moment(tag["created_at"]), "tagged_by": tag["author"]}
            graph.link(node, f"commit:{tag['commit_hash']}", "trained-from")
            commits.append(tag["commit_hash"])
        graph.nodes[node] = TraceNode(node, "version", f"{model} {version}", facts)
    _runs(graph, runs)
    _commits(graph, commits)


def _runs(graph: _Graph, run_ids: Iterable[str]) -> None:
    fresh = [r for r in dict.fromkeys(run_ids) if f"run:{r}" not in graph.nodes]
    facts = load_runs(graph.store, fresh)
    commits: list[str] = []
    for run_id in fresh:
        node, run = f"run:{run_id}", facts.runs.get(run_id)
        graph.nodes[node] = TraceNode(node, "run", run.name if run else run_id[:8], _run_facts(run_id, run))
        commit = facts.commits.get(run_id)
        if commit:
            graph.link(node, f"commit:{commit}", "trained-from")
            commits.append(commit)
        for data in facts.data.get(run_id, ()):
            _dataset_node(graph, data)
            graph.link(node, f"data:{data.digest}", "used")
    _commits(graph, commits, facts)


def _run_facts(run_id: str, run: RunFacts | None) -> dict[str, object]:
    if run is None:
        return {"run_id": run_id, "status": "not in the tracking store"}
    return {
        "run_id": run_id,
        "name": run.name,
        "experiment": run.experiment,
        "status": "DELETED" if run.deleted else run.status,
        "user": run.user,
        "started_at": run.started_at,
        "metrics": run.metrics,
        "params": run.params,
        "command": run.source_name,
    }


def _commits(graph: _Graph, commits: Iterable[str], runs: RunsFacts | None = None) -> None:
    fresh = [c for c in dict.fromkeys(commits) if f"commit:{c}" not in graph.nodes]
    if not fresh:
        return
    graph.enrich(fresh)
    code = load_code(graph.store, fresh)
    if runs is not None:
        for run_id in runs.dirty:
            marked = code_of_run(runs, code, run_id)
            if marked is not None:
                code[marked.commit] = marked
    data = load_dvc(graph.store, fresh)
    for commit in fresh:
        node = f"commit:{commit}"
        facts = code[commit]
        graph.nodes[node] = TraceNode(node, "commit", facts.subject or commit[:12], _commit_facts(facts))
        for output in data.get(commit, ()):
            _dataset_node(graph, output)
            graph.link(node, f"data:{output.digest}", "tracks")


def _commit_facts(code: CodeFacts) -> dict[str, object]:
    return {
        "commit": code.commit,
        "subject": code.subject,
        "author": code.author,
        "committed_at": code.committed_at,
        "status": code.status.value,
        "main": code.main,
        "behind": code.behind,
        "ahead": code.ahead,
        "branches": list(code.branches),
    }


def _dataset_node(graph: _Graph, data: DataFacts) -> None:
    node = f"data:{data.digest}"
    if node not in graph.nodes:
        graph.nodes[node] = TraceNode(
            node,
            "dataset",
            data.name,
            {
                "name": data.name,
                "digest": data.digest,
                "source": data.source,
                "recorded_by": data.kind,
                "newer": data.newer,
                "newest": data.newest_digest,
            },
        )


# forward, to where it is live


def _forward_from_runs(graph: _Graph, run_ids: Iterable[str]) -> None:
    ids = list(run_ids)
    if not ids:
        return
    rows = graph.store.records("versions_of_runs", run_ids=ids)
    versions = [(row["name"], row["version"]) for row in rows]
    _versions(graph, versions)
    _environments_of(graph, versions)


def _runs_of(graph: _Graph, question: str, **parameters: list[str]) -> None:
    rows = graph.store.records(question, **parameters)
    ids = list(dict.fromkeys(row["run_id"] for row in rows))
    if len(ids) > MOST_RUNS:
        graph.omitted["run"] = graph.omitted.get("run", 0) + len(ids) - MOST_RUNS
    shown = set(ids[:MOST_RUNS])
    _runs(graph, [i for i in ids if i in shown])
    _forward_from_runs(graph, shown)


def _gto_of_commits(graph: _Graph, commits: list[str]) -> None:
    rows = graph.store.records("gto_versions_of_commits", commits=commits)
    versions = [(row["model"], row["version"]) for row in rows]
    _versions(graph, versions)
    _environments_of(graph, versions)


def _data_version(graph: _Graph, digest: str) -> None:
    commits = [row["commit_hash"] for row in graph.store.records("commits_of_datasets", digests=[digest])]
    _commits(graph, commits)
    if commits:
        _runs_of(graph, "runs_of_commits", commits=commits)
        _gto_of_commits(graph, commits)
    _runs_of(graph, "runs_of_datasets", digests=[digest])
    # where no run and no commit that is shown uses it, nothing is known but what it is called
    for row in graph.store.records("find_datasets", prefix=digest):
        if row["digest"] == digest:
            source = dataset_source(row["source_type"], row["source"])
            _dataset_node(graph, DataFacts(row["name"], digest, source, row["kind"]))
