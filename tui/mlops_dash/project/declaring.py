"""What in Git declares a place's version, as the planners need it: a manifest, or GTO's tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_dash.actions.planning import GtoFacts, ManifestFacts
from mlops_dash.answers.facts import Asks
from mlops_dash.config import GitopsTarget, GtoTarget
from mlops_dash.sources.gto_tags import parse_tag

if TYPE_CHECKING:
    from mlops_dash.answers.places import DeclaredPlace
    from mlops_dash.project import Project

REMOTE = "origin"


def manifest_facts(store: Asks, entry: DeclaredPlace) -> ManifestFacts | None:
    """Return the manifest of a place whose target is ``gitops``; ``None`` for every other."""
    target = entry.settings.target if entry.settings is not None else None
    if not isinstance(target, GitopsTarget):
        return None
    names = {"environment": entry.place.environment, "model": entry.place.model}
    row = next(iter(store.records("plan_manifest", **names)), None)
    branch = str(target.branch or (row or {}).get("branch") or _main(store) or "main")
    return ManifestFacts(
        path=target.path,
        field=target.field,
        branch=branch,
        remote=target.remote,
        template=target.value,
        text=row["value"] if row is not None else None,
        version=row["version"] if row is not None else None,
        base=_base(store, f"{target.remote}/{branch}"),
    )


def gto_facts(project: Project, entry: DeclaredPlace, version: str) -> GtoFacts:
    """Return the stage that GTO's tags declare, and where the wanted version is registered."""
    declared, model, store = entry.declared, entry.place.model, project.store
    target = entry.settings.target if entry.settings is not None else None
    stage = declared.alias if declared is not None else entry.place.declared_alias
    highest = 0
    prefix = f"{model.replace(':', '=')}#"
    for row in store.records("plan_refs", prefix=prefix, branch=""):
        tag = parse_tag(row["name"])
        if tag is not None and (tag.model, tag.stage) == (model, stage):
            highest = max(highest, tag.counter)
    registered = store.records("gto_versions", names=[model], versions=[version])
    found = registered[0] if registered else None
    state = store.records("git_state")
    remote = target.remote if isinstance(target, GtoTarget) else REMOTE
    return GtoFacts(
        stage=stage,
        version=declared.version if declared is not None else None,
        highest=highest,
        commit=found["commit_hash"] if found is not None else None,
        deprecated=bool(found and found["deprecated"]),
        remote=remote if state and state[0]["remote"] else None,
    )


def _base(store: Asks, branch: str) -> str | None:
    rows = store.records("plan_refs", prefix="\0", branch=branch)
    return next((row["commit_hash"] for row in rows if row["kind"] == "remote"), None)


def _main(store: Asks) -> str | None:
    state = store.records("git_state")
    return str(state[0]["main"]).removeprefix(f"{REMOTE}/") if state and state[0]["main"] else None
