"""The plan screen: what to go back to, the plan, the reason, how it goes and how it ended."""

from __future__ import annotations

import re

import pytest
from textual.pilot import Pilot

from mlops_dash.domain.freshness import Freshness
from mlops_dash.domain.plans import Outcome, Precondition, Tick, Verification
from mlops_dash.errors import OutcomeUnknownError, RefusedError, UsageError
from mlops_dash.ui.dashboard import Dashboard
from mlops_dash.ui.screens.plan import PlanScreen
from mlops_dash.ui.screens.plan_stages import Stage
from mlops_dash.ui.theme import DARK, LIGHT
from replacing import replace
from ui.answers import HandBoard
from ui.driving import LARGE, SMALL, dashboard, line_with, lines, press, said, text, until, until_said
from ui.hand_actions import BREAKING, CONDITIONS, action, candidate, candidates, difference, plan

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
STAGING = ("down",)  # from production, which is protected


def screen(pilot: Pilot[None]) -> PlanScreen:
    assert isinstance(pilot.app.screen, PlanScreen)
    return pilot.app.screen


async def carry_out(pilot: Pilot[None], *keys: str, reason: str = "why") -> None:
    """Press keys, then type a reason and enter."""
    if keys:
        await press(pilot, *keys)
    await pilot.press(*("space" if letter == " " else letter for letter in reason), "enter")
    await pilot.pause()


# -- versions ---------------------------------------------------------------------------------------------


@SIZES
async def test_the_list_shows_every_version_with_what_is_known_of_it(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, "R")
        proposed = line_with(pilot, "▸ v4")
        assert re.search(r"▌▸ v4 +53\.91 +▼ \+2\.1 % +6 d +3 d +16 d +4d1e92f +41b2c3d +proposed", proposed)
        assert re.search(r"✗ v5 .*known bad: rolled b", line_with(pilot, "v5"))
        assert "live now" in line_with(pilot, "● v6")
        assert "from 14 Nov 2026 07:59 until 20 Nov 2026 07:59, 3 d ago" in text(pilot)
        await press(pilot, "down")
        assert "rolled back from on 20 Nov: latency of 4 s" in line_with(pilot, "known bad  ")


async def test_without_a_version_to_propose_that_is_said_and_any_can_be_chosen() -> None:
    board = HandBoard()
    board.versions_of = [replace(row, proposed=False) for row in candidates()]
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "R")
        assert "none is known to have been live and healthy here before" in text(pilot)
        await press(pilot, "slash", *"41b2", "enter", "enter")
        assert board.asked_plans == [("rollback", "production", "4")]


async def test_the_live_version_is_not_planned_for() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "R", "end", "enter")
        assert said(pilot) == ["v6 is live in production already"]
        assert board.asked_plans == []


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ([], "no version is known"),
        ([candidate("6", 52.8, current=True)], "there is no other version"),
        (
            UsageError("there is no environment 'prod'", "did you mean production?"),
            "did you mean production?",
        ),
    ],
    ids=["none", "only-the-live-one", "unknown"],
)
async def test_with_nothing_to_go_to_that_is_said(versions: object, words: str) -> None:
    board = HandBoard()
    board.versions_of = versions  # type: ignore[assignment]
    async with dashboard(board) as pilot:
        await press(pilot, "R")
        assert words in text(pilot)
        await press(pilot, "escape")
        assert pilot.app.current_mode == "live"


async def test_p_offers_what_is_live_elsewhere_first_and_a_chosen_version_is_under_the_cursor() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "P")
        assert lines(pilot)[4].startswith("▌")
        assert "live in canary" in lines(pilot)[4]
        await press(pilot, "escape", "v", "down", "down", "down", "P")
        assert "▌  v3" in text(pilot)


async def test_a_version_without_an_environment_asks_where() -> None:
    async with dashboard() as pilot:
        await press(pilot, "enter", "down")
        assert pilot.app.screen.selected_ref() == "models:/progression/4"  # type: ignore[attr-defined]
        await press(pilot, "P")
        assert "Promote progression v4 where?" in text(pilot)
        assert "production" not in text(pilot).partition("where?")[2].partition("esc")[0]  # it is live there
        await press(pilot, "enter")
        assert "Promote to staging" in text(pilot)
        assert "▌  v4" in text(pilot)


# -- the plan ---------------------------------------------------------------------------------------------


