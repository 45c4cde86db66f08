"""What a runner is asked to do, and what it says."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from mlops_dash.domain.rebuilds import Limits
from mlops_dash.domain.text import visible

MARK = "MLOPS_DASH_JOB"
"""Environment variable by which the processes of a job are known."""


@dataclass(frozen=True, slots=True)
class Task:
    """One command to be run.

    Attributes:
        id: unique; starting the same again changes nothing.
        folder: of the job: the log, its state and its end are written here. Cluster nodes must see it too.
        argv: never for a shell.
        cwd: folder that it is started in.
        variables: all of its environment.
        limits: what it may take.
        grows: folder whose size counts against ``limits.disk``.
    """

    id: str
    folder: Path
    argv: Sequence[str]
    cwd: Path
    variables: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    grows: Path | None = None

    @property
    def log(self) -> Path:
        """The file with what it prints."""
        return self.folder / "output.log"


class JobState(StrEnum):
    """How far a job is. ``LOST``: it was begun, and nobody runs it any more. ``UNKNOWN``: nobody says."""

    ABSENT = "absent"
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Job:
    """What a runner says of a job.

    Attributes:
        code: what the command exited with; ``None`` where it was stopped, or never started.
        how: ``exited``, ``time``, ``memory``, ``disk``, ``cancelled`` or ``not started``.
        words: for a person.
        where: id of the job in its cluster, its process on this machine.
        seconds: how long the command ran.
        memory: bytes of all its processes at their most.
    """

    state: JobState
    code: int | None = None
    how: str | None = None
    words: str = ""
    where: str | None = None
    seconds: float | None = None
    memory: int | None = None


class Runner(Protocol):
    """Runs tasks. Every method may block within its own deadline, and may be called again after kill -9."""

    def check(self) -> str:
        """Say who would take a task now, without giving it one.

        Raises:
            RefusedError: nobody would: says why.
        """
        ...

    def start(self, task: Task) -> str:
        """Have the task begun, unless it was; return its id there.

        Raises:
            RefusedError: it cannot be begun here, and was not.
            OutcomeUnknownError: nobody knows whether it was begun.
        """
        ...

    def look(self, task: Task) -> Job:
        """Say how far it is. Never raises for what the place does: that is ``UNKNOWN``."""
        ...

    def cancel(self, task: Task) -> None:
        """Have it stopped, and all that it started.

        Raises:
            OutcomeUnknownError: nobody knows whether it was.
        """
        ...


def specification(task: Task, *, slots: Path | None = None, count: int = 0) -> dict[str, Any]:
    """Return what :mod:`mlops_dash.runners.launch` is told of a task.

    Args:
        slots: folder of the queue: at most ``count`` commands run at the same time.
    """
    limits = task.limits
    return {
        "id": task.id,
        "argv": list(task.argv),
        "cwd": str(task.cwd),
        "variables": {**task.variables, MARK: task.id},
        "seconds": limits.seconds,
        "memory": limits.memory,
        "output": limits.output,
        "disk": limits.disk,
        "grows": str(task.grows) if task.grows is not None else None,
        "slots": str(slots) if slots is not None else None,
        "count": count,
    }


def write_specification(task: Task, told: Mapping[str, Any]) -> Path:
    """Write what the launcher is told, whole or not at all, for the user's own eyes."""
    path = task.folder / "task.json"
    aside = path.with_suffix(f".{os.getpid()}")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return path


def read_state(task: Task, name: str) -> dict[str, Any] | None:
    """Return what the launcher wrote (``state`` or ``end``); ``None`` where it wrote nothing whole."""
    with suppress(OSError, ValueError):
        told = json.loads((task.folder / f"{name}.json").read_text("utf-8"))
        return told if isinstance(told, dict) else None
    return None


def ended(task: Task) -> Job | None:
    """Return the end of a job; ``None`` where it has none."""
    told = read_state(task, "end")
    if told is None:
        return None
    code = told.get("code")
    return Job(
        JobState.ENDED,
        code=code if isinstance(code, int) else None,
        how=str(told.get("how")),
        words=visible(str(told.get("words", "")), 400),
        seconds=told.get("seconds"),
        memory=told.get("memory"),
    )
