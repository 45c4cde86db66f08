"""The acting keys on a real project: a store written by MLflow, agents of their own, until it is verified."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cli.planned import CONFIG, alias, change, team
from mlops_dash.project import open_project
from mlops_dash.ui.app import Opening
from mlops_dash.ui.dashboard import Dashboard
from ui.driving import SMALL, text, until, until_said

WITHIN = 45.0
pytestmark = pytest.mark.campaign


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = team(tmp_path / "project", CONFIG)
    monkeypatch.chdir(made)
    return made


@asynccontextmanager
async def real(folder: Path, *, read_only: bool = False) -> AsyncIterator[Pilot[None]]:
    """Run the dashboard on a project until its first reading is shown."""
    app = Dashboard(Opening(lambda: open_project(folder, read_only=read_only)).start())
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, "production", "55.12", "↓6", seconds=WITHIN)
        yield pilot
    app.let_go()


async def test_there_and_back_with_what_became_of_it_told_and_remembered(project: Path) -> None:
    async with real(project) as pilot:
        await pilot.press("P")
        await until(pilot, "▌  v6", "live in", seconds=WITHIN)
        await pilot.press("enter", *"better", "enter")
        await until(pilot, "type production, then enter", seconds=WITHIN)
        await pilot.press(*"production", "enter")
        await until(pilot, "● verified", seconds=WITHIN)
        assert alias(project) == "6"

        await pilot.press("escape", "R")
        await until(pilot, "▌▸ v4", "proposed", seconds=WITHIN)
        began = time.monotonic()
        await pilot.press("enter", *"slow", "enter")
        await until(pilot, "type production, then enter", seconds=WITHIN)
        await pilot.press(*"production", "enter")
        await until(pilot, "● verified", "v6 → v4", seconds=WITHIN)
        print(f"enter to verified: {time.monotonic() - began:.2f} s")
        assert alias(project) == "4"

        await pilot.press("6")
        await until(pilot, "Rollback", "v6 → v4", "Promotion", "v4 → v6", seconds=WITHIN)
        await pilot.press("1", "R")
        await until(pilot, "✗ v6", "known bad", seconds=WITHIN)
        await pilot.press("escape", "z")
        await until(
            pilot, "Undo · production · progression v4 → v6", "! version 6 is not known to", seconds=WITHIN
        )


async def test_fault_62_what_changed_meanwhile_is_refused_and_nothing_is_lost(project: Path) -> None:
    async with real(project) as pilot:
        await pilot.press("P")
        await until(pilot, "▌  v6", seconds=WITHIN)
        await pilot.press("enter", *"better")
        await until(pilot, "hold", "type production", seconds=WITHIN)
        change(project, "update registered_model_aliases set version = 5 where alias = 'production'")
        await pilot.press("enter")
        await until(pilot, "type production, then enter", seconds=WITHIN)
        await pilot.press(*"production", "enter")
        shown = await until(pilot, "⊘ refused", seconds=WITHIN)
        assert "nothing was changed" in shown
        assert alias(project) == "5"


async def test_read_only_greys_the_keys(project: Path) -> None:
    async with real(project, read_only=True) as pilot:
        await pilot.press("R")
        await until_said(pilot, "roll back: mlops-dash was started with --read-only")
        assert "Roll back production" not in text(pilot)
