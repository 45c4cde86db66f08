"""Jobs: actions under way and done, their logs, live; and the keys that act."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from mlops_dash.domain.plans import ActionKind, Event, EventKind, Outcome
from mlops_dash.errors import StoreError
from mlops_dash.ui.widgets.bars import KeyBar
from replacing import replace
from ui.answers import HandBoard
from ui.driving import LARGE, SMALL, dashboard, line_with, lines, press, said, text, until, until_said
from ui.hand_actions import action, at, events, plan

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
STATES = (
    ("1", Outcome.VERIFIED, False, "● verified"),
    ("2", Outcome.FAILED, False, "✗ failed"),
    ("3", Outcome.REFUSED, False, "⊘ refused"),
    ("4", Outcome.UNKNOWN, False, "? unknown"),
    ("5", None, False, "◐ interrupted"),
    ("6", None, True, "◌ under way"),
)


def with_actions() -> HandBoard:
    """A board with one action of every state."""
    board = HandBoard()
    for version, outcome, running, _ in STATES:
        made = plan(after=version, reason=f"reason {version}")
        board.done[made.id] = action(outcome, running=running, plan=made)
    return board


async def test_without_actions_it_says_what_stands_here() -> None:
    async with dashboard() as pilot:
        await press(pilot, "6")
        assert "Nothing was done yet" in text(pilot)
        assert "R rolls it back, P promotes to it" in text(pilot)


@SIZES
async def test_every_state_has_a_glyph_and_a_word_the_newest_first(size: tuple[int, int]) -> None:
    async with dashboard(with_actions(), size) as pilot:
        await press(pilot, "6")
        rows = [line for line in lines(pilot) if "v6 → v" in line and "─" not in line]
        for row, (version, _, _, state) in zip(rows, reversed(STATES), strict=True):
            assert state in row
            assert f"v6 → v{version}" in row


@SIZES
async def test_the_log_tells_events_in_words_and_follows_live(size: tuple[int, int]) -> None:
    board = HandBoard()
    made = plan(reason="why")
    board.done[made.id] = action(None, plan=made)
    async with dashboard(board, size) as pilot:
        await press(pilot, "6")
        assert re.search(r"07:59:51\.2 accepted process version 4 has the address", text(pilot))
        board.done[made.id] = action(plan=made)
        await until(pilot, "● verified", "production serves version 4, healthy")
        assert "07:59:52.0 recorded run 1f2e in the experiment mlops-dash" in text(pilot)


async def test_the_log_is_searched_and_copied() -> None:
    async with dashboard(with_actions(), LARGE) as pilot:
        await press(pilot, "6", "end", "tab", "tab", "slash", *"accepted", "enter")
        assert "2 of 9, “accepted”" in text(pilot)
        assert "proved itself" not in text(pilot)
        await press(pilot, "y")
        assert pilot.app.clipboard == (
            "2026-11-23T07:59:51.300000+00:00 accepted alias the alias production names 4"
        )
        await press(pilot, "escape")
        assert "proved itself" in text(pilot)


async def test_the_list_is_narrowed() -> None:
    async with dashboard(with_actions(), LARGE) as pilot:
        await press(pilot, "6", "slash", *"failed", "enter")
        assert "✗ failed" in text(pilot)
        assert "interrupted" not in text(pilot)
        await press(pilot, "slash", *"nothing", "enter")
        assert "nothing matches" in text(pilot)
        await press(pilot, "escape")
        assert "interrupted" in text(pilot)


@pytest.mark.parametrize(
    ("verdict", "advice"), [("diverged", "rebuild --repeat 3"), ("failed", "the log tells what failed")]
)
@SIZES
async def test_what_to_do_after_a_rebuild(verdict: str, advice: str, size: tuple[int, int]) -> None:
    ended = Event(at(3), EventKind.OUTCOME, None, f"{verdict}: rmse", {"proof": {"verdict": verdict}})
    made = plan(ActionKind.REBUILD)
    board = HandBoard()
    board.done[made.id] = action(Outcome.FAILED, plan=made, events=(*events(None), ended))
    async with dashboard(board, size) as pilot:
        await press(pilot, "6")
        assert f"✗ {verdict}" in text(pilot)
        assert advice in line_with(pilot, "do now")


async def test_journals_that_cannot_be_read_are_told() -> None:
    board = HandBoard()

    def actions() -> Sequence[object]:
        raise StoreError("the journal 0123 cannot be read: Input/output error")

    board.actions = actions  # type: ignore[method-assign,assignment]
    async with dashboard(board) as pilot:
        await press(pilot, "6")
        assert "Input/output error" in text(pilot)


async def test_what_was_interrupted_is_gone_on_with_at_the_start_and_that_is_said() -> None:
    board = HandBoard()
    made = plan(reason="why")
    board.done[made.id] = action(None, running=False, plan=made)
    board.resumed = (made.id,)
    async with dashboard(board, LARGE) as pilot:
        await until_said(pilot, "Rollback of production v6 → v4 was interrupted; it is gone on with")
        board.done[made.id] = action(plan=made)
        await until_said(pilot, "verified: production serves version 4, healthy")


async def test_z_is_about_the_selected_action() -> None:
    board = with_actions()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "6", "z")
        assert said(pilot)[-1] == "undo: it is still under way"
        await press(pilot, "down", "z")
        assert said(pilot)[-1] == "undo: it was interrupted; it is gone on with first"
        await press(pilot, "end", "z")
        assert board.asked_plans == [("undo", "production", "20261123T075950Z-00000001")]


# -- keys -------------------------------------------------------------------------------------------------


async def test_read_only_disables_the_acting_keys_with_the_reason() -> None:
    board = HandBoard()
    board.read_only = True
    async with dashboard(board) as pilot:
        bar = pilot.app.screen.query_one(KeyBar)
        assert {hint.command: hint.able for hint in bar.hints}.items() >= {
            ("rollback", False), ("promote", False), ("undo", False), ("open", True)
        }  # fmt: skip
        await press(pilot, "R", "P", "z")
        assert said(pilot) == [
            f"{name}: mlops-dash was started with --read-only" for name in ("roll back", "promote", "undo")
        ]


async def test_a_place_that_cannot_be_acted_on_says_why_and_attention_names_no_key_for_it() -> None:
    board = HandBoard()
    board.reasons = dict.fromkeys(
        ((kind, "canary") for kind in ActionKind), "the store is of another schema: only read"
    )
    async with dashboard(board, LARGE) as pilot:
        assert line_with(pilot, "v6 in staging beats production")[:70].rstrip().endswith(" P")
        assert line_with(pilot, "canary serves v5, alias")[:70].rstrip().endswith(" enter")
        await press(pilot, "down", "down", "R")
        assert said(pilot) == ["roll back: the store is of another schema: only read"]


async def test_where_nothing_is_selected_that_one_can_act_on_r_says_so() -> None:
    board = HandBoard()
    board.rows = [replace(row, versions=()) for row in board.rows]
    async with dashboard(board) as pilot:
        await press(pilot, "2", "R")
        told = "roll back: select an environment, a version or a run of a registered version"
        assert said(pilot)[-1] == told


async def test_a_run_of_a_registered_version_can_be_promoted() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2")
        table = pilot.app.screen.table  # type: ignore[attr-defined]
        for _ in range(40):
            if table.selected is not None and table.selected.versions:
                break
            await press(pilot, "down")
        await press(pilot, "P")
        await until(pilot, "where?")
