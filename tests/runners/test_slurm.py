"""Commands that a real Slurm runs: the same outcomes as on this machine, and what a cluster adds to them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_dash.domain.rebuilds import Limits
from mlops_dash.errors import OutcomeUnknownError, RefusedError
from mlops_dash.runners.base import Job, JobState, Task
from mlops_dash.runners.slurm import SlurmRunner
from runners.conftest import FOREVER, OVER, WITHIN, cluster_task, printed, wait
from runners.slurm_cluster import SlurmCluster, slurm_cluster

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def shared() -> Iterator[SlurmCluster]:
    with slurm_cluster() as made:
        yield made


@pytest.fixture
def slurm(shared: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> SlurmCluster:
    for name, value in shared.variables.items():
        monkeypatch.setenv(name, value)
    return shared


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmCluster]:
    """A cluster that the test may break."""
    with slurm_cluster() as made:
        for name, value in made.variables.items():
            monkeypatch.setenv(name, value)
        yield made


def runner(*options: str, patience: float = WITHIN) -> SlurmRunner:
    return SlurmRunner(options, patience=patience, settles=0.5)


def ended(task: Task) -> Job:
    wait(lambda: runner().look(task).state in OVER, "it does not end")
    return runner().look(task)


def test_the_cluster_is_reached_from_this_machine_alone(slurm: SlurmCluster) -> None:
    assert set(slurm.listeners()) == {"127.0.0.1"}


def test_what_it_prints_and_exits_with(slurm: SlurmCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert runner().look(task).state is JobState.ABSENT
    assert runner().start(task).startswith("Slurm job ")
    job = ended(task)
    assert (job.state, job.code, job.how, job.words) == (JobState.ENDED, 3, "exited", "it exited with 3")
    assert task.log.read_bytes() == b"out\nerr\n"


def test_arguments_stay_arguments_and_only_chosen_variables_are_there(
    slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the user")
    monkeypatch.setenv("SBATCH_PARTITION", "closed")
    hostile = ["--output=x", "$(touch sprung)", "; touch sprung", "a b", "größe", "*", "%j"]
    code = "import os, sys, json; print(json.dumps([sys.argv[1:], sorted(os.environ), os.getcwd()]))"
    task = cluster_task(tmp_path, code, *hostile)
    runner().start(task)
    assert ended(task).code == 0
    words, names, folder = json.loads(task.log.read_bytes())
    assert words == hostile
    assert {name for name in names if not name.startswith("SLURM_")} - {"LC_CTYPE"} == {
        "MLOPS_DASH_JOB",
        "OWN",
    }
    assert folder == str(task.cwd)
    assert list(task.cwd.iterdir()) == []


def test_it_is_started_once_and_found_again(slurm: SlurmCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    first = runner().start(task)
    (task.folder / "slurm.json").unlink()  # as where it was killed before it could note the number
    assert runner().start(task) == first
    again = Task(task.id, task.folder, (), task.cwd, {})  # what is known after a restart
    assert ended(again).code == 0
    assert (tmp_path / "ran").read_text() == "x"


def test_cancelled_while_it_runs(slurm: SlurmCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER)
    runner().start(task)
    wait(lambda: printed(task))
    now = runner().look(task)
    assert (now.state, now.words.endswith(" on localhost")) == (JobState.RUNNING, True)
    runner().cancel(task)
    assert (ended(task).how, ended(task).words) == ("cancelled", "it was cancelled")


def test_cancelled_while_it_waits(slurm: SlurmCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER)
    runner("--hold").start(task)
    wait(lambda: "waits for JobHeldUser" in runner().look(task).words)
    assert runner().look(task).state is JobState.QUEUED
    runner().cancel(task)
    assert ended(task).words == "cancelled before it began"
    assert not printed(task)


def test_somebody_ends_the_job_by_slurms_own_command(slurm: SlurmCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER)
    number = runner().start(task).split()[-1]
    wait(lambda: printed(task))
    slurm.run("scancel", number)
    assert ended(task).how == "cancelled"


def test_its_limit_on_time(slurm: SlurmCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER, limits=Limits(seconds=1))
    runner().start(task)
    assert ended(task).how == "time"


@pytest.mark.parametrize("option", ["--partition=closed-to-us", "--gpus=4"])
def test_what_slurm_refuses_is_told_in_its_words(slurm: SlurmCluster, tmp_path: Path, option: str) -> None:
    task = cluster_task(tmp_path, "print(1)")
    with pytest.raises(RefusedError, match="Slurm refuses the job: sbatch: error: "):
        runner(option).start(task)
    assert runner().look(task).state is JobState.ABSENT


@pytest.mark.parametrize("option", ["--wrap=x", "script.sh", "--array=1-3", "-p", "--a b"])
def test_options_that_are_none_for_a_job_of_ours(slurm: SlurmCluster, option: str) -> None:
    with pytest.raises(RefusedError, match=r"is no option for a job of ours"):
        runner(option).check()


def test_a_number_that_is_somebody_elses_by_now_is_left_alone(slurm: SlurmCluster, tmp_path: Path) -> None:
    script = "#!/bin/sh\nexec sleep 600\n"
    other = subprocess.run(
        ["sbatch", "--parsable", "--output=/dev/null"],
        input=script,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    task = cluster_task(tmp_path, FOREVER)
    (task.folder / "task.json").write_text("{}")
    (task.folder / "state.json").write_text('{"state": "running"}')
    (task.folder / "slurm.json").write_text(json.dumps({"job": other}))
    job = runner().look(task)
    assert (job.state, "does not know job" in job.words) == (JobState.LOST, True)
    runner().cancel(task)
    wait(lambda: "JobState=RUNNING" in slurm.run("scontrol", "show", "job", other))
    slurm.run("scancel", other)


def test_a_folder_that_the_node_does_not_see(slurm: SlurmCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, "print(1)")
    number = runner("--hold").start(task).split()[-1]
    (task.folder / "launch.py").unlink()
    slurm.run("scontrol", "release", number)
    job = ended(task)
    assert job.state is JobState.LOST
    assert f"it never began: nodes must see {task.folder}" in job.words


def test_the_cluster_loses_the_job(own: SlurmCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER)
    runner("--hold").start(task)
    own.forget()
    job = ended(task)
    assert (job.state, "does not know job" in job.words) == (JobState.LOST, True)


def test_the_cluster_is_away_and_comes_back(own: SlurmCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER)
    runner().start(task)
    wait(lambda: printed(task))
    own.freeze_controller(True)
    job = runner(patience=0.5).look(task)
    assert (job.state, "does not answer" in job.words) == (JobState.UNKNOWN, True)
    own.freeze_controller(False)
    wait(lambda: runner().look(task).state is JobState.RUNNING)
    own.kill_controller()
    with pytest.raises(RefusedError, match="Slurm's controller does not answer"):
        runner(patience=0.5).check()
    (tmp_path / "two").mkdir()
    with pytest.raises((RefusedError, OutcomeUnknownError)):
        runner(patience=0.5).start(cluster_task(tmp_path / "two", "print(1)"))
    own.start_controller()
    wait(lambda: runner().look(task).state is JobState.RUNNING)
    runner().cancel(task)
    assert ended(task).how == "cancelled"


def test_without_slurms_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RefusedError, match="scontrol cannot be started") as caught:
        runner().check()
    assert "runner" in str(caught.value.remedy)
