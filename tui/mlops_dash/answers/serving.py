"""Which version is live at each place, and on what evidence?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops_dash.answers.facts import Asks, moment
from mlops_dash.answers.places import DeclaredPlace, declared_places
from mlops_dash.config import Config
from mlops_dash.domain.environments import Basis, Health, Observation
from mlops_dash.domain.rebuilds import Verdict, told_verdict

Registry = dict[tuple[str, str], dict[str, Any]]
"""Rows of ``queries/versions.sql`` by (name, version)."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Which version is live at a place, and on what evidence.

    Attributes:
        live: the version, as the registry writes it where the registry knows it.
        run_id: the run of the live version; where no version is known to be live, the run that the target
            named, else that of the declared version.
        registered: the registry knows the version whose facts are shown.
        rebuilt: verdict of a rebuild of that version, as its tag says; ``None`` where it says none.
    """

    entry: DeclaredPlace
    observed: Observation | None
    live: str | None
    basis: Basis
    drift: bool
    run_id: str | None = None
    registered: bool = False
    rebuilt: Verdict | None = None

    @property
    def environment(self) -> str:
        """Name of the environment."""
        return self.entry.place.environment

    @property
    def model(self) -> str:
        """Name of the registered model."""
        return self.entry.place.model

    @property
    def observed_run(self) -> str | None:
        """The run that the target named, where no version of it is known."""
        seen = self.observed
        return seen.run_id if seen is not None and seen.answered and self.live is None else None

    @property
    def of_declared(self) -> bool:
        """Whether the facts shown are those of the declared version, because what is live is not known."""
        return self.live is None and self.observed_run is None and self.entry.declared is not None

    @property
    def shown(self) -> str | None:
        """The version whose facts are shown: the live one, else the declared one."""
        return self.entry.declared.version if self.of_declared and self.entry.declared else self.live


def all_serving(store: Asks, config: Config) -> list[Serving]:
    """Return for every place which version is live, and on what evidence."""
    asked = {(row["environment"], row["model"]): row for row in store.records("observations")}
    servings: list[Serving] = []
    for entry in declared_places(store, config):
        row = asked.get((entry.place.environment, entry.place.model))
        # what a target of another kind said here is not this target's answer
        observed = observation(row) if row is not None and row["target"] == entry.target else None
        servings.append(_decide(entry, observed))
    servings = _identified(store, servings)
    registry = registry_versions(store, [(s.model, s.shown) for s in servings if s.shown])
    return [_with_run(s, registry) for s in servings]


def _decide(entry: DeclaredPlace, observed: Observation | None) -> Serving:
    declared = entry.declared
    if not entry.asks:
        basis = Basis.DECLARED if declared else Basis.UNKNOWN
        return Serving(entry, None, declared.version if declared else None, basis, drift=False)
    if observed is None or not observed.answered or observed.version is None:
        return Serving(entry, observed, None, Basis.UNKNOWN, drift=False)
    return _observed(Serving(entry, observed, None, Basis.UNKNOWN, drift=False), observed.version)


def _observed(s: Serving, version: str) -> Serving:
    declared = s.entry.declared
    drift = declared is not None and not same_version(declared.version, version)
    return replace(s, live=version, basis=Basis.OBSERVED, drift=drift)


def _identified(store: Asks, servings: list[Serving]) -> list[Serving]:
    """Let the run or logged model that a target named decide which version it serves.

    A run is a stronger word than a label: where it made exactly one version of the model, and not the one
    that the target claims, that one is live. Where no version was claimed and several fit, it is unknown.
    """
    seen = [s.observed for s in servings if s.observed is not None and s.observed.answered]
    run_ids = sorted({o.run_id for o in seen if o.run_id})
    model_ids = sorted({o.model_id for o in seen if o.model_id})
    if not run_ids and not model_ids:
        return servings
    of_run: dict[tuple[str, str], list[str]] = defaultdict(list)
    of_model: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in store.records("versions_of_runs", run_ids=run_ids, model_ids=model_ids):
        of_run[row["name"], row["run_id"]].append(row["version"])
        if row["model_id"]:
            of_model[row["name"], row["model_id"]].append(row["version"])
    found: list[Serving] = []
    for s in servings:
        if s.observed is not None and s.observed.answered:
            made = of_model.get((s.model, s.observed.model_id or ""), [])
            if not made:
                made = of_run.get((s.model, s.observed.run_id or ""), [])
            if len(made) == 1 and (s.live is None or not same_version(made[0], s.live)):
                s = _observed(s, made[0])
        found.append(s)
    return found


def _with_run(s: Serving, registry: Mapping[tuple[str, str], Mapping[str, Any]]) -> Serving:
    """Find the run of the version that is shown."""
    answered = s.observed is not None and s.observed.answered
    said = s.observed.run_id if s.observed is not None and answered else None
    shown = s.shown or ""
    row = registry.get((s.model, shown)) or registry.get((s.model, plain_version(shown)))
    if row is None:
        return replace(s, run_id=None if s.of_declared else said)
    live = row["version"] if s.live is not None else None
    verdict = told_verdict(row["rebuilt"])
    return replace(s, live=live, run_id=row["run_id"] or said, registered=True, rebuilt=verdict)


def plain_version(version: str) -> str:
    """Return a version without a ``v`` that stands before its first digit."""
    return version[1:] if version[:1] in ("v", "V") and version[1:2].isdigit() else version


def same_version(one: str, other: str) -> bool:
    """Tell whether two versions are the same, a leading ``v`` before a digit aside."""
    return plain_version(one) == plain_version(other)


def registry_versions(store: Asks, wanted: Iterable[tuple[str, str]]) -> Registry:
    """Return registry rows by (name, version); a version is also found without its leading ``v``."""
    pairs = sorted({(name, v) for name, version in wanted for v in (version, plain_version(version))})
    if not pairs:
        return {}
    rows = store.records("versions", names=[n for n, _ in pairs], versions=[v for _, v in pairs])
    return {(row["name"], row["version"]): row for row in rows}


def serving_where(servings: Sequence[Serving]) -> dict[tuple[str, str], list[str]]:
    """Return the environments in which each (model, version) is live."""
    where: dict[tuple[str, str], list[str]] = defaultdict(list)
    for s in servings:
        if s.live is not None:
            where[s.model, s.live].append(s.environment)
    return where


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
