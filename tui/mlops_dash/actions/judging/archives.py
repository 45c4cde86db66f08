"""Zip archives of two runs: their members' contents, whatever their times, order and object ids.

Nothing in them is unpickled or loaded. A skops file is a zip of ``schema.json`` and of arrays in files that
are named after the ids of objects in the memory of the process that wrote it (``skops/io/_numpy.py``); ids
and names are numbered here in the order in which the schema names them.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from mlops_dash.actions.judging.files import MOST_FILES, WHOLE, Unreadable, opened

MOST_UNPACKED = 4_000_000_000
_SUSPECT = 100_000_000  # bytes from which on the ratio of a bomb tells
_RATIO = 200
_DEEPEST = 3
_CHUNK = 1 << 20
_NESTED = (".npz", ".zip")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


def compare_zip(first: Path, second: Path) -> str | None:
    """Return in what the contents of two archives differ, ``None`` where they are equal.

    Raises:
        Unreadable: one of them is no archive, too large unpacked, or broken.
    """
    with opened(first) as one, opened(second) as two:
        return _members(one, two, _DEEPEST)


def compare_skops(first: Path, second: Path) -> str | None:
    """Return in what two skops files differ apart from object ids, ``None`` where they are equal.

    Raises:
        Unreadable: as of :func:`compare_zip`, or a schema cannot be read.
    """
    with opened(first) as one, opened(second) as two:
        try:
            with _archive(one) as a, _archive(two) as b:
                schemas, files = zip(_schema(a), _schema(b), strict=True)
                if len(files[0]) != len(files[1]):
                    return f"holds {len(files[1])} arrays, not {len(files[0])}"
                rest = [
                    set(z.namelist()) - set(f) - {"schema.json"} for z, f in zip((a, b), files, strict=True)
                ]
                if rest[0] != rest[1]:
                    return "holds other members"
                pairs = [*zip(*files, strict=True), *((name, name) for name in sorted(rest[0]))]
                apart = sum(not _same(a, x, b, y, _DEEPEST) for x, y in pairs)
        except _BROKEN as error:
            raise Unreadable(f"is no readable archive ({type(error).__name__})") from None
    told = ["its schema"] if schemas[0] != schemas[1] else []
    told += [f"{apart} of {len(pairs)} arrays"] if apart else []
    return f"differs in {' and '.join(told)}" if told else None


def _schema(archive: zipfile.ZipFile) -> tuple[str, list[str]]:
    """Return a schema with its ids and files numbered, and the files in that order."""
    try:
        info = archive.getinfo("schema.json")
        if info.file_size > WHOLE:
            raise Unreadable(f"has a schema of more than {WHOLE // 1_000_000} MB")
        numbering = _Numbering(set(archive.namelist()))
        return json.dumps(numbering.of(json.loads(archive.read(info)))), list(numbering.files)
    except (KeyError, ValueError, RecursionError):
        raise Unreadable("has no schema that can be read") from None


class _Numbering:
    """Numbers object ids and the files of arrays as they come."""

    def __init__(self, members: set[str]) -> None:
        self._members = members
        self._ids: dict[Any, int] = {}
        self.files: dict[str, int] = {}

    def of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.of(one) for one in value]
        if not isinstance(value, dict):
            return value
        found: dict[str, Any] = {}
        for key, one in value.items():
            if key == "__id__" and isinstance(one, int | str):
                found[key] = self._ids.setdefault(one, len(self._ids))
            elif key == "file" and isinstance(one, str) and one in self._members:
                found[key] = self.files.setdefault(one, len(self.files))
            else:
                found[key] = self.of(one)
        return found


def _archive(file: IO[bytes]) -> zipfile.ZipFile:
    """Open an archive that is not made to fill memory or disk.

    Raises:
        Unreadable: it is.
        zipfile.BadZipFile: it is none.
    """
    size = file.seek(0, io.SEEK_END)
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED or (unpacked > _SUSPECT and unpacked > _RATIO * size):
        raise Unreadable("would be too large unpacked")
    if len(members) > MOST_FILES or len({member.filename for member in members}) < len(members):
        raise Unreadable("has too many members, or two of one name")
    return archive


def _members(first: IO[bytes], second: IO[bytes], depth: int) -> str | None:
    try:
        with _archive(first) as a, _archive(second) as b:
            names = sorted(a.namelist())
            if names != sorted(b.namelist()):
                return "holds other members"
            apart = sum(not _same(a, name, b, name, depth) for name in names)
    except _BROKEN as error:
        raise Unreadable(f"is no readable archive ({type(error).__name__})") from None
    return f"differs in {apart} of {len(names)} members" if apart else None


def _same(a: zipfile.ZipFile, first: str, b: zipfile.ZipFile, second: str, depth: int) -> bool:
    nested = depth > 0 and first.endswith(_NESTED) and a.getinfo(first).file_size <= WHOLE
    if nested and b.getinfo(second).file_size <= WHOLE:
        one, two = a.read(first), b.read(second)
        if one == two:
            return True
        try:
            return _members(io.BytesIO(one), io.BytesIO(two), depth - 1) is None
        except Unreadable:
            return False
    if a.getinfo(first).file_size != b.getinfo(second).file_size:
        return False
    with a.open(first) as left, b.open(second) as right:
        while (chunk := left.read(_CHUNK)) == right.read(_CHUNK):
            if not chunk:
                return True
    return False
