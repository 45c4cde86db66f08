"""The grammar of GTO's tags, and what a set of them says.

``model@v1.2.0`` registers a version, ``model@v1.2.0!`` takes it back; ``model#stage#N`` assigns the version
at the tagged commit to a stage, ``model#stage!#N`` takes it away; ``model@deprecated`` retires the model.
The counter N is optional; where it is there it decides the order, for clocks differ between people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from mlops_dash.sources.git_refs import Ref

_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9/_-]*[a-zA-Z0-9])?"
_SEMVER = (
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_TAG = re.compile(
    rf"(?P<model>(?:[a-zA-Z0-9_./-]+=)?{_NAME})"
    rf"(?:(?:\#(?P<stage>{_NAME})|@(?P<version>v{_SEMVER}))(?P<cancel>!?)|@(?P<whole>deprecated|created))"
    r"(?:\#(?P<counter>[0-9]{1,18}))?",
    re.ASCII,
)
_LONGEST = 500


class Action(StrEnum):
    """What a tag does."""

    REGISTER = "register"
    DEREGISTER = "deregister"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    CREATE = "create"
    DEPRECATE = "deprecate"


@dataclass(frozen=True, slots=True)
class GtoTag:
    """A parsed tag name; ``counter`` is 0 where there is none."""

    action: Action
    model: str
    version: str | None = None
    stage: str | None = None
    counter: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version. ``deprecated``: it was taken back, or its model retired.
    Times are in milliseconds."""

    model: str
    version: str
    commit: str
    tag: str
    created_at: int
    author: str | None
    deprecated: bool


@dataclass(frozen=True, slots=True)
class Assignment:
    """A version's assignment to a stage. ``version`` is the commit where no version is registered at it.
    ``active``: it is the one that the stage has now."""

    model: str
    stage: str
    n: int
    version: str
    commit: str
    tag: str
    assigned_at: int
    author: str | None
    active: bool


def parse_tag(name: str) -> GtoTag | None:
    """Return what a tag name says in GTO's grammar; ``None`` if it is none of GTO's."""
    match = _TAG.fullmatch(name) if len(name) <= _LONGEST else None
    if match is None:
        return None
    model = match["model"].replace("=", ":")
    counter = int(match["counter"] or 0)
    if match["whole"]:
        action = Action.DEPRECATE if match["whole"] == "deprecated" else Action.CREATE
        return GtoTag(action, model, counter=counter)
    if match["stage"]:
        action = Action.UNASSIGN if match["cancel"] else Action.ASSIGN
        return GtoTag(action, model, stage=match["stage"], counter=counter)
    action = Action.DEREGISTER if match["cancel"] else Action.REGISTER
    return GtoTag(action, model, version=match["version"], counter=counter)


def interpret(refs: Iterable[Ref]) -> tuple[list[Version], list[Assignment]]:
    """Return versions and assignments that annotated tags record, oldest first. Others say nothing to GTO."""
    events = [
        (tag, ref)
        for ref in refs
        if ref.kind == "tag" and ref.annotated and ref.commit and (tag := parse_tag(ref.name))
    ]
    events.sort(key=lambda event: (event[0].counter, event[1].tagged_at or 0, event[1].name))
    models: dict[str, list[tuple[GtoTag, Ref]]] = {}
    for event in events:
        models.setdefault(event[0].model, []).append(event)
    versions: list[Version] = []
    assignments: list[Assignment] = []
    for model in sorted(models):
        found = _versions(models[model])
        versions += found
        assignments += _assignments(models[model], found)
    return versions, assignments


def _versions(events: list[tuple[GtoTag, Ref]]) -> list[Version]:
    standing: dict[str, bool] = {}
    retired = False
    registered: dict[str, Ref] = {}
    for tag, ref in sorted(events, key=_by_time):
        if tag.action is Action.REGISTER and tag.version:
            registered.setdefault(tag.version, ref)
            standing[tag.version] = True
        elif tag.action is Action.DEREGISTER and tag.version:
            standing[tag.version] = False
        retired = tag.action is Action.DEPRECATE
    model = events[0][0].model
    return [
        Version(
            model, version, ref.commit or "", ref.name, ref.tagged_at or 0, ref.tagger,
            retired or not standing[version],
        )
        for version, ref in registered.items()
    ]  # fmt: skip


def _assignments(events: list[tuple[GtoTag, Ref]], versions: list[Version]) -> list[Assignment]:
    """Follow assignments in their order; a stage has the last one that was not taken back."""
    made: list[Assignment] = []
    taken: set[int] = set()
    for tag, ref in events:
        if tag.stage is None:
            continue
        version = _version_at(versions, ref)
        earlier = [i for i, a in enumerate(made) if (a.stage, a.version) == (tag.stage, version)]
        taken.update(earlier)  # a version's later word on a stage replaces its earlier ones
        if tag.action is Action.ASSIGN:
            where = (version, ref.commit or "", ref.name, ref.tagged_at or 0, ref.tagger)
            made.append(Assignment(tag.model, tag.stage, tag.counter, *where, active=False))
    gone = {version.version for version in versions if version.deprecated}
    retired = _retired(events)
    current: dict[str, int] = {}
    for number, assignment in enumerate(made):
        if number not in taken and assignment.version not in gone and not retired:
            current[assignment.stage] = number
    return [replace(a, active=current.get(a.stage) == number) for number, a in enumerate(made)]


def _retired(events: list[tuple[GtoTag, Ref]]) -> bool:
    return max(events, key=_by_time)[0].action is Action.DEPRECATE


def _by_time(event: tuple[GtoTag, Ref]) -> tuple[int, int, str]:
    """Order events of different kinds, which share no counter."""
    tag, ref = event
    return ref.tagged_at or 0, list(Action).index(tag.action), ref.name


def _version_at(versions: list[Version], ref: Ref) -> str:
    """Return the version registered at a tag's commit, the last one by then; else the commit itself."""
    here = [version for version in versions if version.commit == ref.commit]
    by_then = [version for version in here if version.created_at <= (ref.tagged_at or 0)]
    chosen = by_then or here
    return chosen[-1].version if chosen else ref.commit or ""
