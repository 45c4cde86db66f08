"""Which place and which version does a person mean? The nearest is named where there is no such one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_dash.answers.facts import Asks
from mlops_dash.answers.serving import Serving, plain_version, registry_versions
from mlops_dash.domain.environments import Basis
from mlops_dash.domain.plans import Version
from mlops_dash.domain.references import RefKind, parse_reference
from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from mlops_dash.domain.plans import Action

EXACTLY = "version:"
"""Stands before a version that cannot be taken for the name of an environment."""

_MOST_COMPARED = 2000


@dataclass(frozen=True, slots=True)
class Wanted:
    """The version that is wanted.

    Attributes:
        status: in the registry; ``None`` where the registry does not know it.
        source: the environment that was named; ``source_observed``: it was seen to serve the version.
    """

    version: Version
    status: str | None = None
    source: str | None = None
    source_observed: bool = True


def find_place(servings: Sequence[Serving], environment: str, model: str | None) -> Serving:
    """Return the place that is meant.

    Raises:
        UsageError: there is none, or it has several models and none was named.
    """
    here = [s for s in servings if s.environment == environment]
    if not here:
        told = visible(environment, 80)
        names = list(dict.fromkeys(s.environment for s in servings))
        raise UsageError(f"there is no environment {told!r}", nearest(environment, names, "environments"))
    if model is None and len(here) == 1:
        return here[0]
    models = ", ".join(visible(s.model, 80) for s in here[:8])
    if model is None:
        raise UsageError(
            f"{visible(environment, 80)} serves {len(here)} models", f"name one with --model: {models}"
        )
    found = next((s for s in here if s.model == model), None)
    if found is None:
        raise UsageError(
            f"{visible(environment, 80)} does not serve {visible(model, 80)!r}",
            nearest(model, [s.model for s in here], "its models"),
        )
    return found


def wanted_version(store: Asks, servings: Sequence[Serving], place: Serving, to: str) -> Wanted:
    """Return the version that ``to`` names: a version, an environment or a ``models:/`` reference.

    Raises:
        UsageError: there is none; names the nearest.
        RefusedError: it names an environment of which no version is known.
    """
    text = to.strip()
    if text.startswith("models:/"):
        return _referred(store, servings, place, text)
    exactly = text.startswith(EXACTLY)
    version = text.removeprefix(EXACTLY)
    try:
        return _known(store, servings, place, version)
    except UsageError:
        source = next((s for s in servings if (s.environment, s.model) == (text, place.model)), None)
        if source is None or exactly:
            raise
    return _served_by(store, servings, source)


def known_version(store: Asks, servings: Sequence[Serving], place: Serving, version: str) -> Version:
    """Return a version by its immutable ids.

    Raises:
        UsageError: neither registry nor tags nor manifests know it; names the nearest.
    """
    return _known(store, servings, place, version).version


def _known(store: Asks, servings: Sequence[Serving], place: Serving, version: str) -> Wanted:
    model = place.model
    registry = registry_versions(store, [(model, version)])
    row = registry.get((model, version)) or registry.get((model, plain_version(version)))
    if row is not None:
        return Wanted(_of_registry(row), str(row["status"] or "READY"))
    tagged = store.records("gto_versions", names=[model, model], versions=[version, f"v{version}"])
    if tagged:
        best = next((one for one in tagged if one["version"] == version), tagged[0])
        return Wanted(Version(model, best["version"], commit=best["commit_hash"]))
    declared = [row["version"] for row in store.records("plan_manifest_versions", model=model)]
    if version in declared:
        return Wanted(Version(model, version))
    raise UsageError(
        f"there is no version {visible(version, 80)!r} of {visible(model, 80)}",
        nearest(version, _versions(store, servings, model), "versions and environments"),
    )


def _of_registry(row: dict[str, Any]) -> Version:
    places = [row["artifact_location"], row["storage_location"], row["source"]]
    return Version(
        row["name"],
        str(row["version"]),
        row["run_id"] or None,
        row["model_id"] or None,
        tuple(dict.fromkeys(place for place in places if place)),
    )


def _served_by(store: Asks, servings: Sequence[Serving], source: Serving) -> Wanted:
    """Return what another environment serves, or declares where nothing better is known."""
    from dataclasses import replace

    name = visible(source.environment, 80)
    version = source.shown
    if version is None:
        detail = source.observed.detail if source.observed is not None else None
        raise RefusedError(
            f"which version {name} serves is not known{f': {visible(detail, 200)}' if detail else ''}",
            "name a version: --to V",
        )
    found = _known(store, servings, source, version)
    observed = source.basis is Basis.OBSERVED or not source.entry.asks
    return replace(found, source=source.environment, source_observed=observed)


def _referred(store: Asks, servings: Sequence[Serving], place: Serving, text: str) -> Wanted:
    try:
        ref = parse_reference(text)
    except ValueError as error:
        raise UsageError(str(error), "for example models:/NAME/4 or models:/NAME@staging") from None
    if ref.kind is RefKind.VERSION and ref.name == place.model:
        return _known(store, servings, place, ref.detail or "")
    name, _, alias = text.removeprefix("models:/").lstrip("/").rpartition("@")
    if name == place.model and alias:
        rows = store.records("version_of_alias", name=name, alias=alias)
        if rows:
            return _known(store, servings, place, str(rows[0]["version"]))
        aliases = [row["alias"] for row in store.records("plan_aliases", name=name)]
        raise UsageError(
            f"{visible(name, 80)} has no alias {visible(alias, 80)!r}", nearest(alias, aliases, "its aliases")
        )
    raise UsageError(
        f"{visible(place.environment, 80)} serves {visible(place.model, 80)}, not {visible(ref.name, 80)}",
        f"name a version of {visible(place.model, 80)}",
    )


def _versions(store: Asks, servings: Sequence[Serving], model: str) -> list[str]:
    named = store.records("model_versions_named")
    known = [str(row["version"]) for row in named if row["name"] == model]
    known += [row["version"] for row in store.records("plan_manifest_versions", model=model)]
    known.sort(key=lambda version: (len(version), version), reverse=True)
    return [*known, *(s.environment for s in servings if s.model == model)]


def nearest(word: str, known: Iterable[str], what: str) -> str | None:
    """Return which of the known names was probably meant, and what others there are."""
    names = list(dict.fromkeys(known))[:_MOST_COMPARED]
    if not names:
        return None
    close = difflib.get_close_matches(word[:80], names, n=2, cutoff=0.5)
    if not close and (number := plain_version(word)).isdigit():
        numbers = [name for name in names if plain_version(name).isdigit()]
        close = sorted(numbers, key=lambda name: abs(int(plain_version(name)) - int(number)))[:1]
    shown = ", ".join(visible(name, 60) for name in names[:8]) + (" …" if len(names) > 8 else "")
    meant = " or ".join(visible(name, 60) for name in close)
    return f"did you mean {meant}? {what}: {shown}" if close else f"{what}: {shown}"


def find_action(word: str, actions: Sequence[Action]) -> Action:
    """Return the action whose id is ``word`` or, alone, begins or ends with it.

    Raises:
        UsageError: there is none, or there are several; names the nearest.
    """
    found = [a for a in actions if a.plan.id == word] or [
        a for a in actions if word and (a.plan.id.startswith(word) or a.plan.id.endswith(word))
    ]
    if len(found) == 1:
        return found[0]
    told, ids = visible(word, 60), [action.plan.id for action in found or actions]
    if found:
        raise UsageError(f"{told!r} are {len(found)} actions", nearest(word, ids, "they are"))
    none = "nothing was done from this machine yet"
    raise UsageError(f"there is no action {told!r}", nearest(word, ids, "the latest") or none)
