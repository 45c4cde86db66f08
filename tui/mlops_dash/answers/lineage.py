"""The nodes and edges of a lineage, from what serves down to what it came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from mlops_dash.answers.facts import Asks, RunsFacts, code_of_run, load_code, load_dvc, load_runs, moment
from mlops_dash.answers.node_ids import commit_id, data_id, environment_id, run_id, version_id
from mlops_dash.answers.rebuilding import rebuildable, told_command
from mlops_dash.answers.resolve import Enrich
from mlops_dash.answers.serving import Serving, registry_versions
from mlops_dash.answers.shapes import CodeFacts, DataFacts, RunFacts, TraceEdge, TraceNode
from mlops_dash.domain.rebuilds import Level, told_verdict

Version = tuple[str, str]
"""Model and version."""


@dataclass(slots=True)
class Graph:
    """A lineage in the making. Every method adds a thing with all that it came from, once."""

    store: Asks
    servings: Sequence[Serving]
    enrich: Enrich
    configured: bool = False  # the configuration tells how a run is made again
    nodes: dict[str, TraceNode] = field(default_factory=dict)
    edges: dict[TraceEdge, None] = field(default_factory=dict)
    omitted: dict[str, int] = field(default_factory=dict)

    def link(self, source: str, target: str, kind: str) -> None:
        """Add an edge."""
        self.edges[TraceEdge(source, target, kind)] = None

    def leave_out(self, kind: str, count: int) -> None:
        """Remember that nodes were left out."""
        if count > 0:
            self.omitted[kind] = self.omitted.get(kind, 0) + count

    def environments(self, servings: Iterable[Serving]) -> None:
        """Add environments with the versions that they serve and declare."""
        versions: list[Version] = []
        runs: list[str] = []
        for s in servings:
            node = environment_id(s.environment, s.model)
            if node in self.nodes:
                continue
            self.nodes[node] = TraceNode(node, "environment", s.environment, _environment_facts(s))
            declared = s.entry.declared
            if s.live is not None:
                self.link(node, version_id(s.model, s.live), "serves")
                versions.append((s.model, s.live))
            elif s.observed_run is not None:
                self.link(node, run_id(s.observed_run), "serves")
                runs.append(s.observed_run)
            if declared is not None and (s.drift or s.live is None):
                self.link(node, version_id(s.model, declared.version), "declares")
                versions.append((s.model, declared.version))
        self.versions(versions)
        self.runs(runs)

    def versions(self, versions: Iterable[Version]) -> None:
        """Add model versions with the runs and commits that made them."""
        fresh = [v for v in dict.fromkeys(versions) if version_id(*v) not in self.nodes]
        if not fresh:
            return
        registry = registry_versions(self.store, fresh)
        names, numbers = [n for n, _ in fresh], [v for _, v in fresh]
        tags = self.store.records("gto_versions", names=names, versions=numbers)
        tagged = {(row["model"], row["version"]): row for row in tags}
        runs: list[str] = []
        commits: list[str] = []
        for model, version in fresh:
            node = version_id(model, version)
            facts: dict[str, object] = {"model": model, "version": version}
            row, tag = registry.get((model, version)), tagged.get((model, version))
            if row is not None:
                facts |= {"stage": row["stage"], "status": row["status"], "source": row["source"]}
                facts |= {"created_at": moment(row["creation_time"]), "description": row["description"]}
                if (verdict := told_verdict(row["rebuilt"])) is not None:
                    facts["rebuilt"] = verdict.value
                if row["run_id"]:
                    self.link(node, run_id(row["run_id"]), "produced-by")
                    runs.append(row["run_id"])
            if tag is not None:
                facts |= {"tag": tag["tag"], "tagged_at": moment(tag["created_at"])}
                facts |= {"tagged_by": tag["author"]}
                self.link(node, commit_id(tag["commit_hash"]), "trained-from")
                commits.append(tag["commit_hash"])
            if row is None and tag is None:
                facts["status"] = "not in the registry"
            self.nodes[node] = TraceNode(node, "version", f"{model} {version}", facts)
        self.runs(runs)
        self.commits(commits)

    def runs(self, run_ids: Iterable[str]) -> None:
        """Add runs with their commits and data."""
        fresh = [r for r in dict.fromkeys(run_ids) if run_id(r) not in self.nodes]
        if not fresh:
            return
        facts = load_runs(self.store, fresh)
        commits: list[str] = []
        for name in fresh:
            node, run = run_id(name), facts.runs.get(name)
            self.nodes[node] = TraceNode(node, "run", run.name if run else name[:8], _run_facts(name, run))
            commit = facts.commits.get(name)
            if commit:
                self.link(node, commit_id(commit), "trained-from")
                commits.append(commit)
            for data in facts.data.get(name, ()):
                self.dataset(data)
                self.link(node, data_id(data.digest), "used")
        self.commits(commits, facts)
        self._readiness(fresh, facts)

    def _readiness(self, run_ids: Sequence[str], facts: RunsFacts) -> None:
        """Say of each run what a rebuild of it would lack."""
        commits = sorted(set(facts.commits.values()))
        code, tracked = load_code(self.store, commits), load_dvc(self.store, commits)
        rows = self.store.records("versions_of_runs", run_ids=list(run_ids), model_ids=[])
        registered = {row["run_id"] for row in rows}
        for name in run_ids:
            run = facts.runs.get(name)
            if run is None:
                continue
            data = [*facts.data.get(name, ()), *tracked.get(facts.commits.get(name, ""), ())]
            told = told_command(facts.entries.get(name), configured=self.configured)
            able = rebuildable(
                run, code_of_run(facts, code, name), data, facts.recorded.get(name),
                registered=name in registered, command=told,
            )  # fmt: skip
            lacks = [f"{c.name}: {c.evidence}" for c in able.checks if c.level is Level.MISSING]
            words = f"{able.held} of {len(able.checks)} hold"
            node = self.nodes[run_id(name)]
            told_facts = {**node.facts, "rebuild": "; ".join((words, *lacks))}
            self.nodes[node.id] = structs.replace(node, facts=told_facts)

    def commits(self, commits: Iterable[str], runs: RunsFacts | None = None) -> None:
        """Add commits with the data that they track; ``runs`` tell which were dirty."""
        fresh = [c for c in dict.fromkeys(commits) if commit_id(c) not in self.nodes]
        if not fresh:
            return
        self.enrich(fresh)
        code = load_code(self.store, fresh)
        for name in runs.dirty if runs is not None else ():
            marked = code_of_run(runs, code, name) if runs is not None else None
            if marked is not None:
                code[marked.commit] = marked
        data = load_dvc(self.store, fresh)
        for commit in fresh:
            node, facts = commit_id(commit), code[commit]
            self.nodes[node] = TraceNode(node, "commit", facts.subject or commit[:12], _commit_facts(facts))
            for output in data.get(commit, ()):
                self.dataset(output)
                self.link(node, data_id(output.digest), "tracks")

    def dataset(self, data: DataFacts) -> None:
        """Add a dataset version; one that several systems or names record is one node that says so."""
        node = data_id(data.digest)
        old = self.nodes.get(node)
        if old is None:
            facts: dict[str, object] = {
                "name": data.name,
                "digest": data.digest,
                "source": data.source,
                "recorded_by": data.kind,
                "newer": data.newer,
                "newest": data.newest_digest,
            }
            self.nodes[node] = TraceNode(node, "dataset", data.name, facts)
            return
        facts = dict(old.facts)
        facts["source"] = facts["source"] or data.source
        facts["recorded_by"] = _listed(str(facts["recorded_by"]), data.kind)
        if data.newer > int(str(facts["newer"])):
            facts |= {"newer": data.newer, "newest": data.newest_digest}
        if data.name != old.facts["name"]:
            others = facts.get("also_named")
            facts["also_named"] = _listed(str(others), data.name) if others else data.name
        self.nodes[node] = structs.replace(old, facts=facts)


def _listed(known: str, more: str) -> str:
    return known if more in known.split(", ") else f"{known}, {more}"


def _environment_facts(s: Serving) -> dict[str, object]:
    declared, seen = s.entry.declared, s.observed
    return {
        "environment": s.environment,
        "model": s.model,
        "target": s.entry.target,
        "live": s.live,
        "basis": s.basis.value,
        "declared": declared.version if declared else None,
        "drift": s.drift,
        "health": seen.health.value if seen else "unknown",
        "address": seen.address if seen else None,
    }


def _run_facts(name: str, run: RunFacts | None) -> dict[str, object]:
    if run is None:
        return {"run_id": name, "status": "not in the tracking store"}
    return {
        "run_id": name,
        "name": run.name,
        "experiment": run.experiment,
        "status": "DELETED" if run.deleted else run.status,
        "user": run.user,
        "started_at": run.started_at,
        "metrics": run.metrics,
        "params": run.params,
        "command": run.source_name,
    }


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
