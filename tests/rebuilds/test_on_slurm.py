"""Whole rebuilds whose command a real Slurm runs: plan, log, cancel and verdict as on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_dash.domain.plans import Tick
from mlops_dash.project.acting import resume_unfinished
from rebuilds.making import Making, awaited, begin
from rebuilds.watching import TRAINS, agents, as_command, checked, copy_of, one_run, processes, wait
from runners.slurm_cluster import SlurmCluster, slurm_cluster

pytestmark = pytest.mark.campaign

WAITS = "print('here', flush=True); import threading; threading.Event().wait()"


@pytest.fixture(scope="module")
def shared() -> Iterator[SlurmCluster]:
    with slurm_cluster() as made:
        yield made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Making, str]:
    making, run_id = one_run(tmp_path_factory.mktemp("trained"))
    making.git.commit("By Slurm", {"mlops-dash.toml": '[rebuild]\nrunner = "slurm"\n'})
    return making, run_id


@pytest.fixture
def made(
    trained: tuple[Making, str], shared: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Making, str]:
    for name, value in shared.variables.items():
        monkeypatch.setenv(name, value)
    making, run_id = trained
    return copy_of(making, tmp_path, monkeypatch), run_id


def log_of(making: Making, action: str) -> bytes:
    log = making.state / "rebuilds" / action / "run1" / "output.log"
    return log.read_bytes() if log.exists() else b""


def test_it_comes_out_the_same(made: tuple[Making, str], shared: SlurmCluster) -> None:
    making, run_id = made
    look = checked(making, run_id)["runner"]
    assert (look.tick, look.title) == (Tick.HOLDS, "the command is taken: it runs by Slurm")
    rebuilt = making.rebuild(run_id)
    assert rebuilt.verdict == "identical", rebuilt.journal
    assert "started: Slurm job " in rebuilt.journal
    assert f"mlops-dash-{rebuilt.action.plan.id}-1" in (shared.folder / "jobcomp.log").read_text()
    assert making.left() == []


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


def test_where_slurm_is_away_it_is_refused_before_it_begins(
    made: tuple[Making, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    making, run_id = made
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "no.conf"))
    look = checked(making, run_id)["runner"]
    assert look.tick is Tick.FAILS
    assert "Slurm's controller does not answer" in look.detail
    assert look.remedy == "see scontrol ping"
