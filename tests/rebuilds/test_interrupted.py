"""Rebuilds during which the dashboard is quit or killed, an agent is killed, or the machine restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bench.terminal import Terminal
from mlops_dash.domain.plans import EventKind, Outcome
from mlops_dash.errors import RefusedError
from mlops_dash.project import Project
from rebuilds.making import Making, awaited, begin
from rebuilds.watching import (
    TRAINS,
    agents,
    as_command,
    copy_of,
    launchers,
    nothing_left,
    one_run,
    processes,
    wait,
)

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Making, str]:
    return one_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def copied(
    trained: tuple[Making, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Making, str]:
    return copy_of(trained[0], tmp_path, monkeypatch), trained[1]


@pytest.fixture
def go(copied: tuple[Making, str], tmp_path: Path) -> Iterator[Path]:
    """The command waits until somebody writes into this. Nothing of a test that fails goes on."""
    making, run_id = copied
    path = tmp_path / "go"
    os.mkfifo(path)
    as_command(making, run_id, "-c", f"print('here', flush=True)\nopen({str(path)!r}).read()\n{TRAINS}")
    yield path
    for folder in making.state.glob("rebuilds/2*"):
        kill_all(making, folder.name)


def dashboard(making: Making) -> Terminal:
    """Start the dashboard in a terminal of its own."""
    return Terminal([sys.executable, "-m", "mlops_dash"], dict(os.environ), making.root)


def settled(terminal: Terminal) -> Terminal:
    """Take in what the dashboard writes: it stops where nobody does."""
    terminal.settle(0.1)
    return terminal


def running(making: Making) -> str:
    """Wait until the one command is at work; return the action."""
    wait(lambda: any(b"here" in log.read_bytes() for log in making.state.glob("rebuilds/*/run1/output.log")))
    (folder,) = making.state.glob("rebuilds/2*")
    return folder.name


def unattended(project: Project, action_id: str) -> bool:
    action = project.action(action_id)
    return action is not None and not action.running


@pytest.mark.parametrize("how", ["quit", "killed", "hung up"])
def test_the_dashboard_goes_and_the_rebuild_goes_on(copied: tuple[Making, str], go: Path, how: str) -> None:
    making, run_id = copied
    with dashboard(making) as terminal:
        terminal.wait_for(["tracking 1 run"])
        terminal.press("2")
        terminal.wait_for([run_id[:8], "train.py"])
        terminal.press("B")
        terminal.wait_for(["enter carries it out"])
        terminal.press("\r")
        terminal.wait_for(["running"])
        action_id = running(making)
        if how == "quit":
            terminal.press("\x11")
        else:
            os.kill(terminal.pid, signal.SIGKILL if how == "killed" else signal.SIGHUP)
        wait(lambda: settled(terminal).ended, "the dashboard does not end")
    assert len(agents(making)) == 1
    assert processes(action_id)
    go.write_text("")
    with making.opened() as project:
        rebuilt = awaited(project, action_id)
    assert rebuilt.verdict == "identical", rebuilt.journal
    assert EventKind.RESUMED not in {event.kind for event in rebuilt.action.events}
    assert len(making.runs()) == 2
    assert making.left() == []


def test_who_waits_on_the_command_line_is_interrupted(copied: tuple[Making, str], go: Path) -> None:
    """It says that the rebuild goes on, and how to follow it."""
    making, run_id = copied
    words = [sys.executable, "-m", "mlops_dash", "rebuild", run_id, "--yes", "--wait"]
    waiting = subprocess.Popen(words, cwd=making.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    action_id = running(making)
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 4
    assert b"it goes on without you: nothing was stopped" in said
    assert f"mlops-dash jobs {action_id}".encode() in said
    go.write_text("")
    with making.opened() as project:
        assert awaited(project, action_id).verdict == "identical"
    assert making.left() == []


def test_a_second_rebuild_is_told_who_is_at_work(copied: tuple[Making, str], go: Path) -> None:
    """Also from another process, and after the first one's agent was killed: nothing is run twice."""
    making, run_id = copied
    with making.opened() as project:
        action_id = begin(project, run_id)
        running(making)
        (agent,) = agents(making)
        second = project.prepare(project.plan_rebuild(run_id))
        with pytest.raises(RefusedError) as refused:
            second.go("at the same time")
        second.leave()
        assert f"run {run_id[:8]} is being rebuilt by" in refused.value.message
        assert f"(action {action_id}, process {agent.pid})" in refused.value.message
        assert project.actions()[0].plan.actor in refused.value.message
        assert "mlops-dash jobs shows how far it is" in str(refused.value.remedy)
        words = [sys.executable, "-m", "mlops_dash", "rebuild", run_id, "--yes"]
        told = subprocess.run(words, cwd=making.root, capture_output=True, text=True, check=False)
        assert told.returncode == 3
        assert f"(action {action_id}, process {agent.pid}) is at work on it" in told.stderr
        agent.kill()
        wait(lambda: unattended(project, action_id))
        told = subprocess.run(words, cwd=making.root, capture_output=True, text=True, check=False)
        assert told.returncode == 3
        assert f"goes on with what was left undone: {action_id}" in told.stderr
        assert any(words in told.stderr for words in ("was interrupted", "is at work on it")), told.stderr
        go.write_text("")
        assert awaited(project, action_id).verdict == "identical"
        assert [action.plan.id for action in project.actions()] == [action_id]
    assert len(making.runs()) == 2
    assert making.left() == []


