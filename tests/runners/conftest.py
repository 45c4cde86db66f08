"""Tasks in folders of their own, and waiting for what becomes of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

import psutil
import pytest

from mlops_dash.domain.rebuilds import Limits
from mlops_dash.runners.base import MARK, Job, JobState, Task
from mlops_dash.runners.local import LocalRunner

WITHIN = 60.0  # seconds: generous
OVER = (JobState.ENDED, JobState.LOST)


def wait(condition: Callable[[], object], what: str = "it does not happen") -> None:
    for _ in range(int(WITHIN / 0.02)):
        if condition():
            return
        Event().wait(0.02)
    raise AssertionError(what)


FOREVER = "import threading; print('here', flush=True); threading.Event().wait()"
"""Code that prints a word and does not end."""


def cluster_task(tmp_path: Path, code: str, *arguments: str, limits: Limits | None = None) -> Task:
    """A task of Python code for a cluster; its folder's name is one that a shell would take apart."""
    folder, cwd = tmp_path / "a job's 100 % folder", tmp_path / "work"
    folder.mkdir(parents=True)
    cwd.mkdir()
    argv = [sys.executable, "-u", "-c", code, *arguments]
    return Task(f"{tmp_path.name}-1", folder, argv, cwd, {"OWN": "1"}, limits or Limits(), cwd)


def printed(task: Task) -> bool:
    """Whether the word of :data:`FOREVER` is in the log."""
    return task.log.exists() and b"here" in task.log.read_bytes()


class Jobs:
    """Makes tasks of Python code, and runs them on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runner = LocalRunner(folder / "slots", 2)
        self.tasks: list[Task] = []

    def task(
        self, code: str, *arguments: str, argv: Sequence[str] | None = None, limits: Limits | None = None
    ) -> Task:
        number = len(self.tasks)
        folder, cwd = self.folder / f"job{number}", self.folder / f"work{number}"
        folder.mkdir()
        cwd.mkdir()
        words = list(argv) if argv is not None else [sys.executable, "-u", "-c", code, *arguments]
        variables = {"PATH": os.environ["PATH"], "OWN": "1"}
        task = Task(f"{self.folder.name}-{number}", folder, words, cwd, variables, limits or Limits(), cwd)
        self.tasks.append(task)
        return task

    def ended(self, task: Task) -> Job:
        wait(lambda: self.runner.look(task).state in OVER, "it does not end")
        return self.runner.look(task)

    def run(self, code: str, *arguments: str, limits: Limits | None = None) -> tuple[Job, bytes]:
        task = self.task(code, *arguments, limits=limits)
        self.runner.start(task)
        job = self.ended(task)
        return job, task.log.read_bytes()

    def alive(self, task: Task) -> list[psutil.Process]:
        """The processes of a job that are there."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == task.id and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path)
    yield made
    for task in made.tasks:
        made.runner.cancel(task)
        assert made.alive(task) == []
