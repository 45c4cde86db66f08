"""What the runners of clusters share: the launcher in the job's folder, which the nodes see too."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

from mlops_dash.errors import RefusedError
from mlops_dash.runners import launch
from mlops_dash.runners.base import Job, JobState, Task, ended, read_state, specification, write_specification

PREFIX = "mlops-dash-"
"""What the names of our jobs begin with."""

KEPT = (
    "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK",
    "SLURM_JOB_ID", "SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE",
)  # fmt: skip
"""Variables by which a cluster says which devices a command may use: it gets them too."""

_SETTLES = 10.0  # seconds until files that a node wrote are seen here
_EVERY = 0.1


def name_of(task: Task) -> str:
    """Return the name of a task's job: by it the job is known as ours."""
    return f"{PREFIX}{task.id}"


def prepare(task: Task) -> str:
    """Write what the launcher needs into the job's folder; return the shell words that start it.

    Of a shell they hold quoted paths of ours alone: the command itself stands in a file, word by word.

    Raises:
        RefusedError: the folder cannot be written.
    """
    try:
        write_specification(task, {**specification(task), "keeps": list(KEPT)})
        shutil.copyfile(launch.__file__, task.folder / "launch.py")
    except OSError as error:
        raise RefusedError(f"{task.folder} cannot be written: {error.strerror}") from None
    words = shlex.join(["-I", str(task.folder / "launch.py"), str(task.folder)])
    ours = shlex.quote(sys.executable)
    return f"if [ -x {ours} ]; then exec {ours} {words}; else exec python3 {words}; fi"


def asked_to_stop(task: Task) -> bool:
    """Tell whether somebody wanted the job to be cancelled."""
    return (task.folder / "cancel").exists()


def ask_to_stop(task: Task) -> None:
    """Have the launcher end the command, as far as it sees the file."""
    with suppress(OSError):
        (task.folder / "cancel").touch(mode=0o600)


def over(task: Task, where: str, words: str, settles: float = _SETTLES) -> Job:
    """Return the end of a job that its cluster calls over: what the launcher wrote, once it is seen here.

    Args:
        words: what the cluster says of it.
    """
    end = time.monotonic() + settles
    while True:
        with suppress(OSError):
            list(task.folder.iterdir())  # has a network's file system look again
        found = ended(task)
        if found is not None:
            return found
        if asked_to_stop(task) and read_state(task, "state") is None:
            return Job(JobState.ENDED, how="cancelled", words="cancelled before it began", where=where)
        if time.monotonic() > end:
            break
        time.sleep(_EVERY)
    if asked_to_stop(task):
        return Job(JobState.ENDED, how="cancelled", words="it was cancelled", where=where)
    begun = read_state(task, "state") is not None
    why = "its launcher wrote no end" if begun else f"it never began: nodes must see {task.folder}"
    said = _said(task.folder / "cluster.log")
    return Job(JobState.LOST, words=f"{words}; {why}{f': {said}' if said else ''}", where=where)


def wait_for_end(task: Task, seconds: float) -> bool:
    """Wait until the launcher has written its end; ``False`` where it does not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ended(task) is not None:
            return True
        time.sleep(_EVERY)
    return ended(task) is not None


def _said(log: Path) -> str:
    from mlops_dash.domain.text import visible

    with suppress(OSError):
        lines = log.read_bytes()[-2000:].decode("utf-8", "replace").split("\n")
        return visible(next((line.strip() for line in reversed(lines) if line.strip()), ""), 200)
    return ""
