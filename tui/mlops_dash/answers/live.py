"""What is live in every environment, and what does it come from?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mlops_dash.answers.attention import Candidate, Situation, attention
from mlops_dash.answers.facts import Asks, RunsFacts, code_of_run, load_code, load_dvc, load_runs
from mlops_dash.answers.rebuilding import rebuildable, told_command
from mlops_dash.answers.serving import Serving, all_serving, serving_where
from mlops_dash.answers.shapes import CodeFacts, DataFacts, EnvironmentRow, LiveAnswer
from mlops_dash.config import Config
from mlops_dash.domain.environments import Basis, Health
from mlops_dash.domain.freshness import SourceStatus
from mlops_dash.domain.metrics import MetricRules, can_be_ranked, direction, primary_metric

Candidates = Mapping[tuple[str, str], Sequence[Candidate]]
"""Versions of each (model, metric), the best first."""


@dataclass(slots=True)
class _Known:
    runs: RunsFacts = field(default_factory=RunsFacts)
    code: dict[str, CodeFacts] = field(default_factory=dict)
    dvc: dict[str, list[DataFacts]] = field(default_factory=dict)
    configured: bool = False  # the configuration tells how a run is made again


def metric_rules(config: Config) -> MetricRules:
    """Return what the configuration says of metrics."""
    metrics = config.metrics
    return MetricRules(
        metrics.primary, frozenset(metrics.lower_is_better), frozenset(metrics.higher_is_better)
    )


def live(
    store: Asks, config: Config, sources: Sequence[SourceStatus], *, now: datetime, project: str = ""
) -> LiveAnswer:
    """Answer the Live screen from the store, with as many questions for many environments as for one.

    Args:
        store: answers the questions.
        config: environments and metrics.
        sources: freshness of each source.
        now: the time of the answer (UTC).
        project: the project's name.
    """
    servings = all_serving(store, config)
    known = _load(store, servings, configured=bool(config.rebuild.command))
    rules = metric_rules(config)
    metrics: dict[str, str | None] = {
        run_id: primary_metric(run.metrics, rules) for run_id, run in known.runs.runs.items()
    }
    candidates = _candidates(store, servings, metrics, rules)
    rows = tuple(_row(s, known, rules, metrics.get(s.run_id or ""), candidates, sources) for s in servings)
    return LiveAnswer(
        as_of=now,
        sources=tuple(sources),
        environments=rows,
        project=project,
        hints=tuple(s.remedy for s in sources if s.status == "absent" and s.remedy),
    )


def _load(store: Asks, servings: Sequence[Serving], *, configured: bool) -> _Known:
    runs = load_runs(store, [s.run_id for s in servings if s.run_id])
    commits = set(runs.commits.values())
    commits |= {s.entry.declared.code for s in servings if s.entry.declared and s.entry.declared.code}
    return _Known(runs, load_code(store, commits), load_dvc(store, sorted(commits)), configured)


def _candidates(
    store: Asks, servings: Sequence[Serving], metrics: Mapping[str, str | None], rules: MetricRules
) -> Candidates:
    wanted = sorted({(s.model, m) for s in servings if (m := metrics.get(s.run_id or "")) is not None})
    if not wanted:
        return {}
    where = serving_where(servings)
    found: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    names, keys = [name for name, _ in wanted], [key for _, key in wanted]
    for row in store.records("versions_of_models", names=names, metrics=keys):
        if can_be_ranked(row["value"]):
            there = tuple(where.get((row["name"], row["version"]), ()))
            found[row["name"], row["metric"]].append(Candidate(row["version"], row["value"], there))
    for (_, metric), versions in found.items():
        versions.sort(key=lambda c: c.value, reverse=direction(metric, rules) == "max")
    return found


def _row(
    s: Serving,
    known: _Known,
    rules: MetricRules,
    metric: str | None,
    candidates: Candidates,
    sources: Sequence[SourceStatus],
) -> EnvironmentRow:
    place, declared = s.entry.place, s.entry.declared
    run = known.runs.runs.get(s.run_id or "")
    tagged = declared.code if declared and s.shown == declared.version else None
    commit = known.runs.commits.get(s.run_id or "") or tagged
    code = code_of_run(known.runs, known.code, s.run_id or "") or known.code.get(commit or "")
    data = (*known.runs.data.get(s.run_id or "", ()), *known.dvc.get(commit or "", ()))
    told = told_command(known.runs.entries.get(s.run_id or ""), configured=known.configured)
    recorded = known.runs.recorded.get(s.run_id or "")
    rebuild = rebuildable(run, code, data, recorded, registered=s.registered, command=told)
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
        of_declared=s.of_declared,
        rebuilt=s.rebuilt,
    )
