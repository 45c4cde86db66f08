"""Commands that a real Ray runs: the same outcomes as on this machine, and what a cluster adds to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_dash.domain.rebuilds import Limits
from mlops_dash.errors import OutcomeUnknownError, RefusedError
from mlops_dash.runners.base import Job, JobState, Task
from mlops_dash.runners.ray import RayRunner
from runners.conftest import FOREVER, OVER, WITHIN, cluster_task, printed, wait
from runners.ray_cluster import RayCluster, ray_cluster
from runners.slurm_cluster import free_port

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def shared() -> Iterator[RayCluster]:
    with ray_cluster() as made:
        yield made


def test_nothing_of_it_listens_but_on_loopback(shared: RayCluster) -> None:
    """Where the machine lets it have a network of its own; elsewhere it asks for a token all the same."""
    assert shared.ask("GET", "/api/version", "another").status_code == 403
    if shared.separated:
        assert shared.listeners() == set()


@pytest.fixture
def ray(shared: RayCluster, monkeypatch: pytest.MonkeyPatch) -> RayCluster:
    monkeypatch.setenv("RAY_AUTH_TOKEN", shared.token)
    return shared


def runner(ray: RayCluster, patience: float = WITHIN, **resources: float) -> RayRunner:
    return RayRunner(ray.address, resources, patience=patience, settles=0.5)


def ended(ray: RayCluster, task: Task) -> Job:
    wait(lambda: runner(ray).look(task).state in OVER, "it does not end")
    return runner(ray).look(task)


def test_what_it_prints_and_exits_with(ray: RayCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert runner(ray).look(task).state is JobState.ABSENT
    assert re.fullmatch(rf"Ray \d+\.\d+\S* answers at {ray.address}", runner(ray).check())
    assert runner(ray).start(task) == f"Ray job mlops-dash-{task.id}"
    job = ended(ray, task)
    assert (job.state, job.code, job.how, job.words) == (JobState.ENDED, 3, "exited", "it exited with 3")
    assert task.log.read_bytes() == b"out\nerr\n"


def test_arguments_stay_arguments_and_only_chosen_variables_are_there(
    ray: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does the command learn the cluster's token."""
    hostile = ["--output=x", "$(touch sprung)", "; touch sprung", "a b", "größe", "*", "%j"]
    code = "import os, sys, json; print(json.dumps([sys.argv[1:], sorted(os.environ), os.getcwd()]))"
    task = cluster_task(tmp_path, code, *hostile)
    runner(ray).start(task)
    assert ended(ray, task).code == 0
    words, names, folder = json.loads(task.log.read_bytes())
    assert words == hostile
    assert set(names) - {"LC_CTYPE"} == {"MLOPS_DASH_JOB", "OWN"}
    assert folder == str(task.cwd)
    assert list(task.cwd.iterdir()) == []


