"""Manifests in Git as a source: which version each declares, and which commits changed that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from hashlib import blake2b
from typing import Any

from mlops_dash.domain.manifests import parse_field, version_in
from mlops_dash.domain.text import visible
from mlops_dash.sources.base import Apply, Batch, Position, Reading
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_refs import Refs
from mlops_dash.sources.git_runner import hashes, is_hash
from mlops_dash.sources.manifest_history import FieldChange, Learnt, changes, cut_commits
from mlops_dash.sources.manifest_tree import LARGEST, ManifestError, decoded, find, read

_FORMAT = 1
_KEPT = 5_000  # values of contents that were read before
_MANIFEST = (
    "environment", "model", "path", "field", "remote", "branch", "template", "base", "value", "version",
    "commit_hash", "author", "since", "subject", "detail",
)  # fmt: skip
_CHANGE = (
    "environment", "model", "path", "field", "before", "after", "commit_hash", "author", "changed_at",
    "subject", "seq",
)  # fmt: skip
_INTEGERS = frozenset({"since", "changed_at", "seq"})


@dataclass(frozen=True, slots=True)
class ManifestPlace:
    """An environment whose version stands in a manifest; ``branch`` is ``None`` for the main one."""

    environment: str
    model: str
    path: str
    field: str
    template: str
    remote: str
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of one place."""

    branch: str | None
    base: str | None
    value: str | None
    detail: str | None
    changes: Sequence[FieldChange] = ()


class ManifestSource:
    """The manifests that a configuration names. Counts are empty where it names none.

    The remote's branch is read as it was at the last fetch; the local one only where there is no other.
    """

    name = "manifests"
    kind = "git-manifests"

    def __init__(self, git: GitSource, places: Sequence[ManifestPlace]) -> None:
        self._git = git
        self._places = tuple(places)
        self._learnt = Learnt()

    def changed(self, position: str | None) -> bool:
        """Tell from file times alone whether any ref moved, or other manifests are named."""
        return _seen(position)[:-1] != self._mark()

    def read(self, reading: Reading) -> Iterator[Batch | Position]:
        """Yield what all manifests declare and declared, if a branch says something else than before."""
        mark = self._mark()
        refs = self._git.current_refs() if self._places else None
        found: list[_Found] = []
        for place in self._places:
            reading.cancel.check()
            found.append(self._look(place, refs, reading))
        said = blake2b(repr(found).encode("utf-8", "replace"), digest_size=16).hexdigest()
        seen = _seen(reading.position)
        if reading.thorough or [*seen[:3], *seen[-1:]] != [*mark[:3], said]:
            together = list(zip(self._places, found, strict=True))
            yield Batch("manifest", _table(_MANIFEST, [_row(p, f) for p, f in together]), Apply.REPLACE)
            changed = [row for p, f in together for row in _changed(p, f)]
            yield Batch("manifest_change", _table(_CHANGE, changed), Apply.REPLACE)
        if len(self._learnt.values) > _KEPT:
            self._learnt.values.clear()
        yield self._position(mark, said, found)

    def close(self) -> None:
        """Nothing stays open between readings."""

    def _position(self, mark: list[Any], said: str, found: Sequence[_Found]) -> Position:
        count = len(self._places)
        counts = f"{count} manifest{'' if count == 1 else 's'}" if count else ""
        wrong = next(
            ((p, f.detail) for p, f in zip(self._places, found, strict=True) if f.detail is not None), None
        )
        warning = f"{wrong[0].environment}: {visible(wrong[0].path, 100)} {wrong[1]}" if wrong else None
        remedy = "correct the file, or path and field of the environment's target" if wrong else None
        return Position(json.dumps([*mark, said]), counts, warning, remedy)

    def _mark(self) -> list[Any]:
        place = self._git.place
        named = blake2b(repr([astuple(p) for p in self._places]).encode("utf-8", "replace"), digest_size=16)
        signature = place.refs_signature() if self._places else ""
        return [_FORMAT, str(place.common), named.hexdigest(), signature]

    def _look(self, place: ManifestPlace, refs: Refs | None, reading: Reading) -> _Found:
        assert refs is not None
        main = self._git.main_branch()[0]
        branch = place.branch or (main.removeprefix(f"{place.remote}/") if main else None)
        if branch is None:
            return _Found(None, None, None, "is on no branch: the main branch is not known")
        tips = {ref.kind: ref.commit for ref in refs.refs if (ref.kind, ref.name) in (
            ("remote", f"{place.remote}/{branch}"), ("branch", branch))}  # fmt: skip
        base = tips.get("remote")
        tip = base or tips.get("branch")
        if tip is None:
            return _Found(branch, None, None, f"is on no branch: there is no {visible(branch, 100)}")
        try:
            value, detail = self._value(place, tip)
            history = changes(
                self._git.runner, tip, place.path, place.field,
                cut=cut_commits(self._git.place.common), learnt=self._learnt, check=reading.cancel.check,
            )  # fmt: skip
        except GitError as error:
            if not error.damaged:
                raise
            return _Found(branch, base, None, f"cannot be read: {error.message}")
        if value is not None and version_in(place.template, value) is None:
            detail = f"has “{visible(value, 100)}”, not “{visible(place.template, 100)}”"
        return _Found(branch, base, value, detail, tuple(history))

    def _value(self, place: ManifestPlace, tip: str) -> tuple[str | None, str | None]:
        """Return (the field's text, what is wrong with it)."""
        runner = self._git.runner
        listed = runner.run("ls-tree", "-z", "--full-tree", *hashes(tip), "--", place.path)
        facts = listed.partition(b"\t")[0].split(b" ")
        if len(facts) != 3 or facts[1] != b"blob":
            return None, f"is not there in {tip[:7]}"
        if facts[0] == b"120000":
            return None, "is a symbolic link, which is not followed"
        blob = facts[2].decode("ascii", "replace")
        if not is_hash(blob) or int(runner.run("cat-file", "-s", blob) or b"0") > LARGEST:
            return None, f"is larger than {LARGEST >> 10} KB"
        try:
            text = decoded(runner.run("cat-file", "blob", blob))
            return find(read(text, place.path).root, parse_field(place.field)).value, None
        except (ManifestError, ValueError) as error:
            return None, str(error)


def _row(place: ManifestPlace, found: _Found) -> tuple[Any, ...]:
    last = found.changes[0] if found.changes and found.changes[0].after == found.value else None
    return (
        place.environment, place.model, place.path, place.field, place.remote, found.branch, place.template,
        found.base, found.value, version_in(place.template, found.value),
        last.commit if last else None, last.author if last else None, last.at if last else None,
        last.subject if last else None, found.detail,
    )  # fmt: skip


def _changed(place: ManifestPlace, found: _Found) -> Iterator[tuple[Any, ...]]:
    for seq, change in enumerate(found.changes):
        before, after = version_in(place.template, change.before), version_in(place.template, change.after)
        if before == after:  # neither was what the template says
            continue
        yield (
            place.environment, place.model, place.path, place.field, before, after,
            change.commit, change.author, change.at, change.subject, seq,
        )  # fmt: skip


def _seen(position: str | None) -> list[Any]:
    try:
        seen = json.loads(position or "[]")
    except ValueError:
        return []
    return seen if isinstance(seen, list) else []


def _table(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Columns:
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return Columns(
        {name: values for name, values in columns.items() if name not in _INTEGERS},
        {name: values for name, values in columns.items() if name in _INTEGERS},
    )