@SIZES
@pytest.mark.parametrize("theme", [DARK, LIGHT])
async def test_the_plan_tells_what_changes_what_must_hold_what_is_done_and_how_it_is_undone(
    size: tuple[int, int], theme: str
) -> None:
    async with dashboard(size=size, theme=theme) as pilot:
        await press(pilot, "R", "enter")
        told = text(pilot)
        if size == SMALL:
            assert "type production" in told
            assert "all 6 hold" in told
            for _ in range(4):
                await press(pilot, "pagedown")
                told += text(pilot)
        assert {len(line) for line in lines(pilot)} == {size[0]}
        for words in (
            "production · progression v6 → v4",
            "rmse 52.80 → 53.91  ▼ +2.1 % worse",
            "alpha 0.05 → 0.1",
            "2 commits taken away, 1 file differs",
            "− 61b2c3d Tune trees · Bo Chen",
            "diabetes.csv 77aa01b → 8d1e92f",
            "scikit-learn 1.7.2 → 1.7.1",
            "the same: callers go on as before",
            "✓ production still serves version 6",
            "1 hand the server of production from version 6 to version 4",
            'set_registered_model_alias("progression", "production", "4")',
            "! best effort: MLflow has no compare-and-swap",
            'set_registered_model_alias("progression", "production", "6")',
            "version 6 takes the address back",
            "production is asked until v4 answers",
        ):
            assert words in told, words


async def test_preconditions_are_ticked_one_by_one() -> None:
    board = HandBoard()
    board.check_gate.clear()
    async with dashboard(board, LARGE) as pilot:
        await pilot.press("R")
        await until(pilot, "proposed")
        await pilot.press("enter")
        assert "○ you may change" in await until(pilot, "0 of 6 looked at")
        board.check_gate.set()
        await until(pilot, "all 6 hold")
        assert text(pilot).count("✓") >= len(CONDITIONS)


async def test_a_signature_that_breaks_callers_is_shouted() -> None:
    board = HandBoard()
    board.differs = difference(signature=BREAKING)
    async with dashboard(board) as pilot:
        await press(pilot, "R", "enter")
        assert "BREAKS CALLERS: 1 change of the signature" in lines(pilot)[2]
        assert "inputs.age: none → long · new and required" in lines(pilot)[3]


async def test_a_warning_stands_where_it_is_seen_on_a_small_screen() -> None:
    board = HandBoard()
    board.ticks["signature"] = replace(CONDITIONS[5], tick=Tick.FAILS, detail="2 inputs are gone")
    async with dashboard(board, SMALL) as pilot:
        await press(pilot, "R", "enter")
        assert "! callers are understood as before · warning · 2 inputs are gone" in lines(pilot)[2]
        assert "5 of 6 hold · 1 warning" in lines(pilot)[-2]


async def test_what_must_hold_and_does_not_refuses_and_says_what_to_do() -> None:
    board = HandBoard()
    board.ticks["artifacts"] = replace(
        CONDITIONS[4], tick=Tick.FAILS, detail="s3://models/4 is gone", remedy="choose another"
    )
    async with dashboard(board, LARGE) as pilot:
        await carry_out(pilot, *STAGING, "R", "enter")
        await press(pilot, "enter")
        assert "refused: the artifacts of version 4 are there: s3://models/4 is gone" in text(pilot)
        assert "✗ the artifacts of version 4 are there · does not hold" in text(pilot)
        assert "— choose another" in text(pilot)
        assert board.gone == []


async def test_a_plan_that_cannot_be_made_says_why_and_goes_back_to_the_versions() -> None:
    board = HandBoard()
    board.planned = RefusedError("version 4 is not ready: the registry calls it PENDING", "wait until it is")
    async with dashboard(board) as pilot:
        await press(pilot, "R", "enter")
        assert "this cannot be done" in text(pilot)
        assert "wait until it is" in text(pilot)
        board.planned = replace(plan(), steps=())
        await press(pilot, "escape", "enter")
        assert "production is at v4 already" in text(pilot)
        await press(pilot, "escape", "escape")
        assert pilot.app.screen.kind == "live"  # type: ignore[attr-defined]


async def test_a_difference_that_cannot_be_told_does_not_hinder() -> None:
    board = HandBoard()
    board.differs = RefusedError("the artifacts do not answer")
    async with dashboard(board) as pilot:
        await press(pilot, *STAGING, "R", "enter")
        assert "the artifacts do not answer" in text(pilot)
        await carry_out(pilot)
        assert board.gone == [("20261123T075950Z-00000004", "why")]


# -- the reason -------------------------------------------------------------------------------------------


