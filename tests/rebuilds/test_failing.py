"""What goes wrong in a rebuild is told, nothing of it is left, and nobody's work is touched."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

import psutil
import pytest

from mlops_dash.domain.plans import Outcome
from mlops_dash.domain.recorded import Recorded, to_tags
from mlops_dash.errors import RefusedError, UsageError
from mlops_dash.project.agent import Agent
from mlops_dash.runners.base import MARK
from rebuilds.making import TRAIN, Making, awaited, begin

pytestmark = pytest.mark.campaign


def wait(condition: Callable[[], object]) -> None:
    for _ in range(4000):
        if condition():
            return
        Event().wait(0.05)
    raise AssertionError("it does not happen")


class Leaving:
    """Lets an agent go."""

    def __init__(self, agent: Agent) -> None:
        self.close = agent.leave


def processes(action: str) -> list[int]:
    """The processes of an action's command that are there."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(action):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def agents(making: Making) -> list[psutil.Process]:
    """The processes that carry out this project's actions."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "mlops_dash.project.agent_main" in (process.info["cmdline"] or []):
            try:
                if process.environ().get("MLOPS_DASH_STATE_DIR") == str(making.state):
                    found.append(process)
            except psutil.Error:
                continue
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project with one run, trained once for all tests of this module."""
    folder = tmp_path_factory.mktemp("trained")
    making = Making(folder)
    making.git.commit("A script", {"train.py": TRAIN, "points.csv": "1,2\n2,4.5\n"})
    return folder, making.python("train.py", "--data", "points.csv")


@pytest.fixture
def copied(trained: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Making, str]:
    """A copy of it for one test."""
    shutil.copytree(trained[0] / "project", tmp_path / "project")
    made = Making(tmp_path)
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(made.state))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(made.cache))
    return made, trained[1]


def as_command(making: Making, run_id: str, *argv: str) -> None:
    """Have the recorder's note say another command."""
    making.tag(run_id, argv=json.dumps(list(argv)))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-c", "import sys; print('all is lost'); sys.exit(3)"], "it exited with 3: all is lost"),
        (["@no-such-program"], "no-such-program cannot be started: No such file or directory"),
        (["gone.py"], "can't open file"),
        (["-c", "print('fine')"], "exited with 0 and logged no run to the team's tracking store"),
        (["-c", "input('name? ')"], "EOFError"),
        (["-c", "import os; os.kill(os.getpid(), 9)"], "it was ended by SIGKILL"),
    ],
)
def test_a_command_that_fails(copied: tuple[Making, str], argv: list[str], words: str) -> None:
    making, run_id = copied
    as_command(making, run_id, *argv)
    rebuilt = making.rebuild(run_id)
    assert (rebuilt.action.outcome, rebuilt.verdict) == (Outcome.FAILED, None)
    assert words in rebuilt.words
    assert making.left() == []
    assert processes(rebuilt.action.plan.id) == []
    assert "mlops-dash.rebuilt.verdict" not in making.tags(run_id)


def test_cancelled_while_it_hangs(copied: tuple[Making, str]) -> None:
    making, run_id = copied
    as_command(making, run_id, "-c", "import threading; print('here', flush=True); threading.Event().wait()")
    with making.opened() as project:
        action_id = begin(project, run_id)
        log = making.state / "rebuilds" / action_id / "run1" / "output.log"
        wait(lambda: log.exists() and b"here" in log.read_bytes())
        second = project.prepare(project.plan_rebuild(run_id))
        with (
            closing(Leaving(second)),
            pytest.raises(RefusedError, match=f"run {run_id[:8]} is being rebuilt by"),
        ):
            second.go("at the same time")
        project.cancel(action_id)
        rebuilt = awaited(project, action_id)
    assert "it was cancelled" in rebuilt.words
    assert processes(action_id) == []
    assert making.left() == []


