"""The board as it was last seen: painted while the project is still being opened.

A glance is a file of a few kilobytes in the cache. Importing DuckDB and opening the snapshot takes longer
than drawing the first frame, so that frame is drawn from the glance; its facts carry their own times, and the
store's answer takes its place a moment later. It can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from zlib import crc32

import msgspec

import mlops_dash
from mlops_dash.answers.shapes import LiveAnswer
from mlops_dash.paths import cache_dir

_LARGEST = 4_000_000  # bytes
_CONFIG = "mlops-dash.toml"


class Glance(msgspec.Struct, frozen=True):
    """What was on the board.

    Attributes:
        project: its name.
        theme: the configured theme, if any.
        answer: the last answer.
        version: of mlops-dash; that of another is not read.
    """

    project: str
    theme: str | None
    answer: LiveAnswer
    version: str = mlops_dash.__version__


def place(known_as: str) -> Path:
    """Return where the glance of a project is kept.

    Args:
        known_as: how the project was named on the command line. The folder, the tracking store that the
            environment names and the state of the configuration file are added: where one of them changes,
            there is no glance yet.
    """
    folder = Path.cwd()
    parts = [known_as, str(folder), os.environ.get("MLFLOW_TRACKING_URI", "")]
    for parent in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            found = (parent / _CONFIG).stat()
            parts.append(f"{parent} {found.st_mtime_ns} {found.st_size}")
            break
    text = "\n".join(parts).encode("utf-8", "surrogateescape")
    return cache_dir() / "glances" / f"{crc32(text):08x}{crc32(text[::-1]):08x}.msgpack"


def load(path: Path) -> Glance | None:
    """Read a glance; ``None`` where there is none, or none that can be read."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            return None
        glance = msgspec.msgpack.decode(data, type=Glance)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    return glance if glance.version == mlops_dash.__version__ else None


def save(path: Path, glance: Glance) -> None:
    """Write a glance whole or not at all; a cache that can't be written is no trouble."""
    import tempfile

    with contextlib.suppress(OSError, TypeError, ValueError):
        data = msgspec.msgpack.encode(glance)
        if len(data) > _LARGEST:
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