def test_fault_67_dashboard_and_agent_are_killed(copied: tuple[Making, str], go: Path) -> None:
    """The command goes on; the next dashboard waits for it, and judges what it made."""
    making, run_id = copied
    with making.opened() as project:
        action_id = begin(project, run_id)
        running(making)
        for agent in agents(making):
            agent.kill()
        wait(lambda: unattended(project, action_id))
        with dashboard(making) as terminal:
            terminal.wait_for(["tracking 1 run"])
            wait(lambda: settled(terminal) and agents(making), "nobody goes on with it")
            os.kill(terminal.pid, signal.SIGKILL)
        go.write_text("")
        rebuilt = awaited(project, action_id)
    assert rebuilt.verdict == "identical", rebuilt.journal
    assert EventKind.RESUMED in {event.kind for event in rebuilt.action.events}
    assert len(making.runs()) == 2
    assert making.left() == []


def test_fault_67_the_machine_restarts_while_the_command_runs(copied: tuple[Making, str], go: Path) -> None:
    """Agent, launcher and command are gone at once: the next dashboard says so, and sweeps."""
    making, run_id = copied
    with making.opened() as project:
        action_id = begin(project, run_id)
        running(making)
        kill_all(making, action_id)
        wait(lambda: unattended(project, action_id))
        assert making.left() != []
        with dashboard(making) as terminal:
            terminal.wait_for(["tracking 1 run"])
            terminal.press("6")
            terminal.wait_for(["the command was lost"])
        rebuilt = awaited(project, action_id)
    assert rebuilt.action.outcome is Outcome.FAILED
    assert "the command was lost: its launcher was killed, or the machine was restarted" in rebuilt.words
    assert making.runs() == [run_id]
    nothing_left(making, rebuilt, run_id)
    as_command(making, run_id, "train.py", "--data", "points.csv")
    assert making.rebuild(run_id).verdict == "identical"  # nothing stands in the way of another one


def test_fault_67_the_machine_restarts_while_packages_are_built(copied: tuple[Making, str]) -> None:
    """Before the command there was nothing to lose: the next start does it all the same, once."""
    making, run_id = copied
    with making.opened() as project:
        action_id = begin(project, run_id)
        tree = making.state / "rebuilds" / action_id / "tree"
        wait(tree.exists)
        kill_all(making, action_id)
        wait(lambda: unattended(project, action_id))
        project.resume_unfinished()
        rebuilt = awaited(project, action_id)
    assert rebuilt.verdict == "identical", rebuilt.journal
    assert len(making.runs()) == 2
    assert making.left() == []


def kill_all(making: Making, action_id: str) -> None:
    """End all that a rebuild consists of, at once and unasked."""
    gone = [*agents(making), *launchers(making), *processes(action_id)]
    for end in (psutil.Process.suspend, psutil.Process.kill):  # none sees another one go
        for process in gone:
            with suppress(psutil.NoSuchProcess):
                end(process)
