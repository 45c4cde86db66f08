"""Trace: both directions, going on and back, references typed, errors told."""

from __future__ import annotations

import re

import pytest

from mlops_dash.ui.dashboard import Dashboard
from replacing import replace
from ui.answers import HandBoard, lineage, live, row
from ui.driving import LARGE, SMALL, dashboard, line_with, press, said, settle, text

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])


@SIZES
async def test_enter_follows_the_selected_environment_down_to_commit_and_data(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, "enter")
        shown = text(pilot)
        assert "Lineage of production · live in production" in shown
        order = [
            "came from",
            "◆ progression v4",
            "▷ fit-17",
            "● a1b2c3d Scale features",
            "▤ diabetes.csv 8d1e92f1",
        ]
        places = [shown.index(words) for words in order]
        assert places == sorted(places)
        assert re.search(r"└─ ◆ progression v4 +serves", shown)
        assert "trained on" in line_with(pilot, "▤ diabetes.csv")


@SIZES
async def test_a_version_leads_to_environments_too(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, "enter", "down", "enter")
        shown = text(pilot)
        assert "Lineage of progression v4" in shown
        assert shown.index("came from") < shown.index("led to")
        assert "serves it" in line_with(pilot, "◉ production")
        assert "declares it" in line_with(pilot, "◉ canary")


async def test_the_facts_are_those_of_the_selected_node() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "enter", "down", "down")
        assert "run:5c8a7e2101f34b6c9d" in text(pilot)
        await press(pilot, "down")
        assert "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678" in text(pilot)


async def test_esc_goes_back_through_what_was_followed_and_then_to_live() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "enter", "down", "enter", "end", "enter")
        assert board.traced[-1] != board.traced[0]
        await press(pilot, "escape")
        await press(pilot, "backspace")
        assert board.traced[-1] == board.traced[0]
        await press(pilot, "escape")
        assert pilot.app.current_mode == "live"
        assert "production · progression v4" in text(pilot)


async def test_a_typed_reference_is_followed() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "t", *"production", "enter")
        assert list(dict.fromkeys(board.traced)) == ["production"]
        assert "Lineage of production" in text(pilot)


async def test_an_unknown_reference_tells_what_the_project_says() -> None:
    async with dashboard() as pilot:
        await press(pilot, "t", *"nowhere", "enter")
        assert "there is no 'nowhere' here" in text(pilot)
        assert "did you mean production?" in text(pilot)
        await press(pilot, "escape")
        assert "production · progression v4" in text(pilot)


async def test_trace_without_anything_followed_says_how_to_begin() -> None:
    async with dashboard(HandBoard(live([]))) as pilot:
        await press(pilot, "4")
        assert "Nothing is followed yet" in text(pilot)


async def test_a_fact_of_the_details_is_followed_by_enter() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "tab", "tab", *["down"] * 5, "enter")
        assert list(dict.fromkeys(board.traced)) == ["commit:a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"]


async def test_the_filter_narrows_the_lineage() -> None:
    async with dashboard() as pilot:
        await press(pilot, "enter", "slash", *"dataset", "enter")
        assert "▷ fit-17" not in text(pilot)
        assert "▤ diabetes.csv" in text(pilot)


async def test_y_copies_the_reference_of_a_node_and_says_so() -> None:
    async with dashboard() as pilot:
        await press(pilot, "enter", "down", "y")
        assert pilot.app.clipboard == "models:/progression/4"
        assert "Copied reference: models:/progression/4" in said(pilot)


async def test_the_cursor_stays_on_its_node_when_the_lineage_is_read_again() -> None:
    async with dashboard() as pilot:
        await press(pilot, "enter", "down", "down", "r")
        assert pilot.app.screen.lineage.selected_key == "run:5c8a7e2101f34b6c9d"  # type: ignore[attr-defined]


async def test_an_answer_to_an_older_question_is_dropped() -> None:
    async with dashboard() as pilot:
        app = pilot.app
        assert isinstance(app, Dashboard)
        assert app.reader is not None
        from mlops_dash.ui.messages import LiveAnswered

        old = app.reader.ask_live()
        app.reader.ask_live()
        await settle(pilot)
        app.post_message(LiveAnswered(old, live([row("ancient")])))
        await settle(pilot)
        assert "ancient" not in text(pilot)


async def test_a_double_click_follows_and_the_wheel_scrolls() -> None:
    board = HandBoard(live([row(f"env-{number:02}") for number in range(40)]))
    async with dashboard(board) as pilot:
        await pilot.click("#environments", offset=(5, 3))
        await settle(pilot)
        assert "env-02 · progression v4" in text(pilot)
        await pilot.click("#environments", offset=(5, 2), times=2)
        await settle(pilot)
        assert list(dict.fromkeys(board.traced)) == ["env:env-01/progression"]


async def test_more_nodes_than_are_shown_are_counted() -> None:
    board = HandBoard()
    board.trace = lambda ref: replace(lineage(), ref=ref, omitted={"run": 1200})  # type: ignore[method-assign]
    async with dashboard(board) as pilot:
        await press(pilot, "enter")
        await press(pilot, "f")
        assert "and 1,200 runs more" in text(pilot)


async def test_the_facts_of_a_node_are_words_and_whole() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "enter", "down", "down")
        assert "rmse 53.91" in line_with(pilot, "▷ fit-17", "rmse")
        assert re.search(r"metrics +rmse +53\.91", text(pilot))
        await press(pilot, "down")
        assert "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678" in line_with(pilot, " commit ", "345678")
        assert "4 commits behind main" in line_with(pilot, "place")
