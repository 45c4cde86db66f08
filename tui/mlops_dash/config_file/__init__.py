"""The file ``mlops-dash.toml``: finding, reading and checking it, and its schema."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from mlops_dash.config import Config
from mlops_dash.config_file.places import Place, dotted, line_of, lines_of
from mlops_dash.config_file.problems import Problem, look_at_meaning, look_at_values
from mlops_dash.domain.text import visible
from mlops_dash.errors import ConfigError

FILE_NAME = "mlops-dash.toml"
LARGEST = 1_000_000  # bytes; a board of thousands of environments stays far below
_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def find_config(start: Path) -> Path | None:
    """Return the ``mlops-dash.toml`` in ``start`` or the nearest folder above it, ``None`` if there is none.

    The search ends at the home folder where ``start`` lies in it. Above ``start``, a file of another
    user in a folder that everybody may write to is passed over: it could name where secrets are sent.
    """
    folder = Path(os.path.abspath(start))
    home = Path(os.path.expanduser("~"))
    for current in (folder, *folder.parents):
        path = current / FILE_NAME
        if os.path.lexists(path) and (current == folder or _trusted(path)):
            return path
        if current == home:
            break
    return None


def state_of(path: Path | None) -> tuple[object, ...]:
    """Return what tells a configuration file, or none, from the same one changed."""
    try:
        state = path.stat() if path is not None else None
    except (OSError, ValueError):
        state = None
    return (path, state and (state.st_ino, state.st_size, state.st_mtime_ns))


def load_config(path: Path) -> Config:
    """Read and check the configuration file ``path``.

    Raises:
        ConfigError: names the file and every problem with its line, its place and what was expected.
    """
    config, problems = _examine(path)
    if config is not None:
        return config
    name = visible(str(path))
    if len(problems) == 1:
        problem = problems[0]
        line = f", line {problem.line}" if problem.line else ""
        column = f", column {problem.column}" if problem.column else ""
        place = f": {problem.place}" if problem.place else ":" if line else ""
        raise ConfigError(f"{name}{line}{column}{place} {problem.message}", problem.remedy)
    listing = "".join(f"\n  {problem}" for problem in problems)
    raise ConfigError(f"{name} has {len(problems)} mistakes:{listing}")


def check(path: Path) -> list[Problem]:
    """Return everything that is wrong with the configuration file ``path``, in the order of its lines."""
    return _examine(path)[1]


def schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration file."""
    document = msgspec.json.schema(Config)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": FILE_NAME,
        "description": "Configuration of mlops-dash. Never holds secrets, only names of variables.",
        **document,
    }


def _trusted(path: Path) -> bool:
    try:
        owner = path.lstat().st_uid
        return owner in (0, os.getuid()) or not path.parent.stat().st_mode & stat.S_IWOTH
    except (OSError, AttributeError):  # unreadable: reading it will say so; no owners on this system
        return True


def _examine(path: Path) -> tuple[Config | None, list[Problem]]:
    try:
        text = _read(path)
    except ConfigError as error:
        return None, [Problem(error.message, remedy=error.remedy)]
    try:
        data = tomllib.loads(text)
    except RecursionError:
        return None, [Problem("nests too deeply")]
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        return None, [_syntax(str(error), text)]
    config, found = _convert(data)
    if config is not None:
        return config, []
    lines = lines_of(text)
    located = [
        Problem(problem.message, problem.place, line_of(place, lines), None, problem.remedy)
        for place, problem in found
    ]
    return None, sorted(located, key=lambda problem: problem.line or 0)


def _convert(data: dict[str, Any]) -> tuple[Config | None, list[tuple[Place, Problem]]]:
    found: list[tuple[Place, Problem]] = []

    def tell(place: Place, message: str, remedy: str | None) -> None:
        told = visible(remedy) if remedy else None
        found.append((place, Problem(visible(message, 500), visible(dotted(place), 200), remedy=told)))

    def tell_once(place: Place, message: str, remedy: str | None) -> None:
        if place not in {other for other, _ in found}:
            tell(place, message, remedy)

    try:
        config = msgspec.convert(data, Config)
    except ValueError as error:
        from mlops_dash.config_file.shape import look_at_types  # imports much that a good file never needs

        look_at_types(data, tell)
        look_at_values(data, (), tell_once)
        if not found:
            tell((), str(error), None)
        return None, found
    look_at_values(data, (), tell)
    look_at_meaning(data, tell_once)
    return (None if found else config), found


def _read(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ConfigError("is a folder; expected a TOML file")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer
            raise ConfigError("is not a regular file")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigError("does not exist", "mlops-dash config init writes one") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot be read: {visible(reason, 200)}") from None
    if len(content) > LARGEST:
        raise ConfigError(f"is larger than {LARGEST // 1_000_000} MB: not a configuration")
    if b"\0" in content:
        raise ConfigError("is not a text file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"is not UTF-8 text (line {line})", "save it as UTF-8") from None
    return text.replace("\r\n", "\n")


def _syntax(message: str, text: str) -> Problem:
    at = _AT.search(message)
    words = visible(_AT.sub("", message), 300)
    if "integer string conversion" in words:
        words = "a number has too many digits"
    if at is None:
        return Problem(f"is not valid TOML: {words}")
    if at[1] is None:
        return Problem(f"is not valid TOML: {words}, at the end of the file", line=text.count("\n") + 1)
    return Problem(f"is not valid TOML: {words}", line=int(at[1]), column=int(at[2]))
