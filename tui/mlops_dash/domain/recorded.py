"""What the recorder notes of a run, as tags of the run: written while it trains, read when it is rebuilt.

A tag holds at most :data:`PIECE` characters, because older tracking servers refuse more. Long texts are
compressed (zlib), written as base 85 (RFC 1924's alphabet) and cut into numbered pieces.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

PREFIX = "mlops-dash."
FORMAT = "1"
PIECE = 5_000
MOST_PIECES = 24
"""Pieces of one text: 120,000 characters, which hold some 96 kB after compression."""
_UNPACKED = 64 << 20  # bytes that a text may have: what comes from a store may be made to burst
_MOST = 10_000  # entries of a list or a table
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BULKY = re.compile(r"mlops-dash\.(?:packages|diff)\.\d+")


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file that the command named.

    Attributes:
        path: as the command named it.
        sha256: of the whole content; ``None`` where it was too large to be read at that moment.
    """

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the recorder noted. What it could not note is ``None`` or empty.

    Attributes:
        argv: what followed the interpreter: a script and its arguments, or ``-m``, a module and its
            arguments; ``@name`` stands for a program of the environment.
        withheld: something in ``argv`` looked like a secret and is not in it.
        folder: that it was started in, from the top of the repository, POSIX; ``.`` is the top.
        python: version of the interpreter.
        packages: version by name, as they were installed.
        origins: of packages that came from no index: ``folder:PATH`` from the top of the repository,
            ``git+URL@COMMIT``, or empty where it is known of neither.
        packages_sha256: of the sorted lines ``name==version``: the same for the same packages.
        dirty: whether the tree had uncommitted changes; ``None`` where it is no repository.
        patch: the uncommitted difference, as ``git diff --binary HEAD`` writes it, new files included.
        patch_sha256: of the whole difference, also where the difference itself is not kept.
        omitted: what of the difference was not kept, and why.
        variables: environment variables that decide on threads, seeds and devices.
        hardware: ``machine``, ``system``, ``processor``, ``cpus``, ``threads``, ``memory`` (bytes), ``gpus``.
        files: that the command named.
    """

    argv: tuple[str, ...] | None = None
    withheld: bool = False
    folder: str | None = None
    python: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    packages_sha256: str | None = None
    dirty: bool | None = None
    patch: bytes | None = None
    patch_sha256: str | None = None
    omitted: str | None = None
    variables: Mapping[str, str] | None = None
    hardware: Mapping[str, str] = field(default_factory=dict)
    files: tuple[RecordedFile, ...] = ()


NOTES = tuple(
    PREFIX + name
    for name in (
        "recorder", "argv", "argv.withheld", "folder", "python", "packages.sha256", "packages.origins",
        "dirty", "diff.sha256", "diff.omitted", "variables", "hardware", "files",
    )
)  # fmt: skip
"""The tags that are short: all but the pieces of packages and difference."""


def is_bulky(key: str) -> bool:
    """Tell whether a tag holds a piece of a long text, which is nothing to show to a person."""
    return _BULKY.fullmatch(key) is not None


def to_tags(recorded: Recorded) -> dict[str, str]:
    """Return the tags that say this; see :func:`from_tags`."""
    tags = {PREFIX + "recorder": FORMAT}
    texts = {
        "argv": json.dumps(recorded.argv) if recorded.argv is not None else None,
        "argv.withheld": "true" if recorded.withheld else None,
        "folder": recorded.folder,
        "python": recorded.python,
        "packages.sha256": recorded.packages_sha256,
        "packages.origins": _table(recorded.origins or None),
        "dirty": None if recorded.dirty is None else str(recorded.dirty).lower(),
        "diff.sha256": recorded.patch_sha256,
        "diff.omitted": recorded.omitted,
        "variables": _table(recorded.variables),
        "hardware": _table(recorded.hardware or None),
        "files": json.dumps([[one.path, one.size, one.sha256] for one in recorded.files])
        if recorded.files
        else None,
    }
    tags |= {PREFIX + key: text for key, text in texts.items() if text is not None and len(text) <= PIECE}
    if recorded.packages:
        tags |= _cut("packages", lines_of(recorded.packages).encode()) or {}
    if recorded.patch is not None:
        pieces = _cut("diff", recorded.patch)
        tags |= pieces if pieces is not None else {PREFIX + "diff.omitted": "it is too large"}
    return tags


def from_tags(tags: Mapping[str, str]) -> Recorded | None:
    """Return what the recorder noted; ``None`` where it was not there.

    Tags come from outside: what is not as the recorder writes it counts as not noted.
    """
    if PREFIX + "recorder" not in tags:
        return None
    own = {key.removeprefix(PREFIX): value for key, value in tags.items() if key.startswith(PREFIX)}
    argv = _strings(own.get("argv"))
    packages = _joined(own, "packages")
    patch = _joined(own, "diff")
    sha256 = own.get("diff.sha256")
    if patch is not None and hashlib.sha256(patch).hexdigest() != sha256:
        patch = None  # a piece is missing, or was changed
    return Recorded(
        argv=tuple(argv) if argv else None,
        withheld=own.get("argv.withheld") == "true",
        folder=own.get("folder"),
        python=own.get("python"),
        packages=_packages(packages) if packages is not None else {},
        origins=_strings_by_name(own.get("packages.origins")) or {},
        packages_sha256=own.get("packages.sha256"),
        dirty={"true": True, "false": False}.get(own.get("dirty", "")),
        patch=patch,
        patch_sha256=sha256,
        omitted=own.get("diff.omitted"),
        variables=_strings_by_name(own.get("variables")),
        hardware=_strings_by_name(own.get("hardware")) or {},
        files=tuple(_files(own.get("files"))),
    )


def lines_of(packages: Mapping[str, str]) -> str:
    """Return the sorted lines ``name==version`` of which ``packages_sha256`` is the hash."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(packages.items()))


