"""The key B on a real run: a plan, a training of its own, its log and its verdict; and X, which stops one."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mlops_dash.project import open_project
from mlops_dash.ui.app import Opening
from mlops_dash.ui.dashboard import Dashboard
from rebuilds.making import POINTS, TRAIN, Making
from ui.driving import LARGE, until, until_said

WITHIN = 90.0
pytestmark = pytest.mark.campaign


@pytest.fixture
def making(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Making:
    made = Making(tmp_path)
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(made.state))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(made.cache))
    made.git.commit("A script", {"train.py": TRAIN, "points.csv": POINTS})
    return made


@asynccontextmanager
async def runs_of(making: Making, run_id: str) -> AsyncIterator[Pilot[None]]:
    """Run the dashboard until the run stands on Runs."""
    app = Dashboard(Opening(lambda: open_project(making.root)).start())
    async with app.run_test(size=LARGE) as pilot:
        await until(pilot, "tracking 1 run", seconds=WITHIN)
        await pilot.press("2")
        await until(pilot, run_id[:8], "train.py", seconds=WITHIN)
        yield pilot
    app.let_go()


async def test_one_key_a_plan_and_a_verdict(making: Making) -> None:
    run_id = making.python("train.py", "--alpha", "0.25")
    async with runs_of(making, run_id) as pilot:
        await pilot.press("B")
        shown = await until(
            pilot, "Rebuild · run", "train.py --alpha 0.25", "enter carries it out", seconds=WITHIN
        )
        assert "to see whether it can be made again" in shown
        await pilot.press("enter")
        await until(pilot, "● identical", "= the same", "equal to the last bit", seconds=WITHIN)
        await pilot.press("escape", "6")
        await until(pilot, "Rebuild", f"run {run_id[:8]}", "● identical", seconds=WITHIN)
        await pilot.press("X")
        await until_said(pilot, "cancel: it has ended")
        await pilot.press("z")
        await until_said(pilot, "undo: a rebuild has changed nothing that could be taken back")


async def test_its_output_is_followed_and_it_can_be_stopped(making: Making) -> None:
    run_id = making.python("train.py")
    go = making.root.parent / "go"
    os.mkfifo(go)
    command = f"print('epoch 1 of 9: \\x1b[31mloss 0.5', flush=True); open({str(go)!r}).read()"
    making.tag(run_id, argv=json.dumps(["-c", command]))
    async with runs_of(making, run_id) as pilot:
        await pilot.press("B")
        await until(pilot, "enter carries it out", seconds=WITHIN)
        await pilot.press("enter")
        await until(pilot, "What the command printed", "epoch 1 of 9: ␛[31mloss 0.5", seconds=WITHIN)
        await pilot.press("escape", "6")
        await until(pilot, "epoch 1 of 9", "under way", seconds=WITHIN)
        await pilot.press("X")
        await until(pilot, "it was cancelled", "✗ failed", seconds=WITHIN)
    assert making.left() == []


async def test_the_last_words_of_what_failed_stay(making: Making) -> None:
    run_id = making.python("train.py")
    making.tag(run_id, argv=json.dumps(["-c", "print('epoch 1 of 9'); raise SystemExit('no rows are left')"]))
    async with runs_of(making, run_id) as pilot:
        await pilot.press("B")
        await until(pilot, "enter carries it out", seconds=WITHIN)
        await pilot.press("enter")
        await until(pilot, "✗ failed", "What the command printed · 2", "\n no rows are left", seconds=WITHIN)


async def test_what_cannot_be_rebuilt_says_why(making: Making) -> None:
    run_id = making.python("train.py", MLOPS_DASH_RECORDER="off")
    async with runs_of(making, run_id) as pilot:
        await pilot.press("B")
        shown = await until(pilot, "Rebuild: this cannot be done", seconds=WITHIN)
        assert "its command is missing: nobody recorded it" in shown
        assert "install mlops-dash where training runs" in shown