@SIZES
async def test_the_shortest_way_is_r_enter_reason_enter(size: tuple[int, int]) -> None:
    board = HandBoard()
    async with dashboard(board, size) as pilot:
        await carry_out(pilot, *STAGING, "R", "enter", reason="slow v6")
        assert board.gone == [("20261123T075950Z-00000004", "slow v6")]
        shown = await until(pilot, "verified")
        assert "production serves version 4, healthy" in shown
        assert "version 4, healthy (3 of 3)" in shown
        assert "3 times running · done" in re.sub(r"\s+", " ", shown)
        assert screen(pilot).stage is Stage.ENDED


async def test_keys_typed_ahead_of_the_answers_reach_what_they_are_meant_for() -> None:
    board = HandBoard()
    board.list_gate.clear()
    board.plan_gate.clear()
    async with dashboard(board) as pilot:
        await press(pilot, *STAGING)
        for key in ("R", "enter", *"quick", "enter"):
            await pilot.press(key)
        assert screen(pilot).stage is Stage.LOOKING
        board.list_gate.set()
        await until(pilot, "planning …", "quick")
        assert board.gone == []
        board.plan_gate.set()
        await until(pilot, "verified")
        assert board.gone == [("20261123T075950Z-00000004", "quick")]


async def test_what_was_confirmed_unseen_is_not_carried_out_with_a_warning() -> None:
    board = HandBoard()
    board.check_gate.clear()
    board.ticks["signature"] = replace(CONDITIONS[5], tick=Tick.FAILS, detail="2 inputs are gone")
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, *STAGING)
        for key in ("R", "enter", *"why", "enter"):
            await pilot.press(key)
        await until(pilot, "confirmed: it begins when all is looked at")
        board.check_gate.set()
        await until(pilot, "look first: 2 inputs are gone")
        assert board.gone == []
        await press(pilot, "enter")
        assert len(board.gone) == 1


async def test_a_protected_environment_asks_for_its_name() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await carry_out(pilot, "R", "enter")
        assert "it is protected: type production, then enter" in text(pilot)
        await press(pilot, *"prod", "enter")
        assert board.gone == []
        await press(pilot, *"uction", "enter")
        assert len(board.gone) == 1


async def test_a_reason_is_needed_and_may_not_be_endless() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, *STAGING, "R", "enter", "enter")
        assert "a reason is needed" in text(pilot)
        screen(pilot).form.reason_input.value = "x" * 10_000
        await press(pilot, "enter")
        assert "the reason is 10,000 characters long: 1,000 at most" in text(pilot)
        assert board.gone == []
        screen(pilot).form.reason_input.value = "slow\x1b]52;c;AAAA\x07 \x1b[31mnow\u202e"
        await press(pilot, "enter")
        assert board.gone == [("20261123T075950Z-00000004", "slow now")]


# -- under way, and the end -------------------------------------------------------------------------------


async def test_progress_is_followed_step_by_step() -> None:
    board = HandBoard()
    board.becomes = action(None)
    async with dashboard(board) as pilot:
        await carry_out(pilot, *STAGING, "R", "enter")
        shown = await until(pilot, "under way")
        assert "✓ 1 hand the server" in shown
        assert "◌ 2 move the alias" in shown
        board.end()
        assert "● verified" in await until(pilot, "verified")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (
            Outcome.FAILED,
            ["✗ failed", "↺ 1 hand", "undone", "close what holds mlflow.db, then roll back again"],
        ),
        (Outcome.UNKNOWN, ["? unknown", "the registry does not answer", "look at staging on Live (1)"]),
        (Outcome.REFUSED, ["⊘ refused", "dev2 moved production to 5 meanwhile", "nothing was changed"]),
    ],
)
async def test_an_outcome_that_is_not_good_says_what_to_do(outcome: Outcome, words: list[str]) -> None:
    board = HandBoard()
    board.becomes = action(outcome)
    async with dashboard(board) as pilot:
        await carry_out(pilot, *STAGING, "R", "enter")
        await until(pilot, *words)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RefusedError("dev2 is at work on it (process 41)", "wait"), ["It was not begun", "dev2 is at work"]),
        (OutcomeUnknownError("the agent does not say", "jobs tells"), ["Nobody knows yet", "jobs tells"]),
    ],
)
async def test_what_could_not_begin_says_why(error: Exception, words: list[str]) -> None:
    board = HandBoard()
    board.go_error = error
    async with dashboard(board) as pilot:
        await carry_out(pilot, *STAGING, "R", "enter")
        await until(pilot, *words)


