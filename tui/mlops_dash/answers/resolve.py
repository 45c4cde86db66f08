"""What does a reference name?"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mlops_dash.answers.facts import Asks
from mlops_dash.answers.node_ids import commit_id, data_id, environment_id, run_id, version_id
from mlops_dash.answers.serving import Serving, plain_version, registry_versions
from mlops_dash.domain.references import Reference, RefKind, parse_reference
from mlops_dash.errors import UsageError

Enrich = Callable[[Iterable[str]], None]

_FORMS = (
    "a REF is an environment, models:/NAME/VERSION, models:/NAME@ALIAS, a run id, a commit or data:DIGEST"
)
_MOST_COMPARED = 2000


@dataclass(frozen=True, slots=True)
class _Board:
    store: Asks
    servings: Sequence[Serving]
    enrich: Enrich


def resolve(store: Asks, servings: Sequence[Serving], ref: str, enrich: Enrich) -> str:
    """Return the id of the node that ``ref`` names: a REF as typed, or a node's id.

    Raises:
        UsageError: the reference is empty, unknown or ambiguous; names the nearest.
    """
    board = _Board(store, servings, enrich)
    if ref.strip().startswith("env:"):
        return _environment(board, ref)
    kind, _, name = ref.strip().partition(":")
    if kind == "run" and name:
        return _one(ref, _runs(board, name), board)
    if kind == "commit" and name:
        return _one(ref, _commits(board, name), board)
    try:
        parsed = parse_reference(ref)
    except ValueError as error:
        raise UsageError(str(error), "see `mlops-dash trace --help` for what a REF can be") from None
    if parsed.kind is RefKind.DATASET:
        return _dataset(board, ref)
    if parsed.kind is RefKind.NAME_OR_ID:
        return _name_or_id(board, ref, parsed)
    return _version(board, parsed)


def _one(ref: str, found: list[str], board: _Board, near: Iterable[str] = ()) -> str:
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
        raise UsageError(f"{ref.strip()!r} is ambiguous: {shown}", "write more of it")
    names = list(dict.fromkeys([*near, *(s.environment for s in board.servings)]))[:_MOST_COMPARED]
    close = difflib.get_close_matches(ref.strip(), names, n=3, cutoff=0.5)
    known = f"did you mean {' or '.join(close)}?" if close else None
    raise UsageError(f"nothing here is called {ref.strip()!r}", known or _FORMS)


# environments


def _environment(board: _Board, ref: str) -> str:
    """Find ``env:NAME/MODEL``; with the slashes of names as they are where only one can be meant."""
    ids = {environment_id(s.environment, s.model): f"env:{s.environment}/{s.model}" for s in board.servings}
    for text in (ref, ref.strip()):
        if text in ids:
            return text
    plain = [node for node, written in ids.items() if written in (ref, ref.strip())]
    return _one(ref, plain, board, ids)


def _environments_named(board: _Board, text: str) -> list[str]:
    here = [s for s in board.servings if s.environment == text]
    here = here or [s for s in board.servings if f"{s.environment}/{s.model}" == text]
    return [environment_id(s.environment, s.model) for s in here]


def _name_or_id(board: _Board, ref: str, parsed: Reference) -> str:
    for text in (ref, parsed.name):
        here = _environments_named(board, text)
        if len(here) == 1:
            return here[0]
        if here:
            models = [f"{s.environment}/{s.model}" for s in board.servings if s.environment == text] or here
            raise UsageError(f"{text!r} serves {len(here)} models", f"write one of {', '.join(models[:5])}")
    runs = _runs(board, parsed.name)
    if runs == [run_id(parsed.name)]:
        return runs[0]
    return _one(ref, runs + (_commits(board, parsed.name) if parsed.hexadecimal else []), board)


# runs, commits, data


def _exact(names: Iterable[str], wanted: str) -> list[str]:
    """Return what is called exactly so, else all that only begin so."""
    found = list(dict.fromkeys(names))
    return [wanted] if wanted in found else found


def _runs(board: _Board, name: str) -> list[str]:
    found = [row["run_id"] for row in board.store.records("find_runs", prefix=name)]
    return [run_id(r) for r in _exact(found, name)]


def _commits(board: _Board, name: str) -> list[str]:
    """Find commits by the beginning of their hash; one that no ref leads to, by the whole of it."""
    for text in dict.fromkeys((name, name.lower())):
        found = [row["hash"] for row in board.store.records("find_commits", prefix=text)]
        if found:
            return [commit_id(c) for c in _exact(found, text)]
    whole = name.lower()
    if len(whole) in (40, 64):
        board.enrich([whole])
        rows = board.store.records("commits", commits=[whole])
        return [commit_id(row["hash"]) for row in rows if row["in_repository"]]
    return []


def _dataset(board: _Board, ref: str) -> str:
    text = ref.strip()
    digests: list[str] = []
    # a digest may end in a blank: first as written, then as typed
    for digest in dict.fromkeys((ref.lstrip().removeprefix("data:"), text.removeprefix("data:"))):
        digests = [row["digest"] for row in board.store.records("find_datasets", prefix=digest)]
        if digests:
            digests = _exact(digests, digest)
            break
    return _one(ref, sorted(data_id(d) for d in digests), board)


# versions


def _version(board: _Board, ref: Reference) -> str:
    if ref.kind is RefKind.VERSION:
        found = _numbered(board, ref.name, ref.detail or "") or _of_stage(board, ref.name, ref.detail or "")
        if not found:  # the name may hold a slash: models:/team/churn@production
            name, _, alias = ref.text.removeprefix("models:/").rpartition("@")
            found = _of_alias(board, name, alias) if name and alias else []
    else:
        found = _of_alias(board, ref.name, ref.detail or "") or _of_stage(board, ref.name, ref.detail or "")
    return _one(ref.text, found, board, near=() if found else _nearest(board, ref.name))


def _numbered(board: _Board, name: str, version: str) -> list[str]:
    """Find a version in registry, tags and environments: one may serve what the registry does not know."""
    known = {v for n, v in registry_versions(board.store, [(name, version)]) if n == name}
    for text in (version, plain_version(version)):
        tags = board.store.records("gto_versions", names=[name], versions=[text])
        served = any(
            s.model == name and text in (s.live, s.entry.declared.version if s.entry.declared else None)
            for s in board.servings
        )
        if text in known or tags or served:
            return [version_id(name, text)]
    return []


def _of_alias(board: _Board, name: str, alias: str) -> list[str]:
    rows = board.store.records("version_of_alias", name=name, alias=alias)
    return [version_id(name, row["version"]) for row in rows]


def _of_stage(board: _Board, name: str, stage: str) -> list[str]:
    """Find the version that a legacy stage or a GTO stage declares, written as MLflow does or with ``@``."""
    return [
        version_id(name, s.entry.declared.version)
        for s in board.servings
        if s.model == name and s.entry.declared and s.entry.declared.alias.lower() == stage.lower()
    ][:1]


def _nearest(board: _Board, name: str) -> list[str]:
    """Return references to suggest: to versions of the model if there is such a one, else of all."""
    named = [(row["name"], row["version"]) for row in board.store.records("model_versions_named")]
    own = [pair for pair in named if pair[0] == name]
    aliases = [
        f"models:/{s.model}@{s.entry.declared.alias}"
        for s in board.servings
        if s.entry.declared is not None and (s.model == name or not own)
    ]
    return [*aliases, *(version_id(n, v) for n, v in own or named)]
