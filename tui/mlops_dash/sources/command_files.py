"""The commands that a project's own files tell: an ``MLproject``, a ``dvc.yaml``. Nothing of them is run."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_dash.domain.text import visible
from mlops_dash.sources.dvc_files import LARGEST, load

_PLACE = re.compile(r"\{(\w[\w.-]*)\}")
_DVC_PLACE = re.compile(r"\$\{")
_SHELL = re.compile(r"[|&;<>`$\n]|\*|\?")  # what means something to a shell


class CommandError(ValueError):
    """A file tells no command that can be run without a shell; the message says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """A command that a file tells.

    Attributes:
        folder: that it starts in, from the top of the repository.
        where: the place in the file, for a person.
    """

    argv: tuple[str, ...]
    folder: str
    where: str


def filled(words: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """Return words with the values that they name in braces; a value stays within its word.

    Raises:
        CommandError: a value is missing.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1].removeprefix("params.")
        if name not in values:
            raise CommandError(f"it names {visible(found[0], 80)}, and the run has no such parameter")
        return values[name]

    return tuple(_PLACE.sub(value, word) for word in words)


def of_mlproject(path: str, content: bytes, entry: str, parameters: Mapping[str, str]) -> Told:
    """Return the command of an entry point of an ``MLproject``, with the run's parameters.

    Raises:
        CommandError: it has none, or one that needs a shell.
    """
    document = _mapping(_loaded(content))
    points = _mapping(document.get("entry_points"))
    point = _mapping(points.get(entry))
    command = point.get("command")
    if not isinstance(command, str) or not command.strip():
        raise CommandError(f"its entry point {visible(entry, 60)} tells no command")
    declared = {name: _default(told) for name, told in _mapping(point.get("parameters")).items()}
    values = {name: value for name, value in declared.items() if value is not None} | dict(parameters)
    words = _words(command, braces=True)
    folder = posixpath.dirname(path) or "."
    return Told(filled(words, values), folder, f"{path}, entry point {visible(entry, 60)}")


def of_pipeline(path: str, content: bytes, script: str | None) -> Told:
    """Return the command of the stage of a ``dvc.yaml`` that runs a script, or of its only stage.

    Raises:
        CommandError: none or several do, or it needs a shell, or DVC's templates.
    """
    stages = _mapping(_mapping(_loaded(content)).get("stages"))
    commands = {name: _mapping(stage).get("cmd") for name, stage in stages.items()}
    single = {name: command for name, command in commands.items() if isinstance(command, str)}
    if script is not None:
        single = {name: command for name, command in single.items() if _runs(command, script)} or single
    if len(single) != 1:
        count = f"{len(single)} stages" if single else "no stage"
        raise CommandError(f"{count} may have made the run")
    (name, command), *_ = single.items()
    if _DVC_PLACE.search(command):
        raise CommandError(f"its stage {visible(name, 60)} is written with DVC's templates")
    stage = _mapping(stages[name])
    below = stage.get("wdir") if isinstance(stage.get("wdir"), str) else "."
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(path), str(below)))
    return Told(tuple(_words(command)), folder, f"{path}, stage {visible(name, 60)}")


def made_by(path: str, content: bytes, argv: Sequence[str], script: str | None) -> frozenset[str]:
    """Return the paths that a ``dvc.lock``'s stage of a command makes, with those of all stages after it: the
    command needs none of them. Empty where no stage, or more than one, may be that of the command.

    Args:
        argv: of the command; its first word, the interpreter, may be another one than the stage's.
        script: that the run names, for commands that no stage tells word by word.
    """
    try:
        told = _mapping(_mapping(_loaded(content)).get("stages"))
    except CommandError:
        return frozenset()
    stages = {name: _mapping(stage) for name, stage in told.items()}
    commands = {name: command for name, one in stages.items() if isinstance(command := one.get("cmd"), str)}
    chosen = [name for name, command in commands.items() if _is(command, argv)]
    if not chosen and script is not None:
        chosen = [name for name, command in commands.items() if _runs(command, script)]
    if len(chosen) != 1:
        return frozenset()
    made, after = set(_paths(stages.pop(chosen[0]), "outs")), True
    while after:
        found = [name for name, stage in stages.items() if made & set(_paths(stage, "deps"))]
        after = bool(found)
        for name in found:
            made |= set(_paths(stages.pop(name), "outs"))
    return frozenset(posixpath.normpath(posixpath.join(posixpath.dirname(path), one)) for one in made)


def _paths(stage: Mapping[str, Any], kind: str) -> list[str]:
    entries = stage.get(kind)
    paths = [_mapping(entry).get("path") for entry in (entries if isinstance(entries, list) else ())]
    return [path for path in paths if isinstance(path, str)]


def _is(command: str, argv: Sequence[str]) -> bool:
    try:
        return shlex.split(command)[1:] == list(argv[1:])
    except ValueError:
        return False


def _runs(command: str, script: str) -> bool:
    name = posixpath.basename(script)
    return any(posixpath.basename(word) == name for word in command.split())


def _words(command: str, *, braces: bool = False) -> list[str]:
    text = _PLACE.sub("x", command) if braces else command
    if _SHELL.search(text):
        raise CommandError("its command needs a shell, and is run without one")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise CommandError(f"its command cannot be read: {error}") from None
    if not words or "=" in words[0]:
        raise CommandError("its command begins with no program")
    return words


def _default(told: Any) -> str | None:
    if isinstance(told, dict):
        default = told.get("default")
        return str(default) if isinstance(default, str) else None
    return None


def _loaded(content: bytes) -> Any:
    if len(content) > LARGEST:
        raise CommandError("it is too large")
    try:
        return load(content)
    except ValueError as error:
        raise CommandError(f"it cannot be read: {error}") from None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