def test_it_is_started_once_and_found_again(ray: RayCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    first = runner(ray).start(task)
    (task.folder / "ray.json").unlink()  # as where it was killed before it could note it
    assert runner(ray).start(task) == first
    again = Task(task.id, task.folder, (), task.cwd, {})  # what is known after a restart
    assert ended(ray, again).code == 0
    assert (tmp_path / "ran").read_text() == "x"


def test_the_same_submitted_again_is_no_second_job(ray: RayCluster, tmp_path: Path) -> None:
    """As where two start it at the same time, and both had found none."""
    task = cluster_task(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    runner(ray)._submit(task)
    runner(ray)._submit(task)
    assert ended(ray, task).code == 0
    assert (tmp_path / "ran").read_text() == "x"


def test_cancelled_while_it_runs(ray: RayCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER)
    runner(ray).start(task)
    wait(lambda: printed(task))
    wait(lambda: runner(ray).look(task).state is JobState.RUNNING)
    assert f"Ray job mlops-dash-{task.id} on " in runner(ray).look(task).words
    runner(ray).cancel(task)
    assert (ended(ray, task).how, ended(ray, task).words) == ("cancelled", "it was cancelled")


def test_cancelled_while_it_waits_for_what_the_cluster_does_not_have(ray: RayCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER)
    wants = runner(ray, GPU=4, crystal=0.5)
    wants.start(task)
    job = wants.look(task)
    assert (job.state, job.words) == (
        JobState.QUEUED,
        f"Ray job mlops-dash-{task.id} waits for 4 GPU, 0.5 crystal",
    )
    wants.cancel(task)
    assert ended(ray, task).words == "cancelled before it began"
    assert not printed(task)


def test_what_it_needs_is_asked_of_the_cluster(ray: RayCluster, tmp_path: Path) -> None:
    """As Ray itself says of the actor that runs a job."""
    task = cluster_task(tmp_path, FOREVER, limits=Limits(memory=300_000_000))
    wants = runner(ray, CPU=1, slot=0.5)
    wants.start(task)
    wait(lambda: printed(task))
    told = ray.ask("GET", "/api/v0/actors?detail=1&limit=1000").json()["data"]["result"]["result"]
    (actor,) = [one for one in told if str(one["name"]).endswith(f"mlops-dash-{task.id}")]
    needs = actor["required_resources"]
    assert needs == {"CPU": 1.0, "slot": 0.5, "memory": 300_000_000.0}
    wants.cancel(task)


def test_somebody_ends_the_job_by_rays_own_command(ray: RayCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER)
    name = runner(ray).start(task).split()[-1]
    wait(lambda: printed(task))
    assert ray.ask("POST", f"/api/jobs/{name}/stop").status_code == 200
    assert ended(ray, task).how == "cancelled"


def test_its_limit_on_time(ray: RayCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path, FOREVER, limits=Limits(seconds=1))
    runner(ray).start(task)
    assert ended(ray, task).how == "time"


def test_a_folder_that_the_node_does_not_see(ray: RayCluster, tmp_path: Path) -> None:
    wants = runner(ray, slot=1)
    first, task = cluster_task(tmp_path / "first", FOREVER), cluster_task(tmp_path / "second", "print(1)")
    wants.start(first)
    wait(lambda: printed(first))
    wants.start(task)
    (task.folder / "launch.py").unlink()  # before it is its turn
    wants.cancel(first)
    job = ended(ray, task)
    assert job.state is JobState.LOST
    assert f"it never began: nodes must see {task.folder}" in job.words


def test_without_the_token_it_is_told(
    ray: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "token"
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(kept))
    with pytest.raises(RefusedError, match="it wants a token") as caught:
        runner(ray).check()
    assert caught.value.remedy == "set RAY_AUTH_TOKEN, as for Ray's own commands"
    kept.write_text("not the one\n")
    with pytest.raises(RefusedError, match="it does not take our token"):
        runner(ray).check()
    kept.write_text(f"{ray.token}\n")
    assert runner(ray).check().startswith("Ray ")


@pytest.mark.parametrize(
    "address",
    ["ray://127.0.0.1:10001", "", "127.0.0.1:8265", "http://", "http://me:secret@host", "http://h:99999"],
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(RefusedError, match="is no address of a Ray dashboard") as caught:
        RayRunner(address).check()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("amount", [0.0, -1.0, float("nan")])
def test_amounts_that_are_none(amount: float) -> None:
    with pytest.raises(RefusedError, match="is no amount that Ray could give"):
        RayRunner(resources={"GPU": amount}).check()


def test_where_nobody_listens(tmp_path: Path) -> None:
    nowhere = RayRunner(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(
        RefusedError, match=r"no Ray cluster answers at http://127\.0\.0\.1:.*nobody listens there"
    ):
        nowhere.check()
    task = cluster_task(tmp_path, "print(1)")
    (task.folder / "task.json").write_text("{}")
    assert nowhere.look(task).state is JobState.UNKNOWN


def test_the_cluster_is_away_comes_back_and_has_lost_the_job(ray: RayCluster, tmp_path: Path) -> None:
    task = cluster_task(tmp_path / "one", FOREVER)
    runner(ray).start(task)
    wait(lambda: printed(task))
    ray.freeze_dashboard(True)
    job = runner(ray, patience=0.5).look(task)
    assert (job.state, "no answer within" in job.words) == (JobState.UNKNOWN, True)
    with pytest.raises(OutcomeUnknownError, match="nobody knows whether Ray took the job"):
        RayRunner(ray.address, patience=0.5)._submit(cluster_task(tmp_path / "two", "print(1)"))
    ray.freeze_dashboard(False)
    wait(lambda: runner(ray).look(task).state is JobState.RUNNING)
    ray.stop()
    assert runner(ray).look(task).state is JobState.UNKNOWN
    ray.start()
    assert ended(ray, task).state is JobState.LOST