def test_it_goes_on_when_whoever_carries_it_out_is_killed(copied: tuple[Making, str]) -> None:
    """The agent is killed while the command runs: the next start waits for it and judges it."""
    making, run_id = copied
    go = making.root.parent / "go"
    os.mkfifo(go)
    text = f"open({str(go)!r}).read()\nexec(open('train.py').read())"
    as_command(making, run_id, "-c", text)
    with making.opened() as project:
        action_id = begin(project, run_id)
        log = making.state / "rebuilds" / action_id / "run1" / "output.log"
        wait(log.exists)
        for agent in agents(making):
            agent.kill()
        wait(lambda: not project.action(action_id).running)  # type: ignore[union-attr]
        assert processes(action_id)  # it outlives the agent
        assert project.resume_unfinished() == (action_id,)
        go.write_text("")
        rebuilt = awaited(project, action_id)
    assert rebuilt.verdict == "identical", rebuilt.journal
    assert len(making.runs()) == 2
    assert making.left() == []


def test_a_commit_that_nobody_has(copied: tuple[Making, str]) -> None:
    making, run_id = copied
    with closing(sqlite3.connect(making.store)) as connection, connection:
        connection.execute("update tags set value = ? where key = 'mlflow.source.git.commit'", ("f" * 40,))
    with making.opened() as project:
        plan = project.plan_rebuild(run_id)
        found = {one.id: one for one in project.check(plan)}
    assert found["commit"].tick == "fails"
    assert f"commit {'f' * 40} is not in this repository" in found["commit"].detail


def test_data_that_has_changed(copied: tuple[Making, str]) -> None:
    """It is in the commit; what was read then was something else, so the run cannot be made again."""
    making, run_id = copied
    making.tag(run_id, files=json.dumps([["points.csv", 12, "0" * 64]]))
    rebuilt = making.rebuild(run_id)
    assert "points.csv is not what it was when the run was made" in rebuilt.words
    assert making.left() == []


def test_data_that_is_gone(copied: tuple[Making, str]) -> None:
    making, run_id = copied
    making.tag(run_id, files=json.dumps([["/no/such/file.csv", 12, "0" * 64]]))
    with making.opened() as project:
        found = {one.id: one for one in project.check(project.plan_rebuild(run_id))}
    assert found["data"].detail == "/no/such/file.csv: it is gone from where it was"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"dirty": "true"}, "it was trained with uncommitted changes, and they are not kept"),
        ({"argv__withheld": "true"}, "an argument looked like a secret and was not recorded"),
    ],
)
def test_what_the_run_lacks_is_told_beforehand(
    copied: tuple[Making, str], tags: dict[str, str], words: str
) -> None:
    making, run_id = copied
    making.tag(run_id, **tags)
    with making.opened() as project, pytest.raises(RefusedError, match=words):
        project.plan_rebuild(run_id)


def test_something_that_is_no_run(copied: tuple[Making, str]) -> None:
    making, _ = copied
    with making.opened() as project, pytest.raises(UsageError):
        project.plan_rebuild("nothing-of-that-name")


def test_packages_that_are_no_longer_to_be_had(copied: tuple[Making, str]) -> None:
    making, run_id = copied
    tags = to_tags(Recorded(packages={"no-such-package-anywhere": "99.99"}))
    making.tag(run_id, **{"packages.1": tags["mlops-dash.packages.1"]})
    rebuilt = making.rebuild(run_id)
    assert "the packages cannot be had" in rebuilt.words
    assert "no-such-package-anywhere" in rebuilt.words
    assert making.left() == []


def test_only_variables_that_are_named_reach_the_command(
    copied: tuple[Making, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    making, run_id = copied
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2-hunter2")
    monkeypatch.setenv("TEAM_REGION", "north")
    making.git.write("mlops-dash.toml", '[rebuild]\nvariables = ["TEAM_REGION"]\n')
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    as_command(making, run_id, "-c", code)
    rebuilt = making.rebuild(run_id)
    log = making.state / "rebuilds" / rebuilt.action.plan.id / "run1" / "output.log"
    given = json.loads(log.read_text())
    assert given["TEAM_REGION"] == "north"
    assert "hunter2" not in str(given)
    assert given["HOME"].startswith(str(making.state))
    assert given["MLFLOW_TRACKING_URI"] == making.uri
