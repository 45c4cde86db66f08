"""What do the references of a comparison name, and which run and model stand behind each?"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlops_dash.answers.facts import Asks
from mlops_dash.answers.node_ids import environment_id, run_id, split_id
from mlops_dash.answers.resolve import Enrich, resolve
from mlops_dash.answers.serving import (
    Registry,
    Serving,
    all_serving,
    plain_version,
    registry_versions,
    serving_where,
)
from mlops_dash.config import Config
from mlops_dash.domain.environments import Basis
from mlops_dash.errors import UsageError
from mlops_dash.sources.mlflow.artifacts import ModelPlace

FEWEST, MOST = 2, 100
_LOGGED = re.compile(r"models:/(m-[^/]+)")
_HISTORY_TAG = "mlflow.log-model.history"


@dataclass(frozen=True, slots=True)
class Subject:
    """One of the things compared, and what stands behind it.

    Attributes:
        kind: environment, version or run.
        notes: what tells it from others, for a person.
        registered: the registry's row of its version.
        commit: the commit that a GTO tag names; that of the run stands with the run.
    """

    ref: str
    kind: str
    environment: str | None = None
    model: str | None = None
    version: str | None = None
    run_id: str | None = None
    notes: tuple[str, ...] = ()
    registered: Mapping[str, Any] | None = None
    commit: str | None = None


@dataclass(slots=True)
class _Board:
    store: Asks
    servings: Sequence[Serving]
    registry: Registry = field(default_factory=dict)
    tagged: dict[tuple[str, str], str] = field(default_factory=dict)


def subjects(store: Asks, config: Config, refs: Sequence[str], enrich: Enrich) -> tuple[Subject, ...]:
    """Find what references name, in their order; the same one twice is two items.

    Raises:
        UsageError: there are too few or too many, or one is unknown, ambiguous or cannot be compared.
    """
    if not FEWEST <= len(refs) <= MOST:
        raise UsageError(
            f"{len(refs)} reference{'' if len(refs) == 1 else 's'} cannot be compared",
            f"name {FEWEST} to {MOST} environments, model versions or runs",
        )
    board = _Board(store, all_serving(store, config))
    nodes = _resolved(board, refs, enrich)
    found = [_named(board, ref, nodes[ref]) for ref in refs]
    _load_versions(board, found)
    return tuple(_whole(board, subject) for subject in found)


def _resolved(board: _Board, refs: Sequence[str], enrich: Enrich) -> dict[str, str]:
    """Return the node of each reference; all whole run ids are looked up with one question."""
    environments = {s.environment for s in board.servings}
    environments |= {f"{s.environment}/{s.model}" for s in board.servings}
    plain = {ref: ref.strip() for ref in refs if not {ref, ref.strip()} & environments}
    ids = {ref: name.removeprefix("run:") for ref, name in plain.items()}
    rows = board.store.records("runs", run_ids=sorted(set(ids.values()))) if ids else []
    known = {row["run_id"] for row in rows}
    return {
        ref: run_id(ids[ref]) if ids.get(ref) in known else resolve(board.store, board.servings, ref, enrich)
        for ref in dict.fromkeys(refs)
    }


def _named(board: _Board, ref: str, node: str) -> Subject:
    kind, name = split_id(node)
    if kind == "env":
        serving = next(s for s in board.servings if environment_id(s.environment, s.model) == node)
        return _environment(ref, serving)
    if kind == "models":
        model, _, version = name.rpartition("/")
        return Subject(ref, "version", model=model, version=version)
    if kind == "run":
        return Subject(ref, "run", run_id=name)
    what = "a commit" if kind == "commit" else "a dataset version"
    raise UsageError(
        f"{ref.strip()!r} is {what}: what can be compared are environments, model versions and runs",
        "mlops-dash trace tells the runs that came from it",
    )


def _environment(ref: str, serving: Serving) -> Subject:
    declared = serving.entry.declared
    if serving.live is not None:
        observed = serving.basis is Basis.OBSERVED
        notes = [f"{_version(serving.live)} {'observed' if observed else 'declared'}"]
        if serving.drift and declared is not None:
            notes.append(f"{_version(declared.version)} declared")
    elif serving.observed_run is not None:
        notes = ["a run observed, of no known version"]
    elif declared is not None:
        notes = [f"{_version(declared.version)} declared", "what is live is unknown"]
    else:
        notes = ["what is live is unknown"]
    tagged = declared is not None and serving.shown == declared.version
    return Subject(
        ref,
        "environment",
        environment=serving.environment,
        model=serving.model,
        version=serving.shown,
        run_id=serving.run_id,
        notes=tuple(notes),
        commit=declared.commit if declared is not None and tagged else None,
    )


def _version(version: str) -> str:
    return f"v{version}" if version[:1].isdigit() else version


def _load_versions(board: _Board, found: Iterable[Subject]) -> None:
    pairs = sorted({(s.model, s.version) for s in found if s.model is not None and s.version is not None})
    if not pairs:
        return
    board.registry = registry_versions(board.store, pairs)
    names, versions = [name for name, _ in pairs], [version for _, version in pairs]
    for row in board.store.records("gto_versions", names=names, versions=versions):
        board.tagged[row["model"], row["version"]] = row["commit_hash"]


def _whole(board: _Board, subject: Subject) -> Subject:
    """Add the run of a version, and where it is live."""
    where = serving_where(board.servings)
    if subject.kind == "run":
        live = [s.environment for s in board.servings if s.run_id == subject.run_id and not s.of_declared]
        return replace(subject, notes=_live_in(live))
    model, version = subject.model or "", subject.version or ""
    row = board.registry.get((model, version)) or board.registry.get((model, plain_version(version)))
    commit = subject.commit or board.tagged.get((model, version))
    if subject.kind == "environment":
        return replace(subject, registered=row, commit=commit)
    said = next((s.run_id for s in board.servings if (s.model, s.live) == (model, version)), None)
    run = (row["run_id"] if row is not None else None) or said
    notes = _live_in(where.get((model, version), []))
    return replace(subject, registered=row, commit=commit, run_id=run, notes=notes)


def _live_in(environments: Sequence[str]) -> tuple[str, ...]:
    return (f"live in {', '.join(dict.fromkeys(environments))}",) if environments else ()


def model_places(
    store: Asks, found: Sequence[Subject], tags: Mapping[str, Mapping[str, str]]
) -> list[ModelPlace | str]:
    """Return where the model of each item is, or why that is not known.

    A run that logged several models is told by the newest that is ready.
    """
    ids = sorted({s.run_id for s in found if s.run_id is not None})
    rows = store.records("compare_models", run_ids=ids) if ids else []
    by_run: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_run[row["run_id"]].append(row)
    return [_place(subject, by_run.get(subject.run_id or "", []), tags) for subject in found]


def _place(
    subject: Subject, rows: Sequence[Mapping[str, Any]], tags: Mapping[str, Mapping[str, str]]
) -> ModelPlace | str:
    root = rows[0]["artifact_uri"] if rows else None
    row = subject.registered
    if row is not None and row["artifact_location"]:
        location = str(row["artifact_location"])
        path = _within_run(str(row["source"] or ""), location, root)
        if location.startswith("runs:/"):
            if not root or path is None:
                return "the run that its artifacts belong to is not known"
            location = _joined(root, path)
        named = _LOGGED.fullmatch(location)
        return ModelPlace(location, subject.run_id, path, row["model_id"] or (named[1] if named else None))
    if subject.run_id is None:
        return "no registered model and no run is known"
    logged = [one for one in rows if one["model_id"] and one["artifact_location"]]
    ready = [one for one in logged if one["status"] in (None, "READY")] or logged
    if ready:
        return ModelPlace(ready[0]["artifact_location"], subject.run_id, None, ready[0]["model_id"])
    path = _logged_path(tags.get(subject.run_id, {}).get(_HISTORY_TAG))
    if path is None or not root:
        return "the run logged no model" if rows else "the run is not in the tracking store"
    return ModelPlace(_joined(root, path), subject.run_id, path, None)


def _within_run(source: str, location: str, root: str | None) -> str | None:
    """Return the path of a model within the artifacts of its run, where it is there."""
    if source.startswith("runs:/"):
        return source.removeprefix("runs:/").partition("/")[2]
    base = (root or "").rstrip("/")
    return location[len(base) + 1 :] if base and location.startswith(f"{base}/") else None


def _joined(root: str, path: str) -> str:
    return f"{root.rstrip('/')}/{path.lstrip('/')}"


def _logged_path(history: str | None) -> str | None:
    """Return where MLflow before 3 noted that a run's last model was logged."""
    if not history:
        return None
    try:
        logged = json.loads(history)
        path = logged[-1]["artifact_path"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    return path if isinstance(path, str) and path else None
