"""Runs the command of a rebuild, and finds the run that it logged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from mlops_dash.actions.rebuilding.workplace import Workplace
from mlops_dash.domain.rebuilds import Limits
from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError
from mlops_dash.runners.base import Job, JobState, Runner, Task

if TYPE_CHECKING:
    from mlflow.tracking.client import MlflowClient

OF, ACTION, REPEAT = "mlops-dash.rebuild.of", "mlops-dash.rebuild.action", "mlops-dash.rebuild.repeat"
"""Tags of a rebuilt run: which run it reproduces, by which action, the how-manieth time."""
_PARENT = "mlflow.parentRunId"
_EVERY = 0.25  # seconds between two looks
_SILENT = 600.0  # seconds for which a place may say nothing of a job
_LAST = 20_000  # bytes of the end of a log that is looked through for its last words

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Command:
    """What is run, as a step's arguments say it.

    Attributes:
        argv: ``python`` as its first word is the environment's interpreter, ``@name`` a program of it.
        passed: names of variables of ours that it gets too.
    """

    run: str
    argv: tuple[str, ...]
    folder: str
    variables: Mapping[str, str]
    passed: tuple[str, ...]
    experiment: str | None
    paths: tuple[str, ...]
    limits: Limits


def task_of(command: Command, place: Workplace, python: Path, tracking: str | None, repeat: int) -> Task:
    """Return the task that runs a command in a worktree.

    Raises:
        DashError: its folder leads out of the project.
    """
    from mlops_dash.actions.rebuilding.restoring import inside

    cwd = place.tree if command.folder == "." else inside(place.tree, command.folder)
    folder = place.folder / f"run{repeat}"
    for one in (folder, place.home, place.scratch):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Task(
        f"{place.id}-{repeat}",
        folder,
        _argv(command.argv, python),
        cwd,
        _variables(command, place, python, tracking, repeat),
        command.limits,
        place.folder,
    )


def begun(place: Workplace, repeat: int) -> Task | None:
    """Return the task of a repeat that was begun, enough of it to ask for it."""
    folder = place.folder / f"run{repeat}"
    if not (folder / "task.json").exists():
        return None
    return Task(f"{place.id}-{repeat}", folder, (), place.tree, {})


def _argv(words: tuple[str, ...], python: Path) -> list[str]:
    if words[0] in ("python", "python3"):
        return [str(python), *words[1:]]
    if words[0].startswith("@"):
        return [str(python.parent / Path(words[0][1:]).name), *words[1:]]
    return list(words)


def _variables(
    command: Command, place: Workplace, python: Path, tracking: str | None, repeat: int
) -> dict[str, str]:
    """Return all of the command's environment: of ours only what was named, so no credentials."""
    found = {
        "PATH": os.pathsep.join((str(python.parent), "/usr/local/bin", "/usr/bin", "/bin")),
        "HOME": str(place.home),
        "TMPDIR": str(place.scratch),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    found |= {name: os.environ[name] for name in ("TZ", "LD_LIBRARY_PATH") if name in os.environ}
    found |= {name: os.environ[name] for name in command.passed if name in os.environ}
    found |= command.variables
    if command.paths:
        found["PYTHONPATH"] = os.pathsep.join(str(place.tree / path) for path in command.paths)
    if tracking is not None and "MLFLOW_TRACKING_URI" not in command.passed:
        found["MLFLOW_TRACKING_URI"] = _without_user(tracking)
    if command.experiment is not None:
        found["MLFLOW_EXPERIMENT_NAME"] = command.experiment
    tags = {OF: command.run, ACTION: place.id, REPEAT: str(repeat)}
    return {**found, "MLFLOW_RUN_CONTEXT": json.dumps(tags)}


def _without_user(uri: str) -> str:
    """Return an address without a user's name and password: they are the user's, not the command's."""
    scheme, mark, rest = uri.partition("://")
    if not mark or scheme.partition("+")[0] in ("sqlite", "file"):
        return uri
    return f"{scheme}://{rest.rpartition('@')[2]}"


def finish(runner: Runner, task: Task, place: Workplace, tell: Told) -> Job:
    """Start a task unless it was, and wait for its end.

    Raises:
        RefusedError: it cannot be started.
        DashError: it was cancelled, lost, or it failed: says how, with its last words.
        OutcomeUnknownError: nobody says what became of it.
    """
    if runner.look(task).state is not JobState.LOST:  # else it was begun, and is not begun again
        where = runner.start(task)
        tell(f"started: {where}")
    state, silent = JobState.ABSENT, 0.0
    while True:
        job = runner.look(task)
        if job.state is JobState.ENDED:
            break
        if job.state in (JobState.LOST, JobState.ABSENT):
            full = place.is_full
            runner.cancel(task)
            if full:
                raise DashError(
                    f"the command was lost: the disk of {place.folder} is full, so how it ended could not be"
                    " written down",
                    "make room, or limit it with disk under [rebuild]; then rebuild it again",
                )
            raise DashError(
                f"the command was lost: {job.words or 'nobody runs it any more'}", "rebuild it again"
            )
        if place.cancelled:
            runner.cancel(task)
            raise DashError("it was cancelled")
        silent = silent + _EVERY if job.state is JobState.UNKNOWN else 0.0
        if silent > _SILENT:
            raise OutcomeUnknownError(f"nobody says what became of the command: {job.words}")
        if job.state is not state:
            state = job.state
            tell(f"{state.value}{f': {job.words}' if job.words else ''}")
        Event().wait(_EVERY)
    if job.how == "cancelled":
        raise DashError(job.words)
    if job.code != 0:
        raise DashError(f"the command failed: {job.words}{_last(task)}", f"its log is {task.log}")
    return job


def _last(task: Task) -> str:
    said = _last_line(task.log)
    return f": {said}" if said else ""


def _last_line(log: Path) -> str:
    """Return the last words of a log, as they may be shown."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST))
            lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return visible(scrub(lines[-1].strip()), 300) if lines else ""


def logged_by(client: MlflowClient, action: str, repeat: int) -> str | None:
    """Return the run that a rebuild's command logged; ``None`` where there is none in this store."""
    experiments = [one.experiment_id for one in client.search_experiments()]
    condition = f"tags.`{ACTION}` = '{action}' and tags.`{REPEAT}` = '{repeat}'"
    found: list[Any] = list(
        client.search_runs(experiments, condition, order_by=["attributes.start_time ASC"])
    )
    for run in found:
        if _PARENT not in run.data.tags:
            return str(run.info.run_id)
    return str(found[0].info.run_id) if found else None


def runner_of(settings: Mapping[str, Any], folder: Path) -> Runner:
    """Return what runs the command, as a step's arguments say it.

    Raises:
        RefusedError: this release knows none of that kind.
    """
    kind = settings.get("kind")
    if kind == "local":
        from mlops_dash.runners.local import LocalRunner

        return LocalRunner(folder / "slots", int(settings.get("jobs", 1)))
    if kind == "slurm":
        from mlops_dash.runners.slurm import SlurmRunner

        return SlurmRunner([str(word) for word in settings.get("options", ())])
    if kind == "ray":
        from mlops_dash.runners.ray import RayRunner

        return RayRunner(str(settings.get("address", "")), settings.get("resources"))
    raise RefusedError(f"there is no runner {str(kind)[:40]!r}", "update mlops-dash")
