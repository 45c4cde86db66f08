"""Whole rebuilds whose command a real Ray runs: plan, log, cancel and verdict as on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_dash.domain.plans import Tick
from mlops_dash.project.acting import resume_unfinished
from rebuilds.making import Making, awaited, begin
from rebuilds.watching import TRAINS, agents, as_command, checked, copy_of, one_run, processes, wait
from runners.ray_cluster import RayCluster, ray_cluster
from runners.slurm_cluster import free_port

pytestmark = pytest.mark.campaign

WAITS = "print('here', flush=True); import threading; threading.Event().wait()"


@pytest.fixture(scope="module")
def shared() -> Iterator[RayCluster]:
    with ray_cluster() as made:
        yield made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Making, str]:
    making, run_id = one_run(tmp_path_factory.mktemp("trained"))
    making.git.commit("On Ray", {"mlops-dash.toml": '[rebuild]\nrunner = "ray"\nresources = {CPU = 1}\n'})
    return making, run_id


@pytest.fixture
def made(
    trained: tuple[Making, str], shared: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Making, str]:
    for name, value in shared.variables.items():
        monkeypatch.setenv(name, value)
    making, run_id = trained
    return copy_of(making, tmp_path, monkeypatch), run_id


def log_of(making: Making, action: str) -> bytes:
    log = making.state / "rebuilds" / action / "run1" / "output.log"
    return log.read_bytes() if log.exists() else b""


def test_it_comes_out_the_same(made: tuple[Making, str], shared: RayCluster) -> None:
    making, run_id = made
    look = checked(making, run_id)["runner"]
    assert (look.tick, look.title) == (Tick.HOLDS, "the command is taken: it runs on the Ray cluster")
    rebuilt = making.rebuild(run_id)
    assert rebuilt.verdict == "identical", rebuilt.journal
    name = f"mlops-dash-{rebuilt.action.plan.id}-1"
    assert f"started: Ray job {name}" in rebuilt.journal
    assert shared.ask("GET", f"/api/jobs/{name}").json()["status"] == "SUCCEEDED"
    assert making.left() == []


def test_doctor_asks_it(made: tuple[Making, str], shared: RayCluster) -> None:
    words = [sys.executable, "-m", "mlops_dash", "doctor", "--json"]
    said = subprocess.run(words, cwd=made[0].root, capture_output=True, text=True, check=False)
    (check,) = [check for check in json.loads(said.stdout)["checks"] if check["name"] == "rebuilds"]
    assert check["state"] == "ok"
    assert f"answers at {shared.address}" in check["evidence"]


def test_it_is_cancelled(made: tuple[Making, str]) -> None:
    making, run_id = made
    as_command(making, run_id, "-c", WAITS)
    with making.opened() as project:
        action = begin(project, run_id)
        wait(lambda: b"here" in log_of(making, action))
        project.cancel(action)
        rebuilt = awaited(project, action)
    assert "it was cancelled" in rebuilt.words
    assert (processes(action), making.left()) == ([], [])


def test_fault_67_it_is_found_again_when_whoever_carries_it_out_is_killed(
    made: tuple[Making, str], tmp_path: Path
) -> None:
    making, run_id = made
    go, ran = tmp_path / "go", tmp_path / "ran"
    waits = f"import os; open({str(ran)!r}, 'a').write('x'); open({str(go)!r}).read(); {TRAINS}"
    as_command(making, run_id, "-c", f"import os; os.mkfifo({str(go)!r}); {waits}")
    with making.opened() as project:
        action = begin(project, run_id)
        wait(ran.exists)
        for agent in agents(making):
            agent.kill()
        wait(lambda: not project.action(action).running)  # type: ignore[union-attr]
        assert resume_unfinished(project) == (action,)
        go.write_text("")
        rebuilt = awaited(project, action)
    assert rebuilt.found["runs"], rebuilt.journal
    assert ran.read_text() == "x"
    assert making.left() == []


def test_where_ray_is_away_it_is_refused_before_it_begins(
    made: tuple[Making, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    making, run_id = made
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", f"http://127.0.0.1:{free_port()}")
    look = checked(making, run_id)["runner"]
    assert look.tick is Tick.FAILS
    assert "nobody listens there" in look.detail
    assert look.remedy == "see address under [rebuild], and ray status on its head"
