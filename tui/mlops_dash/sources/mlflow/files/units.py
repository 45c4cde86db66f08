"""One folder with a ``meta.yaml``: how it is looked at, and what reading it comes to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops_dash.sources.mlflow.files import meta
from mlops_dash.sources.mlflow.files.disk import (
    DATASET_LIMIT,
    META,
    TEXT_LIMIT,
    Flag,
    Found,
    Look,
    content,
    files_below,
    name,
    racing,
    stamp_of,
    stamps_below,
    text,
)
from mlops_dash.sources.mlflow.files.metrics import LargeFiles
from mlops_dash.sources.mlflow.files.rows import Kind
from mlops_dash.sources.mlflow.files.state import AGAIN, NOTHING, TRASH, Mark

OF_A_RUN = ("params", "metrics", "tags", "inputs")
_USUAL_META = 4096  # bytes


@dataclass(frozen=True, slots=True)
class Unit:
    """A folder to look at or to read.

    Attributes:
        listing: path of the folder that it is in, below the store.
        folder: its name there.
        path: the whole path.
        known: whether the store may hold rows of it.
    """

    kind: Kind
    listing: str
    folder: str
    path: str
    known: bool

    @property
    def experiment(self) -> str:
        """The experiment that it belongs to."""
        parts = self.listing.removeprefix(TRASH + "/").split("/")
        return name(self.folder if self.kind is Kind.EXPERIMENT else parts[0])

    @property
    def deleted(self) -> bool:
        """Whether its experiment is deleted: MLflow moves those aside."""
        return self.listing.split("/")[0] == TRASH

    @property
    def identity(self) -> str:
        """What its rows are known by in the store."""
        return identity(self.kind, self.experiment, self.folder)


def identity(kind: Kind, experiment: str, folder: str) -> str:
    """Return what the rows of a folder are known by in the store.

    MLflow names a dataset's folder by name and digest: it may be in several experiments.
    """
    return f"{experiment}-{name(folder)}" if kind is Kind.DATASET else name(folder)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of reading a folder.

    Attributes:
        mark: what to know it by at the next look.
        kept: what the store holds of it stays, because it could not be read now.
        newest: time of its newest change, in nanoseconds since the epoch.
        running: it is under way, and likely to change.
    """

    unit: Unit
    mark: Mark
    flags: Flag = Flag.NONE
    kept: bool = False
    newest: int = 0
    running: bool = False


@dataclass(frozen=True, slots=True)
class Means:
    """What reading needs.

    Attributes:
        large: reads large metric files.
        check: raises where the work is to stop.
    """

    large: LargeFiles
    check: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Files:
    """All that is in a folder, looked at before any of it is read."""

    stamp: int | None
    look: Look
    below: dict[str, list[Found]]


def files_of(kind: Kind, path: str) -> Files:
    """Look at ``meta.yaml`` and all other files that matter."""
    look = Look()
    stamp = stamp_of(os.path.join(path, META), look)
    if stamp is None:
        return Files(None, look, {})
    if kind is Kind.MODEL:
        return Files(stamp, look, {"": list(files_below(path, look))})
    parts = OF_A_RUN if kind is Kind.RUN else ()
    return Files(stamp, look, {part: list(files_below(f"{path}/{part}", look)) for part in parts})


def whole_mark(unit: Unit) -> Mark:
    """Return the mark of all that is in a folder."""
    look = Look()
    stamp = stamp_of(f"{unit.path}/{META}", look)
    if stamp is None:
        return NOTHING
    if unit.kind is Kind.MODEL:
        stamps_below(unit.path, look.stamps)
    for part in OF_A_RUN if unit.kind is Kind.RUN else ():
        stamps_below(f"{unit.path}/{part}", look.stamps)
    return stamp, look.signature


def read_meta(path: str, limit: int = TEXT_LIMIT) -> dict[str, Any]:
    """Return what a ``meta.yaml`` says.

    Args:
        limit: bytes from which it is too large to be one.

    Raises:
        DamagedError: it is half-written, too large or no YAML.
        OSError: it could not be read.
    """
    raw, cut = content(path, _USUAL_META, limit)
    if cut:
        raise meta.DamagedError("it is too large")
    return meta.parse(raw)


def read_text(found: Found, look: Look) -> str | None:
    """Return what a small file holds, ``None`` where it cannot be read or has gone."""
    if not found.size:
        return ""
    try:
        raw, cut = content(found.path, found.size, TEXT_LIMIT)
    except FileNotFoundError:
        return None
    except OSError:
        look.flags |= Flag.FORBIDDEN
        return None
    if cut:
        look.flags |= Flag.LARGE
        return text(raw) + "…"
    return text(raw)


def concluded(unit: Unit, files: Files, fill: Callable[[dict[str, Any]], bool]) -> Outcome:
    """Read ``meta.yaml``, let ``fill`` make rows of it, and say what came of it.

    Args:
        fill: takes what ``meta.yaml`` says; returns whether the thing is under way. Raises ``DamagedError``
            where something essential is missing, ``LookupError`` where it belongs elsewhere.
    """
    look = files.look
    if files.stamp is None:
        return Outcome(unit, NOTHING, look.flags)
    mark = (files.stamp, look.signature)
    try:
        if not files.stamp:
            raise PermissionError
        limit = DATASET_LIMIT if unit.kind is Kind.DATASET else TEXT_LIMIT
        running = fill(read_meta(f"{unit.path}/{META}", limit))
    except FileNotFoundError:
        return Outcome(unit, NOTHING, look.flags)
    except meta.DamagedError:
        return _unread(unit, look, Flag.DAMAGED)
    except OSError:
        return _unread(unit, look, Flag.FORBIDDEN)
    except LookupError:
        return Outcome(unit, mark, look.flags | Flag.STRANGE | Flag.MISSING)
    if look.flags & (Flag.FORBIDDEN | Flag.DAMAGED):
        mark = (AGAIN, AGAIN)
    elif racing(look.newest):
        mark = (mark[0], AGAIN)
    return Outcome(unit, mark, look.flags, newest=look.newest, running=running)


def _unread(unit: Unit, look: Look, flag: Flag) -> Outcome:
    flags = look.flags | flag
    if not unit.known:
        flags |= Flag.MISSING
    return Outcome(unit, (AGAIN, AGAIN), flags, kept=unit.known, newest=look.newest)
