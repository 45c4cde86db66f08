"""What deserves attention in an environment, most urgent first. Codes are those of the JSON contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_dash.answers.shapes import Attention, CodeFacts, DataFacts, Rebuildable, RunFacts
from mlops_dash.domain.environments import CodeStatus, Declared, Health, Observation
from mlops_dash.domain.freshness import Freshness, SourceStatus, by_cause, names_of
from mlops_dash.domain.metrics import can_be_ranked


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version of the model other than the live one, with its value of the primary metric."""

    version: str
    value: float
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """All that is known of one environment, before it is judged.

    Attributes:
        candidates: versions of the model that could serve, the best first.
    """

    environment: str
    model: str
    target: str
    declared: Declared | None
    observed: Observation | None
    live: str | None
    drift: bool
    health: Health
    run: RunFacts | None
    code: CodeFacts | None
    data: Sequence[DataFacts]
    rebuildable: Rebuildable
    metric: str | None
    better: str | None
    candidates: Sequence[Candidate]


def attention(facts: Situation, sources: Iterable[SourceStatus]) -> tuple[Attention, ...]:
    """Judge one environment."""
    items: list[tuple[str, str, str | None]] = []
    items += _serving(facts)
    if facts.live is not None:
        items += _lost(facts)
        items += _improvable(facts)
        items += _not_rebuildable(facts)
    items += _not_current(sources)
    return tuple(Attention(c, m, a, facts.environment, facts.model) for c, m, a in items)


def _not_current(sources: Iterable[SourceStatus]) -> Iterable[tuple[str, str, str | None]]:
    troubled = (s for s in sources if s.status in (Freshness.STALE, Freshness.FAILED))
    for alike in by_cause(troubled):
        verb = "is" if len(alike) == 1 else "are"
        why = (alike[0].detail or "could not be read").rstrip(".")
        yield "stale-source", f"{names_of(alike)} {verb} not current: {why}", "refresh"


def version_label(version: str) -> str:
    """Write a version for a person: ``v4``; ``v1.0.0`` stays."""
    return f"v{version}" if version[:1].isdigit() else version


def _serving(f: Situation) -> Iterable[tuple[str, str, str | None]]:
    if f.drift and f.declared and f.live:
        said = {"gto": "the tag says", "manifest": "the manifest says"}.get(
            f.declared.via, "the registry says"
        )
        yield (
            "drift",
            f"{f.environment} serves {version_label(f.live)}, {said} {version_label(f.declared.version)}",
            "rollback",
        )
    if f.health in (Health.DOWN, Health.DEGRADED):
        why = f.observed.detail if f.observed and f.observed.detail else "its target says so"
        how = "" if why.startswith("starting: ") else f"{f.health.value}: "
        yield ("unhealthy", f"{f.environment} is {how}{why}", "trace")
    elif f.observed is not None and not f.observed.answered:
        why = f.observed.detail or "it did not say what it serves"
        yield ("stale-source", f"{f.environment} could not be asked: {why}", "refresh")


def _improvable(f: Situation) -> Iterable[tuple[str, str, str | None]]:
    best = better_version(f)
    if best is not None and f.run is not None and f.metric is not None:
        value = f.run.metrics[f.metric]
        change = f"{(best.value - value) / abs(value) * 100:+.1f} %" if value else f"{best.value - value:+g}"
        owner = (
            f"{best.where[0]}'s {version_label(best.version)}" if best.where else version_label(best.version)
        )
        yield (
            "better-version",
            f"{owner} beats {f.environment}: {f.metric} {change.replace('-', '−')}",
            "promote",
        )
    for data in f.data:
        if data.newer:
            noun = "version" if data.newer == 1 else "versions"
            yield ("newer-data", f"{f.environment}: {data.newer} newer {noun} of {data.name}", "rebuild")
            break
    if f.code is not None and f.code.behind:
        noun = "commit" if f.code.behind == 1 else "commits"
        yield (
            "behind",
            f"{f.environment} is {f.code.behind} {noun} behind {f.code.main or 'main'}",
            "promote",
        )


def better_version(f: Situation) -> Candidate | None:
    """Return the best other version whose primary metric beats the live one's, or ``None``."""
    if f.run is None or f.metric is None or f.better is None or f.metric not in f.run.metrics:
        return None
    mine = f.run.metrics[f.metric]
    if not can_be_ranked(mine):
        return None
    best = next((c for c in f.candidates if c.version != f.live), None)
    if best is None:
        return None
    return best if (best.value < mine if f.better == "min" else best.value > mine) else None


def _lost(f: Situation) -> Iterable[tuple[str, str, str | None]]:
    if f.code is not None:
        short = f.code.commit[:7]
        if f.code.status is CodeStatus.DIRTY:
            yield ("dirty-code", f"{f.environment} was trained with uncommitted changes on {short}", "trace")
        elif f.code.status is CodeStatus.MISSING:
            yield ("missing-code", f"{f.environment}: commit {short} is not in this repository", "trace")
        elif f.code.status is CodeStatus.UNREACHABLE:
            yield (
                "missing-code",
                f"{f.environment}: commit {short} is on no branch and may be lost",
                "trace",
            )


def _not_rebuildable(f: Situation) -> Iterable[tuple[str, str, str | None]]:
    if not f.rebuildable.ready:
        lacks = ["its tree was dirty"] * ("tree" in f.rebuildable.missing)
        if others := ", ".join(name for name in f.rebuildable.missing if name != "tree"):
            lacks.append(f"no {others}")
        yield ("not-rebuildable", f"{f.environment} cannot be rebuilt: {'; '.join(lacks)}", "trace")
