"""Artifacts of two runs, file by file, and the models among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlops_dash.actions.judging.content import State, compare_files
from mlops_dash.actions.judging.descriptions import requirements
from mlops_dash.actions.judging.files import Unreadable, listing, whole
from mlops_dash.actions.judging.sides import Model, Side, clean
from mlops_dash.domain.rebuilds import Difference

_MOST_TOLD = 100
MLMODEL = "MLmodel"


@dataclass(slots=True)
class FilesCompared:
    """What came of comparing files.

    Attributes:
        compared: how many of the original's were looked at and could be compared.
        differing: files that differ, are missing or new; ``within`` is set on new ones.
        missing: models and artifacts of the original that have no counterpart. Not single files of models:
            what matters of those is what they predict.
        unknown: why something could not be compared; empty where all was.
        lost: why a model could not be read.
        unlike: models of both whose files differ: name, original, rebuilt.
        inputs: what the files say of Python and packages, where it differs.
    """

    compared: int = 0
    differing: list[Difference] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unlike: list[tuple[str, Path, Path]] = field(default_factory=list)
    inputs: list[Difference] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def compare_artifacts(original: Side, rebuilt: Side) -> FilesCompared:
    """Compare the models and the artifacts of two runs."""
    found = FilesCompared()
    partners = list(_numbered(rebuilt.models))
    for name, model in _numbered(original.models):
        partner = next((other for other_name, other in partners if other_name == name), None)
        _compare_model(found, name, model, partner)
    for name, _ in partners:
        if name not in dict(_numbered(original.models)):
            found.differing.append(_new(f"model {name}"))
    if original.artifacts is None or rebuilt.artifacts is None:
        whose = "original" if original.artifacts is None else "rebuilt"
        found.unknown.append(f"the artifacts of the {whose} run could not be read")
    else:
        _compare_run(found, original.artifacts, rebuilt.artifacts)
    found.lines += [f"not compared: {why}" for why in (*found.lost, *found.unknown)]
    if len(found.lines) > _MOST_TOLD:
        found.lines[_MOST_TOLD:] = [f"{len(found.lines) - _MOST_TOLD:,} more files and notes"]
    return found


def imported(side: Side) -> frozenset[str]:
    """Return the packages that a run's models say they need."""
    folders = [model.path for model in side.models if model.path is not None]
    if side.artifacts is not None:
        try:
            names = listing(side.artifacts).names
        except Unreadable:
            names = frozenset()
        folders += [side.artifacts / name[: -len(MLMODEL)] for name in names if _is_mlmodel(name)]
    needed: set[str] = set()
    for folder in folders[:20]:
        try:
            needed |= requirements(
                whole(folder / "requirements.txt", 2_000_000).decode("utf-8", "replace")
            ).keys()
        except Unreadable:
            continue
    return frozenset(needed)


def _compare_model(found: FilesCompared, name: str, model: Model, partner: Model | None) -> None:
    if partner is None:
        found.missing.append(f"model {name}")
        found.differing.append(Difference("artifact", f"model {name}", "logged", None, words="missing"))
    elif model.path is None or partner.path is None:
        whose = "original's" if model.path is None else "rebuilt"
        found.lost.append(f"the {whose} model {name} could not be read")
    elif not (model.path / MLMODEL).is_file():
        found.lost.append(f"the original's model {name} has no MLmodel any more")
    elif _compare(found, model.path, partner.path, f"{name}/", ("",)):
        found.unlike.append((name, model.path, partner.path))


def _compare_run(found: FilesCompared, original: Path, rebuilt: Path) -> None:
    """Compare the artifacts of two runs, and note models among them whose files differ."""
    try:
        names = listing(original).names
        theirs = listing(rebuilt).names
    except Unreadable as why:
        found.unknown.append(f"artifacts: {why}")
        return
    models = sorted(name[: -len(MLMODEL)] for name in names if _is_mlmodel(name))
    apart = _compare(found, original, rebuilt, "", tuple(models))
    for folder in models:
        shown = clean(folder.rstrip("/") or "model")
        if folder + MLMODEL not in theirs:
            found.missing.append(f"model {shown}")
        elif any(name.startswith(folder) for name in apart):
            found.unlike.append((shown, original / folder, rebuilt / folder))


def _compare(
    found: FilesCompared, original: Path, rebuilt: Path, below: str, models: tuple[str, ...]
) -> set[str]:
    """Compare two folders; return the names that are not equal.

    Args:
        below: told before every name.
        models: folders of models in them; an empty name: all is of one model.
    """
    try:
        first, second = listing(original), listing(rebuilt)
    except Unreadable as why:
        found.unknown.append(f"{below or 'artifacts'}: {why}")
        return {""}
    found.unknown += [f"{clean(below + name)} is a link or no plain file" for name in sorted(first.odd)[:5]]
    apart: set[str] = set()
    for name in sorted(first.names):
        shown = clean(below + name)
        if name not in second.names:
            if not name.startswith(models):
                found.missing.append(shown)
            found.differing.append(Difference("artifact", shown, "a file", None, words="missing"))
            apart.add(name)
        elif not _compare_one(found, shown, original / name, rebuilt / name):
            apart.add(name)
    found.differing += [_new(clean(below + name)) for name in sorted(second.names - first.names)]
    return apart


def _compare_one(found: FilesCompared, shown: str, original: Path, rebuilt: Path) -> bool:
    """Compare two files; tell whether they are equal as far as that matters."""
    answer = compare_files(original, rebuilt)
    told = clean(answer)
    found.inputs += answer.inputs
    found.compared += answer.state in (State.BYTES, State.CONTENT, State.DIFFERS)
    found.lines.append(f"{shown}: {told}")
    if answer.state is State.UNKNOWN:
        found.unknown.append(f"{shown} {told}")
    elif answer.state is State.DIFFERS:
        words = f"{shown} differs {clean(answer.words)}"
        found.differing.append(Difference("artifact", shown, "a file", "another", words=words))
    return answer.state not in (State.UNKNOWN, State.DIFFERS)


def _is_mlmodel(name: str) -> bool:
    return name == MLMODEL or name.endswith(f"/{MLMODEL}")


def _new(name: str) -> Difference:
    return Difference("artifact", name, None, "a file", within=True, words="new")


def _numbered(models: tuple[Model, ...]) -> Iterator[tuple[str, Model]]:
    """Yield models by name; further ones of one name are numbered in the order they were logged."""
    seen: dict[str, int] = {}
    for model in models:
        seen[model.name] = seen.get(model.name, 0) + 1
        number = seen[model.name]
        yield clean(model.name if number == 1 else f"{model.name} ({number})"), model
