"""Runs commands on this machine, in processes that outlive us, so many at a time."""

from __future__ import annotations

import fcntl
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from mlops_dash.errors import RefusedError
from mlops_dash.runners import launch
from mlops_dash.runners.base import (
    MARK,
    Job,
    JobState,
    Task,
    ended,
    read_state,
    specification,
    write_specification,
)

_BEGINS_WITHIN = 20.0  # seconds for a process to start on a loaded machine
_ENDS_WITHIN = 15.0  # seconds for all processes of a job to end


class LocalRunner:
    """This machine.

    Args:
        slots: folder of the queue.
        count: commands that run at the same time.
    """

    def __init__(self, slots: Path, count: int = 1) -> None:
        self._slots = slots
        self._count = count

    def check(self) -> str:
        """Do :meth:`Runner.check`."""
        return "this machine"

    def start(self, task: Task) -> str:
        """Do :meth:`Runner.start`; the id is that of the process."""
        if self.look(task).state in (JobState.QUEUED, JobState.RUNNING, JobState.ENDED):
            return self._where(task)
        try:
            write_specification(task, specification(task, slots=self._slots, count=self._count))
            process = subprocess.Popen(
                [sys.executable, "-I", str(Path(launch.__file__)), str(task.folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise RefusedError(f"the command cannot be started: {error.strerror}") from None
        assert process.stdout is not None
        with process.stdout as said:
            ready, _, _ = select.select([said], [], [], _BEGINS_WITHIN)
            if not ready or not said.read(1):
                process.kill()
                process.wait()
                if self.look(task).state is JobState.ABSENT:
                    raise RefusedError("the command's launcher does not start", "see what loads the machine")
        return self._where(task)

    def look(self, task: Task) -> Job:
        """Do :meth:`Runner.look`."""
        held = _is_held(task.folder / "lock")
        end = ended(task)
        if end is not None:
            return end
        state = read_state(task, "state")
        if held:
            running = state is not None and state.get("state") == "running"
            return Job(JobState.RUNNING if running else JobState.QUEUED, where=self._where(task))
        if state is None:
            return Job(JobState.ABSENT)
        return Job(JobState.LOST, words="its launcher was killed, or the machine was restarted")

    def cancel(self, task: Task) -> None:
        """Do :meth:`Runner.cancel`."""
        with suppress(OSError):
            (task.folder / "cancel").touch(mode=0o600)
        end = time.monotonic() + _ENDS_WITHIN
        while _is_held(task.folder / "lock") and time.monotonic() < end:
            time.sleep(0.05)
        self.sweep(task)

    @staticmethod
    def sweep(task: Task) -> None:
        """End what is left of a job whose launcher is gone: its processes carry the job's id."""
        import psutil

        if _is_held(task.folder / "lock"):
            return
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == task.id:
                    process.kill()

    @staticmethod
    def _where(task: Task) -> str:
        state = read_state(task, "state")
        return f"process {state['launcher']}" if state is not None and "launcher" in state else "this machine"


def _is_held(lock: Path) -> bool:
    try:
        with open(lock, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
