"""What is live in every environment, and what does it come from?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mlops_dash.answers.attention import Candidate, Situation, attention
from mlops_dash.answers.facts import Asks, RunsFacts, code_of_run, load_code, load_dvc, load_runs, moment
from mlops_dash.answers.places import DeclaredPlace, declared_places
from mlops_dash.answers.shapes import CodeFacts, DataFacts, EnvironmentRow, LiveAnswer, Rebuildable, RunFacts
from mlops_dash.config import Config
from mlops_dash.domain.environments import Basis, CodeStatus, Health, Observation
from mlops_dash.domain.freshness import SourceStatus
from mlops_dash.domain.metrics import MetricRules, direction, primary_metric


@dataclass(frozen=True, slots=True)
class Serving:
    """Which version is live at a place, and on what evidence.

    Attributes:
        run_id: the run of the live version; where none is known to be live, of the declared one.
    """

    entry: DeclaredPlace
    observed: Observation | None
    live: str | None
    basis: Basis
    drift: bool
    run_id: str | None = None

    @property
    def shown(self) -> str | None:
        """The version whose facts are shown: the live one, else the declared one."""
        return self.live or (self.entry.declared.version if self.entry.declared else None)


@dataclass(slots=True)
class _Known:
    versions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    runs: RunsFacts = field(default_factory=RunsFacts)
    code: dict[str, CodeFacts] = field(default_factory=dict)
    dvc: dict[str, list[DataFacts]] = field(default_factory=dict)


def metric_rules(config: Config) -> MetricRules:
    """Return what the configuration says of metrics."""
    metrics = config.metrics
    return MetricRules(
        metrics.primary, frozenset(metrics.lower_is_better), frozenset(metrics.higher_is_better)
    )


def live(
    store: Asks, config: Config, sources: Sequence[SourceStatus], *, now: datetime, project: str = ""
) -> LiveAnswer:
    """Answer the Live screen from the store.

    Args:
        store: answers the questions.
        config: environments and metrics.
        sources: freshness of each source.
        now: the time of the answer (UTC).
        project: the project's name.
    """
    servings = all_serving(store, config)
    known = _load(store, servings)
    rules = metric_rules(config)
    where: dict[tuple[str, str], list[str]] = defaultdict(list)
    for s in servings:
        if s.live is not None:
            where[s.entry.place.model, s.live].append(s.entry.place.environment)
    metrics = {
        s.run_id: primary_metric(known.runs.runs[s.run_id].metrics, rules)
        for s in servings
        if s.run_id in known.runs.runs and s.run_id is not None
    }
    candidates = _candidates(store, servings, metrics, where)
    rows = tuple(_row(s, known, rules, metrics.get(s.run_id or ""), candidates, sources) for s in servings)
    return LiveAnswer(
        as_of=now,
        sources=tuple(sources),
        environments=rows,
        project=project,
        hints=tuple(s.remedy for s in sources if s.status == "absent" and s.remedy),
    )


def all_serving(store: Asks, config: Config) -> list[Serving]:
    """Return for every place which version is live, and on what evidence."""
    asked = {(row["environment"], row["model"]): row for row in store.records("observations")}
    servings: list[Serving] = []
    for entry in declared_places(store, config):
        row = asked.get((entry.place.environment, entry.place.model))
        observed = observation(row) if row is not None and row["target"] == entry.target else None
        servings.append(_decide(entry, observed))
    return _with_runs(store, servings)


def _decide(entry: DeclaredPlace, observed: Observation | None) -> Serving:
    declared = entry.declared
    if entry.target in ("alias", "gto"):
        basis = Basis.DECLARED if declared else Basis.UNKNOWN
        return Serving(entry, None, declared.version if declared else None, basis, drift=False)
    if observed is None or not observed.answered or observed.version is None:
        run_id = observed.run_id if observed is not None and observed.answered else None
        return Serving(entry, observed, None, Basis.UNKNOWN, drift=False, run_id=run_id)
    drift = declared is not None and not same_version(declared.version, observed.version)
    return Serving(entry, observed, observed.version, Basis.OBSERVED, drift, observed.run_id)


def same_version(one: str, other: str) -> bool:
    """Tell whether two versions are the same, a leading ``v`` before a digit aside."""

    def plain(version: str) -> str:
        return version[1:] if version[:1] in "vV" and version[1:2].isdigit() else version

    return plain(one) == plain(other)


def _with_runs(store: Asks, servings: list[Serving]) -> list[Serving]:
    """Find each shown version's run in the registry, or the version of the run that was observed."""
    nameless = [s.run_id for s in servings if s.live is None and s.run_id]
    by_run: dict[tuple[str, str], str] = {}
    if nameless:
        for row in store.records("versions_of_runs", run_ids=nameless):
            by_run[row["name"], row["run_id"]] = row["version"]
    found: list[Serving] = []
    for s in servings:
        version = by_run.get((s.entry.place.model, s.run_id or ""))
        if s.live is None and version is not None:
            drift = s.entry.declared is not None and not same_version(s.entry.declared.version, version)
            s = replace(s, live=version, basis=Basis.OBSERVED, drift=drift)
        found.append(s)
    versions = registry_versions(store, [(s.entry.place.model, s.shown) for s in found if s.shown])
    return [_with_run(s, versions) for s in found]


def _with_run(s: Serving, versions: Mapping[tuple[str, str], Mapping[str, Any]]) -> Serving:
    model, shown = s.entry.place.model, s.shown or ""
    row = versions.get((model, shown)) or versions.get((model, shown.lstrip("vV")))
    if row is None:
        return s
    return replace(s, live=row["version"] if s.live else None, run_id=row["run_id"] or s.run_id)


