"""Which versions does a model have, and how does each compare with the live one of an environment?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops_dash.answers.facts import Asks, moment
from mlops_dash.answers.live import metric_rules
from mlops_dash.answers.serving import Serving, all_serving, plain_version
from mlops_dash.config import Config
from mlops_dash.domain.metrics import can_be_ranked, direction, primary_metric
from mlops_dash.domain.rebuilds import Verdict, told_verdict


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of a model.

    Attributes:
        value: latest value of the answer's metric; ``None`` where the run has none.
        change: relative difference of ``value`` from that of the base version; ``None`` where either is
            missing or not finite, or the base's is zero.
        commit: full hash of the commit that it was trained from or that its tag names.
        digest: of its first dataset by name, ``dataset``.
        note: a stage, ``deprecated``, or a status other than ready, as the registry writes it.
        live_in, declared_in: environments in which it is live, and in which it only is declared.
        base: it is what the others are compared with.
        rebuilt: verdict of a rebuild of it, as its tag says; ``None`` where it says none.
    """

    version: str
    run_id: str | None
    run_name: str | None
    created_at: datetime | None
    value: float | None
    change: float | None
    commit: str | None
    dataset: str | None
    digest: str | None
    note: str | None
    live_in: tuple[str, ...]
    declared_in: tuple[str, ...]
    base: bool
    rebuilt: Verdict | None = None


@dataclass(frozen=True, slots=True)
class VersionsAnswer:
    """The versions of a model, newest first.

    Attributes:
        environment: whose live version is the base; its declared one where nothing is known to be live.
        metric: key of the metric compared, ``None`` where there is none to compare.
        better: ``min``, ``max`` or ``None`` where the metric's direction is not known.
        curve: the metric's history in the base version's run, shortened; empty where it has none to show.
        logged: how many values that history has.
    """

    as_of: datetime
    model: str
    environment: str | None
    metric: str | None
    better: str | None
    rows: tuple[VersionRow, ...]
    curve: tuple[float, ...] = ()
    logged: int = 0


def versions(
    store: Asks, config: Config, model: str, *, environment: str | None = None, now: datetime
) -> VersionsAnswer:
    """Answer which versions ``model`` has.

    Args:
        store: answers the questions.
        config: environments and metrics.
        model: its name; one that nobody knows has no versions.
        environment: compare with what is live there.
        now: the time of the answer (UTC).
    """
    servings = [s for s in all_serving(store, config) if s.model == model]
    base = next((s for s in servings if s.environment == environment), None)
    rules = metric_rules(config)
    metric = _metric(store, base, servings, config)
    found = store.records("versions_board", model=model, metric=metric or "")
    shown = plain_version(base.shown) if base is not None and base.shown else None
    against = next((row["value"] for row in found if plain_version(row["version"]) == shown), None)
    live, declared = _where(servings)
    rows = []
    for row in found:
        version, value = plain_version(row["version"]), row["value"]
        note = row["stage"] or (row["status"] if row["status"] not in (None, "", "READY") else None)
        rows.append(
            VersionRow(
                version=row["version"],
                run_id=row["run_id"],
                run_name=row["run_name"],
                created_at=moment(row["created_at"]),
                value=value,
                change=_change(value, against),
                commit=row["commit_hash"],
                dataset=row["dataset"],
                digest=row["digest"],
                note=note,
                live_in=tuple(live.get(version, ())),
                declared_in=tuple(declared.get(version, ())),
                base=version == shown,
                rebuilt=told_verdict(row["rebuilt"]),
            )
        )
    better = direction(metric, rules) if metric else None
    return VersionsAnswer(now, model, environment, metric, better, tuple(rows))


def _metric(store: Asks, base: Serving | None, servings: Sequence[Serving], config: Config) -> str | None:
    """Return the metric that stands for the model: that of the base's run, else of another that serves."""
    run_ids = [s.run_id for s in ([base] if base else []) + list(servings) if s.run_id]
    keys: dict[str, list[str]] = defaultdict(list)
    for row in store.records("run_metrics", run_ids=list(dict.fromkeys(run_ids))) if run_ids else ():
        keys[row["run_id"]].append(row["key"])
    rules = metric_rules(config)
    return next((key for run_id in run_ids if (key := primary_metric(keys[run_id], rules))), None)


def _where(servings: Sequence[Serving]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    live: dict[str, list[str]] = defaultdict(list)
    declared: dict[str, list[str]] = defaultdict(list)
    for s in servings:
        serves = plain_version(s.live) if s.live is not None else None
        if serves is not None:
            live[serves].append(s.environment)
        if s.entry.declared is not None and plain_version(s.entry.declared.version) != serves:
            declared[plain_version(s.entry.declared.version)].append(s.environment)
    return live, declared


def _change(value: float | None, base: float | None) -> float | None:
    if value is None or not base:
        return None
    if not (can_be_ranked(value) and can_be_ranked(base)):
        return None
    return (value - base) / abs(base)