async def test_a_plan_that_is_left_does_nothing_and_its_agent_leaves() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "R", "enter")
        await pilot.press(*"why")
        await press(pilot, "escape")
        assert "▸ v4" in text(pilot)
        await press(pilot, "down", "down", "enter")
        assert screen(pilot).form.reason == ""
        await press(pilot, "escape", "2")
        assert pilot.app.current_mode == "runs"
        await press(pilot, "1")
        assert pilot.app.screen.kind == "live"  # type: ignore[attr-defined]
        assert board.gone == []
        assert board.left == ["20261123T075950Z-00000004", "20261123T075950Z-00000003"]


async def test_what_was_left_under_way_goes_on_and_its_end_is_told() -> None:
    board = HandBoard()
    board.becomes = action(None)
    async with dashboard(board) as pilot:
        await carry_out(pilot, *STAGING, "R", "enter")
        await until(pilot, "under way")
        await pilot.press("escape")
        await pilot.pause()
        assert "It goes on: Jobs shows how, and you are told how it ends" in said(pilot)
        board.end()
        await until_said(pilot, "verified: production serves")
        assert board.left == []


async def test_leaving_the_dashboard_stops_no_action_and_says_so() -> None:
    board = HandBoard()
    board.becomes = action(None)
    board.start_gate.clear()
    async with dashboard(board) as pilot:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await press(pilot, *STAGING, "R", "enter")
        await pilot.press(*"why", "enter")
        while screen(pilot).stage is not Stage.STARTING:
            await pilot.pause(0.01)
        assert app.going_on == 1  # told to go, and not begun yet
        board.start_gate.set()
        await until(pilot, "under way")
        assert app.going_on == 1
        board.end()
        await until(pilot, "verified")
        assert app.going_on == 0


async def test_what_could_not_be_read_after_an_action_is_read_before_anything_is_offered() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        read = board.refreshed
        sound = board.statuses
        busy = [
            replace(one, status=Freshness.STALE, detail="locked by another program")
            if one.name == "tracking"
            else one
            for one in sound
        ]
        board.statuses = tuple(busy)
        await carry_out(pilot, *STAGING, "R", "enter")
        await until(pilot, "● verified")
        while board.refreshed == read:
            await pilot.pause(0.01)
        await pilot.press("escape", "R")
        await until(pilot, "reading what was changed")
        board.statuses = sound
        await until(pilot, "▌▸ v4", "proposed")


async def test_the_versions_that_are_offered_follow_what_is_live() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "R", "down")
        assert re.search(r"● v6 .*live now", text(pilot))
        chosen = re.search(r"▌\W*(v\d)", text(pilot))
        board.versions_of = [replace(row, current=row.version == "3") for row in candidates()]
        board.changed = True
        await pilot.press("r")
        assert re.search(r"● v3 .*live now", await until(pilot, "● v3"))
        still = re.search(r"▌\W*(v\d)", text(pilot))
        assert chosen is not None
        assert still is not None
        assert still[1] == chosen[1]


async def test_z_offers_to_take_the_last_action_back() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "z")
        assert said(pilot) == ["undo: nothing was done here yet that could be taken back"]
        await carry_out(pilot, *STAGING, "R", "enter")
        await until(pilot, "verified")
        assert "z undo" in lines(pilot)[-1]
        await press(pilot, "z")
        await until(pilot, "Undo · staging · progression v4 → v6")
        assert board.asked_plans[-1] == ("undo", "staging", board.gone[0][0])
        await carry_out(pilot, reason="sorry")
        assert [reason for _, reason in board.gone] == ["why", "sorry"]


async def test_hostile_names_are_shown_literally() -> None:
    board = HandBoard()
    evil = "\x1b]52;c;AAAA\x07[b]x\u202e"
    board.planned = replace(
        plan(environment=evil),
        protected=True,
        preconditions=(Precondition("rights", evil, detail=evil, remedy=evil),),
        verification=Verification(asks=False),
    )
    board.ticks["rights"] = Precondition("rights", evil, Tick.UNKNOWN, evil, evil, blocking=False)
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "R", "enter")
        assert "␛]52;c;AAAA␇[b]x" in text(pilot)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text(pilot))


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (40, 10), (300, 100)], ids=str)
async def test_fault_74_small_and_odd_sizes(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        for keys in (["R"], ["enter"], ["escape", "escape", "6"]):
            await press(pilot, *keys)
            assert {len(line) for line in lines(pilot)} == {size[0]}
