"""What to compare something with, production first, and what an acting key is about."""

from __future__ import annotations

from collections.abc import Callable

from mlops_dash.answers.node_ids import environment_id
from mlops_dash.answers.shapes import EnvironmentRow, LiveAnswer

_FIRST = (("prod",), ("stag", "pre", "uat"))


def environment_ref(row: EnvironmentRow, answer: LiveAnswer) -> str:
    """Return the reference of an environment: its name where that is enough."""
    alone = sum(other.environment == row.environment for other in answer.environments) == 1
    return row.environment if alone else environment_id(row.environment, row.model)


def ranked(answer: LiveAnswer | None, fits: Callable[[EnvironmentRow], bool]) -> list[EnvironmentRow]:
    """Return the environments that fit and whose run is known, the first to compare with first."""
    rows = answer.environments if answer is not None else ()
    return sorted((row for row in rows if row.run is not None and fits(row)), key=_rank)


def _rank(row: EnvironmentRow) -> tuple[int, bool]:
    name = row.environment.casefold()
    place = next((at for at, words in enumerate(_FIRST) if name.startswith(words)), len(_FIRST))
    return place, not row.protected


def beside_run(answer: LiveAnswer | None, run_id: str, ref: str) -> tuple[str, ...]:
    """Return what to compare a run with, and the run as ``ref``; nothing where nothing else is live."""
    others = ranked(answer, lambda row: row.run is not None and row.run.run_id != run_id)
    return (environment_ref(others[0], answer), ref) if others and answer is not None else ()


def beside_version(answer: LiveAnswer | None, model: str, version: str, ref: str) -> tuple[str, ...]:
    """Return what to compare a model version with, and the version as ``ref``."""
    others = ranked(answer, lambda row: (row.model, row.live) != (model, version))
    others.sort(key=lambda row: row.model != model)
    return (environment_ref(others[0], answer), ref) if others and answer is not None else ()


def beside_environment(answer: LiveAnswer | None, environment: str, model: str) -> tuple[str, ...]:
    """Return an environment and what to compare it with, the one nearer to production first."""
    if answer is None:
        return ()
    here = next((r for r in answer.environments if (r.environment, r.model) == (environment, model)), None)
    others = ranked(answer, lambda row: (row.environment, row.model) != (environment, model))
    others.sort(key=lambda row: row.model != model)
    if here is None or here.run is None or not others:
        return ()
    pair = sorted((here, others[0]), key=_rank)
    return tuple(environment_ref(row, answer) for row in pair)


def beside_node(answer: LiveAnswer | None, node: str) -> tuple[str, ...]:
    """Return what to compare a node of a lineage with, and the node; nothing for commits and datasets."""
    if node.startswith("run:"):
        return beside_run(answer, node.removeprefix("run:"), node)
    if node.startswith("models:/"):
        model, _, version = node.removeprefix("models:/").rpartition("/")
        return beside_version(answer, model, version, node)
    if node.startswith("env:") and answer is not None:
        for row in answer.environments:
            if node in (environment_id(row.environment, row.model), f"env:{row.environment}/{row.model}"):
                return beside_environment(answer, row.environment, row.model)
    return ()


def aimed_by(
    ref: str | None, run: str | None, answer: LiveAnswer | None
) -> tuple[str | None, str, str | None] | None:
    """Return the environment, model and version that a reference, or else a run, is of.

    Args:
        ref: of what is selected, as a lineage names it.
        run: id of the run that is selected, or that what is selected came from.
    """
    rows = answer.environments if answer is not None else ()
    kind, _, name = (ref or "").partition(":")
    if kind == "env" or any(ref == row.environment for row in rows):
        for row in rows:
            if ref in (environment_ref(row, answer), environment_id(row.environment, row.model)):  # type: ignore[arg-type]
                return row.environment, row.model, None
        for row in rows:  # as Live names its rows
            if ref == f"env:{row.environment}/{row.model}":
                return row.environment, row.model, None
    if kind == "models":
        model, _, version = name.removeprefix("/").rpartition("/")
        return (None, model, version) if model else None
    here = next((row for row in rows if row.run is not None and row.run.run_id == run), None)
    return (None, here.model, here.live) if here is not None and here.live is not None else None
