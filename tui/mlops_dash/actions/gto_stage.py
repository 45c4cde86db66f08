"""What a remote's tags say of a GTO stage now: names and commits decide, the last tag tells who made it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mlops_dash.actions.git_remote import Remote
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.gto_tags import Action, parse_tag

TAGS = "refs/tags/"

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


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the remote that assigns the stage or takes it away, and who made it when."""

    name: str
    n: int
    object: str
    commit: str
    tagger: str
    at: datetime | None
    message: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the remote's tags say of a model's stage.

    Attributes:
        stage: the version that it has.
        last: the last tag on it, which may take it away.
        versions: the commit of each version.
    """

    stage: StageNow
    last: Tag | None
    versions: Mapping[str, str]


def see_stage(remote: Remote, model: str, stage: str) -> Seen:
    """Ask a remote for its tags on a model; the names of model and stage are checked by the caller.

    Raises:
        GitError: the remote does not answer.
    """
    prefix = f"{TAGS}{model.replace(':', '=')}"
    for _ in range(5):
        refs = remote.refs(f"{prefix}#*", f"{prefix}@*")
        tags = {name.removeprefix(TAGS): sha for name, sha in refs.items() if name.startswith(TAGS)}
        now = stage_now(tags, model, stage)
        if now.last is None:
            return Seen(now, None, registered(tags, model))
        if remote.bring([tags[now.last]], [TAGS + now.last]):
            return Seen(now, _tag(remote, tags, now.last), registered(tags, model))
    raise GitError(f"the tags of {remote.name} change faster than they can be fetched", "try again")


def _tag(remote: Remote, tags: Mapping[str, str], name: str) -> Tag:
    sha = tags[name]
    raw = remote.git.run("cat-file", "--batch", stdin=sha.encode() + b"\n").decode("utf-8", "replace")
    head, _, message = raw.partition("\n\n")
    line = next((line for line in head.splitlines() if line.startswith("tagger ")), "")
    who, _, at = line.removeprefix("tagger ").rpartition("> ")
    seconds = at.split(" ")[0]
    known = datetime.fromtimestamp(int(seconds), UTC) if re.fullmatch("[0-9]{1,10}", seconds) else None
    tagger = who.rpartition(" <")[0] or "somebody"
    return Tag(name, number(name), sha, tags.get(name + PEELED, sha), tagger, known, message.strip())


def number(name: str) -> int:
    """Return the number in a tag's name, 0 where there is none."""
    tag = parse_tag(name)
    return tag.counter if tag is not None else 0
