"""Ways out of Runs: a file that is never overwritten silently, and a report."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from mlops_dash.ui.screens import runs_writing
from ui.answers import HandBoard
from ui.driving import LARGE, dashboard, press, said, settle
from ui.hand_runs import run_id_of
from ui.test_runs import runs_of, type_text


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder of this test's own."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


async def export(pilot: Any, name: str) -> None:
    await press(pilot, "ctrl+s", "ctrl+u")
    await type_text(pilot, name)
    await press(pilot, "enter")


async def test_what_the_filter_leaves_is_written_in_order_and_it_says_where(here: Path) -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "fit-1")
        await press(pilot, "enter", "ctrl+s", "enter")
        rows = list(csv.reader((here / "runs.csv").open(encoding="utf-8")))
        assert len(rows) == 12
        assert rows[1][0] == run_id_of(1)
        assert "metrics.rmse" in rows[0]
        assert any(message == f"Wrote 11 runs to {here / 'runs.csv'}" for message in said(pilot))


async def test_the_name_says_in_which_format(here: Path) -> None:
    async with dashboard() as pilot:
        await press(pilot, "2")
        await export(pilot, "all.json")
        assert len(json.loads((here / "all.json").read_text())["runs"]) == 40
        await export(pilot, "all.doc")
        assert any("all.doc does not say what to write" in message for message in said(pilot))
        assert [path.name for path in here.iterdir()] == ["all.json"]


async def test_a_file_that_is_there_is_replaced_only_after_yes(here: Path) -> None:
    (here / "runs.csv").write_text("mine")
    async with dashboard() as pilot:
        await press(pilot, "2", "ctrl+s", "enter", "enter")
        assert (here / "runs.csv").read_text() == "mine"
        assert "nothing was written" in said(pilot)
        await press(pilot, "ctrl+s", "enter", "escape")
        assert (here / "runs.csv").read_text() == "mine"
        await press(pilot, "ctrl+s", "enter")
        await type_text(pilot, "yes")
        await press(pilot, "enter")
        assert (here / "runs.csv").read_text() != "mine"


async def test_what_cannot_be_written_says_why(here: Path) -> None:
    async with dashboard() as pilot:
        await press(pilot, "2")
        await export(pilot, "no/such/folder/runs.csv")
        assert any("The export was not written" in message for message in said(pilot))
        assert list(here.iterdir()) == []


async def test_a_report_needs_two_runs() -> None:
    board = HandBoard()
    board.answer = type(board.answer)(board.answer.as_of, board.answer.sources, ())
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "2", "o")
        assert said(pilot) == ["open: mark two runs with space"]


async def test_a_report_of_the_marked_runs_is_written_and_opened(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_writing, "report_folder", lambda: here)
    opened: list[str] = []
    async with dashboard(size=LARGE) as pilot:
        pilot.app.open_url = lambda url, *, new_tab=True: opened.append(url)  # type: ignore[method-assign]
        await press(pilot, "2", "space", "down", "space", "o")
        await settle(pilot)
        assert runs_of(pilot).compared() == (f"run:{run_id_of(0)}", f"run:{run_id_of(1)}")
        (path,) = here.iterdir()
        assert opened == [path.as_uri()]
        assert "<html" in path.read_text(encoding="utf-8")[:200]
