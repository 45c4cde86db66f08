"""Where a manifest declares a version: the words of the configuration, without any file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_dash.domain.text import visible

PLACEHOLDER = "{version}"
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,126}[A-Za-z0-9])?")
_QUOTED = r'"((?:[^"\\]|\\["\\])*)"'
_PART = re.compile(rf'(?:{_QUOTED}|([^."=]+))(?:=(?:{_QUOTED}|([^."]*)))?')
_REMOTE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}")
_NOT_IN_BRANCHES = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)")
_DEEPEST = 60
FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a field: a key, or the place of a list's item.

    Attributes:
        key: of a mapping, or a list's index in digits.
        equals: the item of a list whose ``key`` has this value; ``None``: it is no such choice.
        literal: it stood in quotes: it is a key, whatever it looks like.
    """

    key: str
    equals: str | None = None
    literal: bool = False

    @property
    def shown(self) -> str:
        """The part as it is written."""
        key = f'"{self.key}"' if self.literal else self.key
        return key if self.equals is None else f"{key}={self.equals}"


def parse_field(text: str) -> tuple[Part, ...]:
    """Read a field: keys joined by dots; a number is a list's index, ``name=model`` its item whose ``name``
    is ``model``; a key with dots stands in double quotes: ``metadata.labels."app.kubernetes.io/version"``.

    Raises:
        ValueError: it is none; says why.
    """
    parts: list[Part] = []
    at = 0
    while True:
        match = _PART.match(text, at)
        if match is None or not match[0]:
            raise ValueError(f"has no key at character {at + 1}")
        literal = match[1] is not None
        key = _unquoted(match[1]) if literal else match[2]
        equals = _unquoted(match[3]) if match[3] is not None else match[4]
        parts.append(Part(key, equals, literal))
        at = match.end()
        if at == len(text):
            break
        if text[at] != ".":
            raise ValueError(f"has a quote in the wrong place, at character {at + 1}")
        at += 1
    if len(parts) > _DEEPEST:
        raise ValueError(f"is more than {_DEEPEST} keys deep")
    return tuple(parts)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def template_problem(template: str) -> str | None:
    """Return what is wrong with a template of values; ``None``: nothing."""
    if template.count(PLACEHOLDER) != 1:
        return f"must hold {PLACEHOLDER} once"
    if visible(template) != template:
        return "holds a control or invisible character"
    return None


def rendered(template: str, version: str) -> str:
    """Return what a field holds that declares ``version``.

    Raises:
        ValueError: the version is none that a manifest could hold.
    """
    if not _VERSION.fullmatch(version):
        raise ValueError(f"“{visible(version, 80)}” is no version that a manifest could hold")
    return template.replace(PLACEHOLDER, version)


def version_in(template: str, value: str | None) -> str | None:
    """Return the version that a field's text declares; ``None`` where it is not what the template says."""
    before, _, after = template.partition(PLACEHOLDER)
    if value is None or len(value) <= len(before) + len(after):
        return None
    if not value.startswith(before) or not value.endswith(after):
        return None
    version = value[len(before) : len(value) - len(after)]
    return version if _VERSION.fullmatch(version) else None


def path_problem(path: str) -> str | None:
    """Return what is wrong with a manifest's path in a repository; ``None``: nothing."""
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or (len(path) > 1 and path[1] == ":"):
        return "leaves the repository"
    if "" in parts or "." in parts or "\\" in path or visible(path) != path:
        return "is no path inside of a repository"
    if any(part.lower() == ".git" for part in parts):
        return "lies in .git"
    if format_of(path) is None:
        return f"is no manifest: its name must end with {', '.join(FORMATS)}"
    return None


def format_of(path: str) -> str | None:
    """Return ``yaml`` or ``json``; ``None`` for a file of another kind."""
    return next((kind for ending, kind in FORMATS.items() if path.lower().endswith(ending)), None)


def is_remote(name: str) -> bool:
    """Whether a text can be a remote's name, and is no address and no option."""
    return _REMOTE.fullmatch(name) is not None and ".." not in name and "//" not in name


def is_branch(name: str) -> bool:
    """Whether Git takes a text as a branch's name."""
    if not name or len(name) > 250 or name[0] in "-/." or name[-1] in "/." or name == "@":
        return False
    return _NOT_IN_BRANCHES.search(name) is None and visible(name) == name
