"""Whether two files say the same: byte for byte, or in content where their format carries noise.

| format | compared |
|---|---|
| any | SHA-256 |
| ``.skops`` | schema with object ids and file names numbered; arrays bit for bit |
| ``.zip``, ``.npz`` | member by member, whatever their times and order |
| ``MLmodel`` | field by field, without ids, time, size and place; versions are of what went in |
| ``requirements.txt``, ``conda.yaml``, ``python_env.yaml`` | as sets; differences are of what went in |
| ``.json``, ``.yaml``, ``.csv`` up to 50 MB | the values |
| pictures and pages | not, as they carry ids and times of their own |
| pickles and all else | no further: they are never loaded, predictions decide |
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mlops_dash.actions.judging.archives import compare_skops, compare_zip
from mlops_dash.actions.judging.descriptions import ENVIRONMENT_FILES, compare_environment, compare_mlmodel
from mlops_dash.actions.judging.files import Unreadable, same_bytes, whole
from mlops_dash.domain.rebuilds import Difference
from mlops_dash.sources.dvc_files import load

_PICTURES = frozenset(".png .jpg .jpeg .gif .svg .webp .bmp .tif .tiff .pdf .html .htm".split())


class State(StrEnum):
    """What came of comparing two files."""

    BYTES = "equal byte for byte"
    CONTENT = "content equal"
    DIFFERS = "differs"
    PICTURE = "not compared: picture"
    UNKNOWN = "could not be compared"


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of comparing two files.

    Attributes:
        words: more of it, for a person; may be empty.
        inputs: what the files say of Python and packages, where it differs.
    """

    state: State
    words: str = ""
    inputs: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        return f"{self.state}: {self.words}" if self.words else str(self.state)


def compare_files(original: Path, rebuilt: Path) -> Compared:
    """Compare two files of one name."""
    try:
        digest = same_bytes(original, rebuilt)
    except Unreadable as why:
        return Compared(State.UNKNOWN, f"it {why}")
    if digest is not None:
        return Compared(State.BYTES, f"sha256 {digest[:12]}")
    name, suffix = original.name, original.suffix.lower()
    if suffix in _PICTURES:
        return Compared(State.PICTURE)
    try:
        if name == "MLmodel":
            return _mlmodel(original, rebuilt)
        if name in ENVIRONMENT_FILES:
            found = compare_environment(name, whole(original), whole(rebuilt))
            return Compared(State.CONTENT, "apart from versions" if found else "", tuple(found))
        compare = _BY_SUFFIX.get(suffix)
        if compare is None:
            return Compared(State.DIFFERS, "byte for byte")
        apart = compare(original, rebuilt)
    except (Unreadable, ValueError, RecursionError) as why:
        told = (
            f"it {why}"
            if isinstance(why, Unreadable)
            else f"it is no readable {suffix.lstrip('.') or 'YAML'}"
        )
        return Compared(State.DIFFERS, f"byte for byte; its content was not compared, as {told}")
    return Compared(State.CONTENT) if apart is None else Compared(State.DIFFERS, apart)


def _mlmodel(original: Path, rebuilt: Path) -> Compared:
    fields, versions = compare_mlmodel(whole(original), whole(rebuilt))
    if not fields:
        return Compared(State.CONTENT, "apart from ids, time and versions", tuple(versions))
    named = ", ".join(fields[:3]) + (f" and {len(fields) - 3} more" if len(fields) > 3 else "")
    return Compared(State.DIFFERS, f"in {named}", tuple(versions))


def _json(original: Path, rebuilt: Path) -> str | None:
    one, two = (json.dumps(json.loads(whole(path)), sort_keys=True) for path in (original, rebuilt))
    return None if one == two else "in its values"  # as text: NaN equals NaN, 1 is not 1.0, 0.0 not -0.0


def _yaml(original: Path, rebuilt: Path) -> str | None:
    return None if load(whole(original)) == load(whole(rebuilt)) else "in its values"


def _csv(original: Path, rebuilt: Path) -> str | None:
    first, second = (
        csv.reader(io.StringIO(whole(path).decode("utf-8"), newline=""), strict=True)
        for path in (original, rebuilt)
    )
    line = 0
    try:
        while True:
            line += 1
            one, two = next(first, None), next(second, None)
            if one != two:
                return f"from its row {line:,} on"
            if one is None:
                return None
    except csv.Error:
        raise ValueError("it is no CSV") from None


_BY_SUFFIX: dict[str, Callable[[Path, Path], str | None]] = {
    ".skops": compare_skops,
    ".zip": compare_zip,
    ".npz": compare_zip,
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".csv": _csv,
}
