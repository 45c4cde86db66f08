"""What does a reference name?"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mlops_dash.answers.facts import Asks
from mlops_dash.answers.live import Serving
from mlops_dash.domain.references import Reference, RefKind, parse_reference
from mlops_dash.errors import UsageError

Enrich = Callable[[Iterable[str]], None]


@dataclass(frozen=True, slots=True)
class _Board:
    store: Asks
    servings: Sequence[Serving]
    enrich: Enrich


def environment_id(serving: Serving) -> str:
    """Return the node id of an environment."""
    return f"env:{serving.entry.place.environment}/{serving.entry.place.model}"


def version_id(model: str, version: str) -> str:
    """Return the node id of a model version."""
    return f"models:/{model}/{version}"


def resolve(store: Asks, servings: Sequence[Serving], ref: str, enrich: Enrich) -> str:
    """Return the id of the node that ``ref`` names.

    Raises:
        UsageError: the reference is empty, unknown or ambiguous; names the nearest.
    """
    board = _Board(store, servings, enrich)
    text = ref.strip()
    if text.startswith("env:"):
        return _one(text, [environment_id(s) for s in board.servings if environment_id(s) == text], board)
    text = text.removeprefix("run:").removeprefix("commit:")
    try:
        parsed = parse_reference(text)
    except ValueError as error:
        raise UsageError(str(error), "see `mlops-dash trace --help` for what a REF can be") from None
    if parsed.kind is RefKind.DATASET:
        return _dataset(board, parsed)
    if parsed.kind is RefKind.NAME_OR_ID:
        return _name_or_id(board, parsed)
    return _version(board, parsed)


def _one(ref: str, found: list[str], board: _Board, near: Iterable[str] = ()) -> str:
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
        raise UsageError(f"{ref!r} is ambiguous: {shown}", "write more of it")
    names = [s.entry.place.environment for s in board.servings]
    close = difflib.get_close_matches(ref, [*near, *names], n=3, cutoff=0.5)
    known = f"did you mean {' or '.join(close)}?" if close else None
    fallback = (
        "a REF is an environment, models:/NAME/VERSION, models:/NAME@ALIAS, a run id, a commit or data:DIGEST"
    )
    raise UsageError(f"nothing here is called {ref!r}", known or fallback)


def _name_or_id(board: _Board, ref: Reference) -> str:
    here = [environment_id(s) for s in board.servings if s.entry.place.environment == ref.name]
    if not here:
        environment, _, model = ref.name.partition("/")
        here = (
            [f"env:{ref.name}"] if f"env:{environment}/{model}" in map(environment_id, board.servings) else []
        )
    if here:
        if len(here) > 1:
            choices = [h.removeprefix("env:") for h in here]
            raise UsageError(
                f"{ref.name!r} serves {len(here)} models", f"write one of {', '.join(choices[:5])}"
            )
        return here[0]
    runs = [f"run:{r['run_id']}" for r in board.store.records("find_runs", prefix=ref.name)]
    if f"run:{ref.name}" in runs:
        return f"run:{ref.name}"
    commits: list[str] = []
    if ref.hexadecimal:
        commits = [
            f"commit:{r['hash']}" for r in board.store.records("find_commits", prefix=ref.name.lower())
        ]
        if not commits and len(ref.name) in (40, 64):
            board.enrich([ref.name.lower()])
            rows = board.store.records("commits", commits=[ref.name.lower()])
            commits = [f"commit:{r['hash']}" for r in rows if r["in_repository"]]
    return _one(ref.name, runs + commits, board)


def _dataset(board: _Board, ref: Reference) -> str:
    digests = {r["digest"] for r in board.store.records("find_datasets", prefix=ref.name)}
    if ref.name in digests:
        return f"data:{ref.name}"
    return _one(ref.text, sorted(f"data:{d}" for d in digests), board)


def _version(board: _Board, ref: Reference) -> str:
    assert ref.detail is not None
    named = [(r["name"], str(r["version"])) for r in board.store.records("model_versions_named")]
    if ref.kind is RefKind.VERSION:
        found = [version_id(n, v) for n, v in named if n == ref.name and v == ref.detail]
    else:
        found = [
            version_id(ref.name, s.entry.declared.version)
            for s in board.servings
            if s.entry.declared and s.entry.place.model == ref.name and s.entry.declared.alias == ref.detail
        ][:1]
    return _one(ref.text, found, board, near=[version_id(n, v) for n, v in named])
