"""What the tags that a remote lists say of a GTO stage: names and commits alone, no tag is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_dash.sources.gto_tags import Action, parse_tag

PEELED = "^{}"
"""Follows the name of an annotated tag where its commit is listed."""


@dataclass(frozen=True, slots=True)
class StageNow:
    """A stage as a remote's tags have it.

    Attributes:
        version, commit: what it has; the version is the commit where none is registered there.
        assigned: the highest number of a tag that assigns it, 0 where there is none.
        highest: the highest number of any tag on it.
        last: the tag with that number.
    """

    version: str | None
    commit: str | None
    assigned: int
    highest: int
    last: str | None


def registered(tags: Mapping[str, str], model: str) -> dict[str, str]:
    """Return the commit of each version that is registered and was not taken back.

    Args:
        tags: tags' names to objects, as ``git ls-remote`` lists them.
    """
    gone = _taken_back(tags, model)
    return {version: commit for version, commit in _ever(tags, model).items() if version not in gone}


def stage_now(tags: Mapping[str, str], model: str, stage: str) -> StageNow:
    """Follow the tags on a stage in the order of their numbers, as GTO does."""
    found: list[tuple[int, str, bool]] = []
    for name in tags:
        tag = parse_tag(name)
        if tag is not None and (tag.model, tag.stage) == (model, stage) and name + PEELED in tags:
            found.append((tag.counter, name, tag.action is Action.ASSIGN))
    found.sort()
    ever, gone = _ever(tags, model), _taken_back(tags, model)
    standing: dict[str, str] = {}  # versions to commits, in the order in which they were assigned last
    for _, name, assigns in found:
        commit = tags[name + PEELED]
        version = next((v for v, at in ever.items() if at == commit), commit)
        standing.pop(version, None)
        if assigns:
            standing[version] = commit
    left = [(version, commit) for version, commit in standing.items() if version not in gone]
    assigned = max((n for n, _, assigns in found if assigns), default=0)
    highest, last = (found[-1][0], found[-1][1]) if found else (0, None)
    if not left:
        return StageNow(None, None, assigned, highest, last)
    return StageNow(*left[-1], assigned, highest, last)


def _ever(tags: Mapping[str, str], model: str) -> dict[str, str]:
    """Return the commit of each version that was ever registered; of several at a commit the last by name
    comes first."""
    found: dict[str, str] = {}
    for name in sorted(tags, reverse=True):
        tag = parse_tag(name)
        registers = tag is not None and tag.model == model and tag.action is Action.REGISTER
        if registers and tag is not None and tag.version and name + PEELED in tags:
            found[tag.version] = tags[name + PEELED]
    return found


def _taken_back(tags: Mapping[str, str], model: str) -> set[str]:
    parsed = (parse_tag(name) for name in tags)
    return {
        tag.version
        for tag in parsed
        if tag is not None and tag.model == model and tag.action is Action.DEREGISTER and tag.version
    }