def is_commit(text: str) -> bool:
    """Tell whether this is the full name of a commit."""
    return _COMMIT.fullmatch(text) is not None


def _table(values: Mapping[str, str] | None) -> str | None:
    return json.dumps(dict(sorted(values.items()))) if values is not None else None


def _cut(name: str, content: bytes) -> dict[str, str] | None:
    """Return the pieces of a text; ``None`` where there would be too many."""
    packed = base64.b85encode(zlib.compress(content, 9)).decode("ascii")
    if len(packed) > PIECE * MOST_PIECES:
        return None
    return {
        f"{PREFIX}{name}.{number}": packed[start : start + PIECE]
        for number, start in enumerate(range(0, len(packed), PIECE), 1)
    }


def _joined(own: Mapping[str, str], name: str) -> bytes | None:
    """Return a text from its pieces; ``None`` where there is none, or it cannot be read."""
    pieces: list[str] = []
    while (piece := own.get(f"{name}.{len(pieces) + 1}")) is not None and len(pieces) < MOST_PIECES:
        pieces.append(piece)
    try:
        packed = base64.b85decode("".join(pieces))
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(packed, _UNPACKED)
    except (ValueError, zlib.error):
        return None
    return content if pieces and unpacking.eof else None


def _packages(content: bytes) -> dict[str, str]:
    lines = content.decode("utf-8", "replace").splitlines()[:_MOST]
    pairs = (line.partition("==") for line in lines)
    return {name: version for name, equals, version in pairs if name and equals and version}


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text is not None and len(text) <= 2 * PIECE else None
    except (ValueError, RecursionError):
        return None


def _strings(text: str | None) -> list[str] | None:
    found = _json(text)
    if isinstance(found, list) and all(isinstance(one, str) and "\0" not in one for one in found):
        return found
    return None


def _strings_by_name(text: str | None) -> dict[str, str] | None:
    found = _json(text)
    if isinstance(found, dict) and all(isinstance(one, str) for one in found.values()):
        return found
    return None


def _files(text: str | None) -> Iterable[RecordedFile]:
    found = _json(text)
    for one in found if isinstance(found, list) else []:
        match one:
            case [str(path), int(size), None | str() as sha256] if not isinstance(size, bool):
                yield RecordedFile(path, size, sha256)
