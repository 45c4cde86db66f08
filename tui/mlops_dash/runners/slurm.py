"""Runs commands by Slurm, with its own commands: sbatch, scontrol, squeue, scancel (slurm.schedmd.com).

``sacct`` is not used: many clusters have no accounting. A job is known by its name, which holds the task's
id, so it is found again where nobody could note its number, and a number that was given to somebody else's
job since is never cancelled.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mlops_dash.domain.text import visible
from mlops_dash.errors import OutcomeUnknownError, RefusedError
from mlops_dash.runners import cluster
from mlops_dash.runners.base import Job, JobState, Task, ended, read_state

_PATIENCE = 30.0  # seconds for one of Slurm's commands
_STOPS_WITHIN = 12.0  # seconds for the launcher to end the command
_LARGEST = 100_000  # characters of an answer
_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"}
_GOING = {"RUNNING", "COMPLETING", "STAGE_OUT", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING"}
_UNFIT = ("--wrap", "--array", "--test-only", "--wait", "--help", "--version", "--usage", "--clusters")
_FIELD = re.compile(r"(?:^|\s)(JobId|JobName|JobState|Reason|NodeList|ExitCode)=(\S*)")


class SlurmRunner:
    """A Slurm cluster, as this machine's Slurm commands see it.

    Args:
        options: words for sbatch, such as ``--partition=gpu``; ours are said after them.
        patience: seconds that one of its commands may take.
        settles: seconds until files that a node wrote are seen here.
    """

    def __init__(
        self, options: Sequence[str] = (), patience: float = _PATIENCE, settles: float = 10.0
    ) -> None:
        self._options = tuple(options)
        self._patience = patience
        self._settles = settles

    def check(self) -> str:
        """Do :meth:`Runner.check`."""
        for word in self._options:
            if not re.fullmatch(r"--[a-z][a-z-]*(=.*)?", word, re.DOTALL) or word.partition("=")[0] in _UNFIT:
                raise RefusedError(
                    f"{visible(word, 60)!r} is no option for a job of ours",
                    "write options under [rebuild] as --name=value, e.g. --partition=gpu",
                )
        said = self._run("scontrol", "ping")
        if said.code or " UP" not in f" {said.out}":
            raise RefusedError(f"Slurm's controller does not answer: {said.words}", "see scontrol ping")
        return visible(said.out.strip().split("\n")[0], 100)

    def start(self, task: Task) -> str:
        """Do :meth:`Runner.start`."""
        self.check()
        job = self._number(task)
        if job is None:
            job = self._submit(task)
        self._note(task, job)
        return f"Slurm job {job}"

    def look(self, task: Task) -> Job:
        """Do :meth:`Runner.look`."""
        end = ended(task)
        if end is not None:
            return end
        try:
            job = self._number(task)
        except OutcomeUnknownError as error:
            return Job(JobState.UNKNOWN, words=error.message)
        if job is None:
            if read_state(task, "state") is None:
                return Job(JobState.ABSENT)
            return Job(JobState.LOST, words="Slurm knows no job of its name")
        where = f"Slurm job {job}"
        said = self._run("scontrol", "show", "job", "--oneliner", job)
        told = dict(_FIELD.findall(said.out)) if said.code == 0 else {}
        if said.failed:
            return Job(JobState.UNKNOWN, words=f"Slurm does not answer: {said.words}", where=where)
        if told.get("JobName") != cluster.name_of(task):
            return cluster.over(task, where, f"Slurm does not know job {job} any more", self._settles)
        state, reason = told.get("JobState", ""), told.get("Reason", "None")
        if state in _WAITING:
            words = f"{where} waits" + (f" for {reason}" if reason not in ("None", "") else "")
            return Job(JobState.QUEUED, words=visible(words, 200), where=where)
        if state in _GOING:
            state_told = read_state(task, "state") or {}
            running = state_told.get("state") == "running"
            words = visible(f"{where} on {told.get('NodeList') or 'a node'}", 200)
            return Job(JobState.RUNNING if running else JobState.QUEUED, words=words, where=where)
        why = f"{where} is {state or 'in no state'}, exit code {told.get('ExitCode', 'unknown')}"
        return cluster.over(task, where, visible(why, 200), self._settles)

    def cancel(self, task: Task) -> None:
        """Do :meth:`Runner.cancel`."""
        cluster.ask_to_stop(task)
        now = self.look(task)
        if now.state in (JobState.ENDED, JobState.LOST, JobState.ABSENT):
            return
        if now.state is JobState.RUNNING and cluster.wait_for_end(task, _STOPS_WITHIN):
            return
        job = self._number(task)
        if job is None:
            return
        said = self._run("scancel", f"--name={cluster.name_of(task)}", job)
        if said.failed:
            raise OutcomeUnknownError(
                f"nobody knows whether Slurm job {job} was stopped: {said.words}", f"scancel {job}"
            )
        cluster.wait_for_end(task, self._settles if now.state is JobState.RUNNING else 0.0)

    def _submit(self, task: Task) -> str:
        start, limits = cluster.prepare(task), task.limits
        ours = [
            f"--job-name={cluster.name_of(task)}",
            f"--comment=mlops-dash {task.id}",
            f"--output={_literal(task.folder / 'cluster.log')}",
            f"--chdir={task.folder}",
            "--export=NIL",
            "--no-requeue",
            f"--time={math.ceil(limits.seconds / 60) + 2}",  # the launcher's own limit is the first
        ]
        if limits.memory is not None:
            ours.append(f"--mem={math.ceil(limits.memory / (1 << 20))}M")
        said = self._run("sbatch", "--parsable", *self._options, *ours, given=f"#!/bin/sh\n{start}\n")
        number = said.out.strip().partition(";")[0]
        if said.code == 0 and number.isascii() and number.isdigit():
            return number
        found = self._by_name(task)
        if found is not None:
            return found
        if said.code is None or said.code == 0:
            raise OutcomeUnknownError(
                f"nobody knows whether Slurm took the job: {said.words}",
                f"squeue --name={cluster.name_of(task)}",
            )
        raise RefusedError(
            f"Slurm refuses the job: {said.words}", "see the options under [rebuild], and sinfo"
        )

    def _number(self, task: Task) -> str | None:
        """Return the job's number, as it was noted or as Slurm knows it; ``None``: there is none."""
        noted = (read_state(task, "slurm") or {}).get("job")
        if isinstance(noted, str) and noted.isascii() and noted.isdigit():
            return noted
        return self._by_name(task) if (task.folder / "task.json").exists() else None

    def _by_name(self, task: Task) -> str | None:
        said = self._run(
            "squeue", "--noheader", "--states=all", f"--name={cluster.name_of(task)}", "--format=%A"
        )
        if said.code != 0:
            raise OutcomeUnknownError(f"Slurm does not answer: {said.words}", "see scontrol ping")
        numbers = [word for word in said.out.split() if word.isascii() and word.isdigit()]
        return numbers[0] if numbers else None

    @staticmethod
    def _note(task: Task, job: str) -> None:
        aside = task.folder / "slurm.new"
        try:
            aside.write_text(json.dumps({"job": job}), "utf-8")
            aside.replace(task.folder / "slurm.json")
        except OSError:
            return  # it is found by its name

    def _run(self, *words: str, given: str = "") -> _Said:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SBATCH_")}
        try:
            done = subprocess.run(
                words, input=given, capture_output=True, text=True, errors="replace", timeout=self._patience,
                env={**environment, "LC_ALL": "C"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _Said(None, "", f"{words[0]} does not answer within {self._patience:g} s")
        except OSError as error:
            raise RefusedError(
                f"{words[0]} cannot be started: {error.strerror}",
                'Slurm\'s commands are needed here; or set runner = "local" under [rebuild]',
            ) from None
        return _Said(done.returncode, done.stdout[:_LARGEST], done.stderr[:_LARGEST])


class _Said:
    """What a command answered; ``code`` is ``None`` where it did not end in time."""

    def __init__(self, code: int | None, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def failed(self) -> bool:
        """It did not get through; that there is no such job is an answer."""
        return self.code is None or (self.code != 0 and "invalid job id" not in self.err.lower())

    @property
    def words(self) -> str:
        """Its last line, for a person."""
        lines = [line.strip() for line in f"{self.out}\n{self.err}".split("\n") if line.strip()]
        return visible(lines[-1], 200) if lines else "it says nothing"


def _literal(path: Path) -> str:
    """Return a path in which sbatch replaces nothing: ``%`` begins a pattern."""
    return str(path).replace("%", "%%")
