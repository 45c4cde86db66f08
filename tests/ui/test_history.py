"""History: every change with who, when, why and how it is known; what was live at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlops_dash.errors import StoreError
from ui.answers import NOW, HandBoard, live
from ui.driving import LARGE, SMALL, dashboard, line_with, lines, press, said, text
from ui.hand_history import CHANGES, change
from ui.test_hostile import FORBIDDEN, HOSTILE

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])


@SIZES
async def test_every_change_tells_what_who_and_when_the_newest_first(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, "5")
        rows = [line for line in lines(pilot) if "→" in line and "─" not in line]
        assert "v6 → v4" in rows[0]
        assert "● rollback" in rows[0]
        assert "ada" in rows[0]
        assert "✗ promote failed" in rows[1]
        assert "unknown" in line_with(pilot, "◌ declared")
        assert "◌ first seen" in line_with(pilot, "canary", "v5")
        assert "7 changes" in text(pilot)


async def test_on_a_wide_screen_intervals_reasons_and_evidence_are_told() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "5")
        assert "2026-11-22 06:00 … 08:00" in line_with(pilot, "◌ declared")
        assert "Errors doubled at noon" in line_with(pilot, "rollback")
        for words in ("audit record", "GTO tag", "commit", "stage", "seen"):
            assert words in text(pilot)


@SIZES
async def test_the_selected_change_tells_its_evidence(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, "5", "tab", "f")
        shown = text(pilot)
        for words in (
            "production · progression v6 → v4", "verified", "took", "4.2 s", "ada on build-7",
            "Errors doubled at noon", "seen healthy", "the audit record in the tracking store",
            "looks of this machine", "20261123T045958Z-1f2e3d4c", "5c8a7e2101f34b6c9d",
        ):  # fmt: skip
            assert words in shown
        await press(pilot, "f", "escape", "down", "down")
        assert "between two" in text(pilot)


async def test_what_was_live_at_a_time_is_asked_and_answered() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "5", "w", *"3 days ago", "enter")
        assert NOW - timedelta(days=3) in board.moments
        assert "Live at" in text(pilot)
        assert "● observed" in line_with(pilot, "production", "v6")
        assert "v5 or v6" in line_with(pilot, "staging")
        assert "? unknown" in line_with(pilot, "canary")
        assert "since 2026-11-14 08:00:00Z: promote by ci" in text(pilot)
        await press(pilot, "down", "down")
        assert "evidence begins at noon" in text(pilot)
        await press(pilot, "escape")
        assert "v6 → v4" in text(pilot)
        await press(pilot, "escape")
        assert pilot.app.current_mode == "live"


async def test_a_time_that_is_none_is_said_and_the_prompt_stays() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "5", "w", *"tomorow", "enter")
        assert "no time that can be understood" in said(pilot)[-1]
        assert "tomorow" in lines(pilot)[-1]
        await press(pilot, *["backspace"] * 7, *"2026-11-20T08:00Z", "enter")
        assert datetime(2026, 11, 20, 8, tzinfo=UTC) in board.moments


async def test_a_time_to_come_is_refused() -> None:
    async with dashboard() as pilot:
        await press(pilot, "5", "w", *"2027-01-01", "enter")
        assert "still to come" in said(pilot)[-1]


async def test_the_filter_narrows_by_environment_person_and_reason() -> None:
    async with dashboard() as pilot:
        await press(pilot, "5", "slash", *"bo chen", "enter")
        assert "v6 → v4" not in text(pilot)
        assert "of 7" in text(pilot)
        await press(pilot, "escape", "slash", *"noon", "enter")
        assert "v6 → v4" in text(pilot)
        assert "canary" not in text(pilot)
        await press(pilot, "escape", "slash", *"nobody-at-all", "enter")
        assert "nothing matches" in text(pilot)
        await press(pilot, "escape")
        assert "7 changes" in text(pilot)


async def test_enter_follows_the_version_and_y_copies_the_change() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "5", "y")
        assert "production v6 → v4 by ada" in pilot.app.clipboard
        await press(pilot, "enter")
        assert board.traced[-1] == "models:/progression/4"


async def test_the_commit_of_a_change_can_be_followed() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "5", *["down"] * 4, "tab", "end", "enter")
        assert board.traced[-1] == f"commit:{'b2' * 20}"


async def test_acting_keys_are_about_the_environment_of_the_change() -> None:
    async with dashboard() as pilot:
        await press(pilot, "5", "down", "down")
        assert pilot.app.screen.aimed() == ("staging", "progression", None)  # type: ignore[attr-defined]
        await press(pilot, "R")
        assert "Roll back staging" in text(pilot)
        await press(pilot, "escape", "P")
        assert "Promote to staging" in text(pilot)


async def test_without_changes_it_says_what_would_stand_here() -> None:
    board = HandBoard(live([]))
    board.told, board.unseen = (), "changes that nobody records are not noticed: /state cannot be written"
    async with dashboard(board) as pilot:
        await press(pilot, "5")
        assert "No change of what is live is known yet" in text(pilot)
        assert "are not noticed" in text(pilot)
        await press(pilot, "slash")
        assert said(pilot) == ["filter: there is nothing to narrow"]


async def test_that_nothing_is_seen_is_said_above_the_list() -> None:
    board = HandBoard()
    board.unseen = "changes that nobody records are not noticed: it cannot be written"
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "5")
        assert "changes that nobody records are not noticed" in line_with(pilot, "History · 7 changes")


async def test_a_history_that_cannot_be_told_says_why() -> None:
    board = HandBoard()
    board.told = StoreError("the cache cannot answer history_gto", "run doctor")
    async with dashboard(board) as pilot:
        await press(pilot, "5")
        assert "the cache cannot answer history_gto" in text(pilot)
        assert "run doctor" in text(pilot)
        board.told = CHANGES
        await press(pilot, "r")
        assert "v6 → v4" in text(pilot)


async def test_the_cursor_stays_on_its_change_when_a_newer_one_comes() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "5", "down")
        key = pilot.app.screen.changes.selected_key  # type: ignore[attr-defined]
        board.told = (change(action_id="newer", before="4", after="7", at=NOW), *CHANGES)
        board.changed = True
        await press(pilot, "r")
        assert "8 changes" in text(pilot)
        assert pilot.app.screen.changes.selected_key == key  # type: ignore[attr-defined]


@SIZES
async def test_hostile_names_and_reasons_reach_no_terminal(size: tuple[int, int]) -> None:
    board = HandBoard()
    nasty = "".join(HOSTILE.values())
    board.told = (
        change(environment=nasty, model=nasty, before=nasty, after=nasty, by=nasty, reason=nasty * 100),
        change(reason="x" * 10_000, action_id=nasty, audit_run=nasty, host=nasty, commit=nasty),
    )
    async with dashboard(board, size) as pilot:
        for keys in (("5",), ("down",), ("tab", "f"), ("f", "escape", "w", *"2h", "enter")):
            await press(pilot, *keys)
            assert not FORBIDDEN.search("".join(lines(pilot)))
            assert pilot.app.is_running


TINY = [(20, 5), (1, 1), (2, 1), (1, 40), (3, 3), (200, 2), (40, 10), (300, 100)]


@pytest.mark.parametrize("size", TINY, ids=[f"{width}x{height}" for width, height in TINY])
async def test_fault_74_small_and_odd_sizes(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, "5")
        assert {len(line) for line in lines(pilot)} == {size[0]}
        await press(pilot, "w", *"2h", "enter")
        assert {len(line) for line in lines(pilot)} == {size[0]}