def registry_versions(
    store: Asks, wanted: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return registry rows by (name, version); a version is also found without its leading ``v``."""
    pairs = sorted({*wanted, *((n, v.lstrip("vV")) for n, v in wanted)})
    if not pairs:
        return {}
    rows = store.records("versions", names=[n for n, _ in pairs], versions=[v for _, v in pairs])
    return {(row["name"], row["version"]): row for row in rows}


def observation(row: Mapping[str, Any]) -> Observation:
    """Read an observation from a row of ``queries/observations.sql``."""
    asked_at = moment(row["asked_at"])
    assert asked_at is not None
    return Observation(
        environment=row["environment"],
        model=row["model"],
        target=row["target"],
        asked_at=asked_at,
        answered=row["answered"],
        health=Health(row["health"]),
        version=row["version"],
        run_id=row["run_id"],
        model_id=row["model_id"],
        latency_ms=row["latency_ms"],
        address=row["address"],
        since=moment(row["since"]),
        by=row["by"],
        detail=row["detail"],
    )


def _load(store: Asks, servings: Sequence[Serving]) -> _Known:
    known = _Known()
    known.runs = load_runs(store, [s.run_id for s in servings if s.run_id])
    known.versions = registry_versions(
        store, [(s.entry.place.model, s.shown) for s in servings if s.shown is not None]
    )
    commits = set(known.runs.commits.values())
    commits |= {s.entry.declared.commit for s in servings if s.entry.declared and s.entry.declared.commit}
    known.code = load_code(store, commits)
    known.dvc = load_dvc(store, sorted(commits))
    return known


def _candidates(
    store: Asks,
    servings: Sequence[Serving],
    metrics: Mapping[str, str | None],
    where: Mapping[tuple[str, str], Sequence[str]],
) -> dict[tuple[str, str], list[Candidate]]:
    """Return the versions of each model with their value of a metric, by (model, metric)."""
    models: dict[str, set[str]] = defaultdict(set)
    for s in servings:
        metric = metrics.get(s.run_id or "")
        if metric:
            models[metric].add(s.entry.place.model)
    found: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for metric, names in models.items():
        for row in store.records("versions_of_models", names=sorted(names), metric=metric):
            if row["value"] is not None:
                there = tuple(where.get((row["name"], row["version"]), ()))
                found[row["name"], metric].append(Candidate(row["version"], row["value"], there))
    return found


def _row(
    s: Serving,
    known: _Known,
    rules: MetricRules,
    metric: str | None,
    candidates: Mapping[tuple[str, str], Sequence[Candidate]],
    sources: Sequence[SourceStatus],
) -> EnvironmentRow:
    place, declared = s.entry.place, s.entry.declared
    run = known.runs.runs.get(s.run_id or "")
    commit = known.runs.commits.get(s.run_id or "") or (declared.commit if declared else None)
    code = code_of_run(known.runs, known.code, s.run_id or "") or known.code.get(commit or "")
    data = (*known.runs.data.get(s.run_id or "", ()), *known.dvc.get(commit or "", ()))
    rebuild = rebuildable(run, code, data, packages=(place.model, s.shown or "") in known.versions)
    health = s.observed.health if s.observed else Health.UNKNOWN
    better = direction(metric, rules) if metric else None
    facts = Situation(
        place.environment, place.model, s.entry.target, declared, s.observed, s.live, s.drift, health,
        run, code, data, rebuild, metric, better, candidates.get((place.model, metric or ""), ()),
    )  # fmt: skip
    stated = s.observed if s.basis is Basis.OBSERVED else declared if s.basis is Basis.DECLARED else None
    return EnvironmentRow(
        environment=place.environment,
        model=place.model,
        target=s.entry.target,
        protected=place.protected,
        declared=declared,
        observed=s.observed,
        live=s.live,
        basis=s.basis,
        drift=s.drift,
        health=health,
        since=stated.since if stated else None,
        by=stated.by if stated else None,
        run=run,
        code=code,
        data=data,
        rebuildable=rebuild,
        attention=attention(facts, sources),
        primary_metric=metric,
        better=better,
        of_declared=s.live is None and s.shown is not None,
    )


def rebuildable(
    run: RunFacts | None, code: CodeFacts | None, data: Sequence[DataFacts], *, packages: bool
) -> Rebuildable:
    """Say what a rebuild of ``run`` would need, and what of it is known."""
    in_git = code is not None and code.status in (CodeStatus.OK, CodeStatus.DIRTY, CodeStatus.UNREACHABLE)
    dirty = code is not None and code.status is CodeStatus.DIRTY
    tree = "trained with uncommitted changes" if dirty else "no uncommitted change is recorded"
    checks = (
        ("run", run is not None, "recorded by MLflow" if run else "the live version names no run"),
        (
            "commit",
            in_git,
            code.commit[:7] if code and in_git else "no commit of this repository is recorded",
        ),
        (
            "clean tree",
            in_git and not dirty,
            tree if in_git else "no commit is recorded",
        ),
        (
            "data",
            bool(data),
            f"{len(data)} recorded by digest" if data else "log the data set as a run input",
        ),
        ("parameters", run is not None, f"{len(run.params)} recorded" if run else "unknown"),
        (
            "command",
            run is not None and bool(run.source_name),
            (run.source_name if run else None) or "the run names no script",
        ),
        ("packages", packages, "with the logged model" if packages else "no registered model version"),
    )
    missing = tuple(name for name, holds, _ in checks if not holds)
    return Rebuildable(not missing, missing, checks)
