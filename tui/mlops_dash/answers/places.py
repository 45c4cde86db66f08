"""Which environments there are: those configured, and those that registry and tags declare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_dash.answers.facts import Asks, moment
from mlops_dash.config import AliasTarget, Config, EnvironmentConfig, GitopsTarget, GtoTarget
from mlops_dash.domain.environments import Declared
from mlops_dash.targets.base import Place


@dataclass(frozen=True, slots=True)
class DeclaredPlace:
    """A place of the board, the version declared there, and its settings if it is configured."""

    place: Place
    declared: Declared | None
    settings: EnvironmentConfig | None

    @property
    def target(self) -> str:
        """Kind of the target."""
        if self.settings is None or isinstance(self.settings.target, AliasTarget):
            return "gto" if self.declared is not None and self.declared.via == "gto" else "alias"
        return str(self.settings.target.__struct_config__.tag)

    @property
    def asks(self) -> bool:
        """Whether there is something to ask which version it serves; else it is only declared."""
        target = self.settings.target if self.settings is not None else AliasTarget()
        if isinstance(target, GitopsTarget):
            return target.http is not None
        return not isinstance(target, AliasTarget | GtoTarget)


def declared_places(store: Asks, config: Config) -> tuple[DeclaredPlace, ...]:
    """Return every (environment, model): configured ones first, in the order of the file, then found ones."""
    found: dict[tuple[str, str], tuple[str, Declared]] = {}
    for row in store.records("declared_versions"):
        found[row["model"], row["environment"].lower()] = (row["environment"], _declared(row))
    in_git = _declared_in_git(store, config)
    places: list[DeclaredPlace] = []
    spoken_for: set[tuple[str, str]] = set()
    for name, settings in config.environments.items():
        alias = settings.alias or name
        declared = found.get((settings.model, alias.lower()), ("", None))[1]
        if isinstance(settings.target, GitopsTarget):
            declared = in_git.get(("manifest", settings.model, name))
        elif isinstance(settings.target, GtoTarget):
            declared = in_git.get(("gto", settings.model, alias.lower()))
        # a name that is configured is never shown a second time, whatever else the registry says of it
        spoken_for |= {(settings.model, alias.lower()), (settings.model, name.lower())}
        places.append(
            DeclaredPlace(
                Place(name, settings.model, alias, settings.protected, configured=True),
                declared,
                settings,
            )
        )
    for (model, lowered), (environment, declared) in sorted(found.items(), key=lambda item: _order(*item[0])):
        if (model, lowered) in spoken_for:
            continue
        places.append(DeclaredPlace(Place(environment, model, declared.alias), declared, None))
    return tuple(places)


def _declared_in_git(store: Asks, config: Config) -> dict[tuple[str, str, str], Declared]:
    """Return what manifests and GTO tags declare, for the environments that these alone decide."""
    targets = [settings.target for settings in config.environments.values()]
    if not any(isinstance(target, GitopsTarget | GtoTarget) for target in targets):
        return {}
    found: dict[tuple[str, str, str], Declared] = {}
    for row in store.records("declared_in_git"):
        name = row["environment"] if row["via"] == "manifest" else row["environment"].lower()
        found[row["via"], row["model"], name] = _declared(row)
    return found


def _declared(row: Mapping[str, Any]) -> Declared:
    return Declared(
        version=str(row["version"]),
        via=row["via"],
        alias=row["label"],
        since=moment(row["since"]),
        by=row["by"] or None,
        commit=row["commit_hash"],
    )


def _order(model: str, environment: str) -> tuple[str, int, str]:
    """Sort environments by how near to the users they are, as far as names tell."""
    near = ("prod", "champion", "live", "stag", "canary", "challenger", "test", "dev")
    rank = next((i for i, word in enumerate(near) if environment.startswith(word)), len(near))
    return (model, rank, environment)
