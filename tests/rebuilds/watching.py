"""Looks at rebuilds from outside: their processes, their journals, what was done in spite of a warning."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event

import psutil
import pytest

from mlops_dash.domain.plans import EventKind, Precondition
from mlops_dash.project import Project
from mlops_dash.runners.base import MARK
from rebuilds.making import TRAIN, WITHIN, Making, Rebuilt, awaited

TRAINS = "exec(open('train.py').read())"
"""Code that trains as the script does, after whatever stands before it."""
AGENT = "mlops_dash.project.agent_main"


def one_run(folder: Path) -> tuple[Making, str]:
    """A project with one run."""
    making = Making(folder)
    making.git.commit("A script", {"train.py": TRAIN, "points.csv": "1,2\n2,4.5\n"})
    return making, making.python("train.py", "--data", "points.csv")


def copy_of(making: Making, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Making:
    """A copy of a project for one test, with places of its own."""
    shutil.copytree(making.root, folder / "project")
    made = Making(folder)
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(made.state))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(made.cache))
    return made


def wait(condition: Callable[[], object], what: str = "it does not happen") -> None:
    """Wait until something is so."""
    for _ in range(int(WITHIN / 0.05)):
        if condition():
            return
        Event().wait(0.05)
    raise AssertionError(what)


def processes(action: str) -> list[psutil.Process]:
    """The processes of an action's command that are there."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(action):
                found.append(process)
        except psutil.Error:
            continue
    return found


def agents(making: Making) -> list[psutil.Process]:
    """The processes that carry out this project's actions."""
    return _ours(making, lambda words: AGENT in words)


def launchers(making: Making) -> list[psutil.Process]:
    """The processes that run this project's commands within their limits."""
    return _ours(making, lambda words: any(word.endswith("runners/launch.py") for word in words))


def _ours(making: Making, known: Callable[[list[str]], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if known(process.info["cmdline"] or []):
            try:
                if process.environ().get("MLOPS_DASH_STATE_DIR") == str(making.state):
                    found.append(process)
            except psutil.Error:
                continue
    return found


def as_command(making: Making, run_id: str, *argv: str) -> None:
    """Have the recorder's note say another command."""
    making.tag(run_id, argv=json.dumps(list(argv)))


def checked(making: Making, ref: str) -> dict[str, Precondition]:
    """What must hold for a rebuild, as it is looked at before anybody confirms it."""
    with making.opened() as project:
        return {one.id: one for one in project.check(project.plan_rebuild(ref))}


def insist(making: Making, ref: str) -> Rebuilt:
    """Confirm a rebuild whatever its preconditions say: it looks at them again itself."""
    with making.opened() as project:
        return awaited(project, confirmed(project, ref))


def confirmed(project: Project, ref: str) -> str:
    """Begin a rebuild without a look at its preconditions."""
    agent = project.prepare(project.plan_rebuild(ref))
    try:
        return agent.go("in spite of it")
    finally:
        agent.leave()


def remedy(rebuilt: Rebuilt) -> str:
    """What the journal says is to be done about the outcome."""
    told = next(e for e in reversed(rebuilt.action.events) if e.kind is EventKind.OUTCOME)
    return str(told.evidence.get("remedy"))


def nothing_left(making: Making, rebuilt: Rebuilt, run_id: str) -> None:
    """Check what every rebuild that fails leaves: no process, no worktree, no mark of success."""
    assert processes(rebuilt.action.plan.id) == []
    assert making.left() == []
    assert making.git.git("status", "--porcelain") == ""
    assert rebuilt.verdict is None
    assert "mlops-dash.rebuilt.verdict" not in making.tags(run_id)
