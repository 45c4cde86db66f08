"""The working tree's state and the remote's address, read without running what the repository configures."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from mlops_dash.domain.text import storable
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.git_place import GitPlace
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import GitRunner


@dataclass(frozen=True, slots=True)
class Settings:
    """What a repository's configuration says that matters here.

    Attributes:
        off: settings that switch off every content filter and diff program configured anywhere.
        remote: where the repository came from, without credentials; ``None`` if it has no remote.
    """

    off: tuple[tuple[str, str], ...]
    remote: str | None


def read_settings(runner: GitRunner) -> Settings:
    """Read the configuration that is in force in the repository.

    Raises:
        GitError: it cannot be read.
    """
    listed = runner.run("config", "-z", "--get-regexp", r"^(filter|diff|remote)\..*\.", accept=(0, 1))
    drivers: set[str] = set()
    addresses: dict[str, str] = {}
    for entry in listed.decode("utf-8", "surrogateescape").split("\0"):
        key, _, value = entry.partition("\n")
        section, _, name = key.rpartition(".")
        if section.startswith("remote."):
            if name == "url" and value:
                addresses.setdefault(section.removeprefix("remote."), storable(value))
        elif section:
            drivers.add(section)
    off: list[tuple[str, str]] = []
    for driver in sorted(drivers):
        if driver.startswith("filter."):
            off += [(f"{driver}.{key}", "") for key in ("clean", "smudge", "process")]
            off.append((f"{driver}.required", "false"))
        else:
            off += [(f"{driver}.command", ""), (f"{driver}.textconv", "")]
    address = addresses.get("origin") or next(iter(addresses.values()), None)
    return Settings(tuple(off), without_credentials(address) if address else None)


def count_changes(
    runner: GitRunner, place: GitPlace, settings: Settings, deadline: float = 20.0
) -> tuple[int, int] | None:
    """Return (changed, untracked) files of the working tree; ``None`` if there is none or it took too long.

    Content filters do not run, so a file under one (Git LFS) may count as changed once it was touched.
    Submodules are not looked into.
    """
    if place.bare:
        return None
    try:
        output = runner.run(
            "status", "--porcelain=v2", "-z", "--untracked-files=normal", "--ignore-submodules=all",
            "--no-renames", "--no-ahead-behind",
            deadline=deadline, settings=settings.off,
        )  # fmt: skip
    except GitError as error:
        if error.damaged or "longer than" in error.message or "printed more" in error.message:
            return None
        raise
    kinds = [record[:2] for record in output.split(b"\0")]
    return sum(kind in (b"1 ", b"2 ", b"u ") for kind in kinds), kinds.count(b"? ")


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """What a look at the working tree found: counts are ``None`` where there is none or it took too long."""

    changed: int | None
    untracked: int | None
    remote: str | None
    seconds: float


class State(NamedTuple):
    """The one row of ``git_state``, its columns in order."""

    root: str
    head: str | None
    head_branch: str | None
    main: str | None
    main_commit: str | None
    shallow: bool
    bare: bool
    changed_files: int | None
    untracked_files: int | None
    remote: str | None


def table(state: State) -> Columns:
    """Return the state as the one row of ``git_state``."""
    columns = {name: [value] for name, value in state._asdict().items()}
    integers = {name: columns.pop(name) for name in ("changed_files", "untracked_files")}
    booleans = {name: columns.pop(name) for name in ("shallow", "bare")}
    return Columns(columns, integers, booleans=booleans)


def look(runner: GitRunner, place: GitPlace) -> Future[WorkingTree]:
    """Look at the working tree in a thread of its own, beside other reading."""
    found: Future[WorkingTree] = Future()

    def work() -> None:
        started = time.monotonic()
        try:
            settings = read_settings(runner)  # each time: filters may have been added
            changed, untracked = count_changes(runner, place, settings) or (None, None)
            took = time.monotonic() - started
            found.set_result(WorkingTree(changed, untracked, settings.remote, took))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            found.set_exception(error)

    threading.Thread(target=work, daemon=True, name="git-status").start()
    return found


def without_credentials(address: str) -> str:
    """Return an address without user, password, query and fragment; the user of an ssh address stays."""
    if "://" not in address:
        # host:path or user@host:path; a password has no place there, but may have been put there
        return re.sub(r"^([^@/:]*):[^@/]*@", r"\1@", address)
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return address.partition("://")[0] + "://…"
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{port}" if port else host
    if parts.scheme in ("ssh", "git+ssh") and parts.username:
        place = f"{parts.username}@{place}"
    return urlunsplit((parts.scheme, place, parts.path, "", ""))
