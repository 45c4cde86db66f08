"""GTO as a source: model versions and stages that annotated Git tags record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from hashlib import blake2b
from typing import Any

from mlops_dash.sources.base import Apply, Batch, Position, Reading
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.gto_tags import interpret

_INTEGERS = ("n", "created_at", "assigned_at")
_BOOLEANS = ("deprecated", "active")
_FORMAT = 2
# columns in the order of the rows' fields
_VERSION = ("model", "version", "commit_hash", "tag", "created_at", "author", "deprecated")
_ASSIGNMENT = ("model", "stage", "n", "version", "commit_hash", "tag", "assigned_at", "author", "active")


class GtoSource:
    """The GTO registry in a repository's tags. Counts are empty where there is none."""

    name = "gto"
    kind = "git-tags"

    def __init__(self, git: GitSource) -> None:
        self._git = git

    def changed(self, position: str | None) -> bool:
        """Tell from file times alone whether any ref moved."""
        return _seen(position)[:-1] != self._mark()

    def read(self, reading: Reading) -> Iterator[Batch | Position]:
        """Yield all versions and assignments if the tags say something else than before."""
        mark = self._mark()
        versions, assignments = interpret(self._git.current_refs().refs)
        said = blake2b(repr((versions, assignments)).encode(), digest_size=16).hexdigest()
        seen = _seen(reading.position)
        if reading.thorough or [*seen[:2], *seen[-1:]] != [*mark[:2], said]:
            yield Batch("gto_version", _table(_VERSION, map(astuple, versions)), Apply.REPLACE)
            yield Batch("gto_assignment", _table(_ASSIGNMENT, map(astuple, assignments)), Apply.REPLACE)
        counts = ""
        if versions or assignments:
            stages = len({(a.model, a.stage) for a in assignments if a.active})
            counts = f"{_some(len(versions), 'version')} · {_some(stages, 'stage')}"
        yield Position(json.dumps([*mark, said]), counts)

    def close(self) -> None:
        """Nothing stays open between readings."""

    def _mark(self) -> list[Any]:
        place = self._git.place
        return [_FORMAT, str(place.common), place.refs_signature()]


def _seen(position: str | None) -> list[Any]:
    try:
        seen = json.loads(position or "[]")
    except ValueError:
        return []
    return seen if isinstance(seen, list) else []


def _some(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _table(names: Sequence[str], found: Iterable[tuple[Any, ...]]) -> Columns:
    rows = list(found)
    values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    columns = dict(zip(names, values, strict=True))
    integers = {name: columns.pop(name) for name in _INTEGERS if name in columns}
    booleans = {name: columns.pop(name) for name in _BOOLEANS if name in columns}
    return Columns(columns, integers, booleans=booleans)
