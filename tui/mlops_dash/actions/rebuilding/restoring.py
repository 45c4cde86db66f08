"""Puts the data of a rebuild where its command looks for it: found by content, checked while it is copied."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from mlops_dash.actions.rebuilding.dvc_places import Stores
from mlops_dash.domain.rebuilds import DataNeed
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError

_CHUNK = 1 << 20
_LISTING = 64 << 20  # bytes of the list of a folder's files
_MANY = 1_000_000

Tell = Callable[[str], None]
Fetch = Callable[[Sequence[DataNeed]], None]


def fetched(needs: Sequence[DataNeed], stores: Stores) -> list[DataNeed]:
    """Return the data that DVC has to fetch from its remote; contents are not read."""
    return [
        need
        for need in needs
        if need.kind == "dvc" and stores.remote is not None and not _is_here(need, stores)
    ]


def missing(
    needs: Sequence[DataNeed], stores: Stores, committed: Collection[str]
) -> Iterator[tuple[DataNeed, str, str]]:
    """Yield the data that is nowhere on this machine, with why and what to do; contents are not read.

    Args:
        committed: paths of the files that the commit has itself.
    """
    tracked = {need.path for need in needs if need.kind == "dvc"}
    for need in needs:
        name = visible(need.path or need.name, 100)
        if need.kind == "dvc" and need.md5 is not None:
            if stores.remote is None and not _is_here(need, stores):
                why = "it is neither in DVC's cache nor in a remote on this machine"
                yield need, why, f"dvc fetch {name} at the run's commit brings it where a remote has it"
        elif need.kind == "file" and need.path is not None and need.path not in tracked:
            path = stores.repository / need.path
            if need.path in committed:
                continue
            if not path.is_file():
                yield need, "it is gone from where it was", "bring it back"
            elif need.size is not None and path.stat().st_size != need.size:
                size = path.stat().st_size
                yield need, f"it has {size:,} bytes, not {need.size:,} as it had", "bring back what it was"


def _is_here(need: DataNeed, stores: Stores) -> bool:
    kept = need.md5 is not None and stores.has(need.md5)
    return kept or (need.path is not None and (stores.repository / need.path).exists())


def sources_gone(needs: Iterable[DataNeed]) -> Iterator[DataNeed]:
    """Yield what MLflow alone knows of and was read from a file of this machine that is not there any more:
    nobody knows whether the command reads it again."""
    for need in needs:
        path = (need.source or "").removeprefix("file://")
        if need.kind == "mlflow" and path.startswith("/") and "\0" not in path and not os.path.exists(path):
            yield need


class GoneError(RefusedError):
    """What DVC tracks is nowhere on this machine."""


def restore(
    needs: Iterable[DataNeed], stores: Stores, tree: Path, tell: Tell, fetch: Fetch | None = None
) -> list[str]:
    """Copy all data into a worktree; return what was done, one line each.

    Args:
        fetch: brings what DVC tracks and is not on this machine into DVC's cache.

    Raises:
        RefusedError: something is gone, or is not what it was: says which, and how to get it.
    """
    done: dict[DataNeed, str] = {}
    away: list[DataNeed] = []
    wanted = list(needs)
    for need in [need for need in wanted if need.kind == "dvc"]:
        try:
            done[need] = _restored(need, stores, tree, tell)
        except GoneError:
            if fetch is None:
                raise
            away.append(need)
    if away and fetch is not None:
        tell(f"fetching {names_of(away)} from DVC's remote")
        fetch(away)
        done |= {need: f"{_restored(need, stores, tree, tell)}, from DVC's remote" for need in away}
    for need in [need for need in wanted if need.kind != "dvc"]:  # a command names what DVC tracks, too
        done[need] = _restored(need, stores, tree, tell)
    return [done[need] for need in wanted]


def names_of(needs: Sequence[DataNeed]) -> str:
    """Return the names of some data, for a person."""
    names = ", ".join(visible(need.path or need.name, 60) for need in needs[:3])
    return f"{names} and {len(needs) - 3} more" if len(needs) > 3 else names


def _restored(need: DataNeed, stores: Stores, tree: Path, tell: Tell) -> str:
    name = visible(need.path or need.name, 200)
    tell(f"restoring {name}")
    try:
        return _copied(need, name, stores, tree)
    except OSError as error:
        raise _unreadable(name, error) from None


def _copied(need: DataNeed, name: str, stores: Stores, tree: Path) -> str:
    if need.kind == "dvc" and need.path is not None and need.md5 is not None:
        count = _tracked(need.path, need.md5, stores, tree)
        return f"{name}: {count:,} {'file' if count == 1 else 'files'} with the recorded md5"
    if need.kind == "file" and need.path is not None and need.sha256 is not None:
        return _file(need, stores, tree)
    return f"{name}: known by MLflow's digest alone, left to the command"


def _tracked(path: str, md5: str, stores: Stores, tree: Path) -> int:
    target = inside(tree, path)
    if not md5.endswith(".dir"):
        _copy(path, md5, stores, target)
        return 1
    listing = next((file for file in stores.files(md5) if file.is_file()), None)
    if listing is None:
        raise _gone(path)
    content = listing.read_bytes() if listing.stat().st_size <= _LISTING else b""
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5.removesuffix(".dir"):
        raise RefusedError(f"the list of {visible(path, 200)}'s files is damaged in DVC's cache", "dvc fetch")
    entries = json.loads(content)
    for entry in entries[:_MANY]:
        relative = str(entry["relpath"])
        _copy(f"{path}/{relative}", str(entry["md5"]), stores, inside(target, relative))
    return len(entries)


def _copy(path: str, md5: str, stores: Stores, target: Path) -> None:
    """Copy a content that has this hash to ``target``."""
    damaged = False
    for source in (*stores.files(md5), stores.repository / path):
        if not source.is_file():
            continue
        digest = hashlib.md5(usedforsecurity=False)
        _write(source, target, digest.update)
        if digest.hexdigest() == md5:
            return
        damaged = damaged or source != stores.repository / path
        target.unlink()
    if damaged:
        raise RefusedError(
            f"{visible(path, 200)} is damaged in DVC's cache: it is not the content that it is kept under",
            f"dvc fetch {visible(path, 200)} brings it again",
        )
    raise _gone(path)


def _file(need: DataNeed, stores: Stores, tree: Path) -> str:
    """Check, and copy where it belongs into the tree, a file that the command named."""
    assert need.path is not None
    name = visible(need.path, 200)
    source = stores.repository / need.path
    digest = hashlib.sha256()
    try:
        if Path(need.path).is_absolute():
            with open(source, "rb") as file:
                while data := file.read(_CHUNK):
                    digest.update(data)
        elif (present := inside(tree, need.path)).is_file():
            digest.update(present.read_bytes())
        else:
            _write(source, present, digest.update)
    except OSError as error:
        raise _unreadable(name, error) from None
    if digest.hexdigest() != need.sha256:
        raise RefusedError(
            f"{name} is not what it was when the run was made: its content has changed",
            "bring back the file with the recorded content, or train anew",
        )
    return f"{name}: has the recorded SHA-256"


def _write(source: Path, target: Path, tell: Callable[[bytes], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # a link that stands there is not followed
    try:
        with open(source, "rb") as reading, open(target, "xb") as writing:
            while data := reading.read(_CHUNK):
                tell(data)
                writing.write(data)
    except OSError:
        target.unlink(missing_ok=True)  # half of it would fill the disk, and be taken for the whole
        raise
    with suppress(OSError):
        shutil.copystat(source, target)
        target.chmod(0o644)


def inside(folder: Path, path: str) -> Path:
    """Return a path below a folder.

    Raises:
        DashError: it would lead out of it, or through a link.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise DashError(f"{visible(path, 200)} leads out of the project; it is not written")
    found = folder
    for part in parts[:-1]:
        found = found / part
        if found.is_symlink():
            raise DashError(f"{visible(path, 200)} leads through a link; it is not written")
    return folder.joinpath(*parts)


def _unreadable(name: str, error: OSError) -> DashError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DashError(f"there is no room for {name}: {error.strerror}", "make room, then rebuild it again")
    return RefusedError(f"{name} cannot be read: {error.strerror}", "bring it back, then plan again")


def _gone(path: str) -> GoneError:
    name = visible(path, 200)
    return GoneError(
        f"{name} with the recorded content is neither in DVC's cache nor in a remote on this machine",
        f"dvc fetch {name} at the run's commit brings it where a remote has it",
    )
