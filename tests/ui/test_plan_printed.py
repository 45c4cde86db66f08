"""What a rebuild's command prints, beneath the steps of the plan while it runs and where it failed."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from mlops_dash.domain.plans import Action, ActionKind, Event, EventKind, Outcome, Plan, Step, Verification
from mlops_dash.ui.screens.plan import PlanScreen
from mlops_dash.ui.theme import DARK, LIGHT
from ui.answers import HandBoard
from ui.driving import LARGE, SMALL, dashboard, lines, press, said, text, until, until_said
from ui.hand_actions import action, at, plan

SIZES = pytest.mark.parametrize(
    ("size", "room"), [(SMALL, 4), (LARGE, 15), ((160, 24), 4), ((90, 45), 12)], ids=str
)
TITLE = "─ What the command printed"
STEPS = tuple(
    Step(kind, kind, title, "", "")
    for kind, title in (
        ("checkout", "check out 7d85baf in a worktree of its own"),
        ("data", "restore data/diabetes.csv, each checked by its hash"),
        ("packages", "build an environment of 152 packages with uv, unless it is there"),
        ("train", "run the command on this machine: python train.py --model boosting --rate 0.08"),
        ("judge", "compare metrics, artifacts and predictions with the original's"),
        ("sweep", "take the worktree away"),
    )
)
TRAIN = next(place for place, step in enumerate(STEPS) if step.kind == "train")
EPOCHS = tuple(f"epoch {number} of 400" for number in range(1, 61))


def rebuild() -> Plan:
    return plan(
        ActionKind.REBUILD, steps=STEPS, before=None, protected=False, verification=Verification(asks=False)
    )


def at_step(place: int, *more: Event, outcome: Outcome | None = None) -> Action:
    """A rebuild whose steps before ``place`` are done, and that step under way."""
    told = [Event(at(0), EventKind.INTENT, None, "rebuild")]
    for step in STEPS[:place]:
        told += [Event(at(1), EventKind.SENT, step.id), Event(at(1), EventKind.ACCEPTED, step.id)]
    told.append(Event(at(2), EventKind.SENT, STEPS[place].id))
    return action(outcome, plan=rebuild(), events=(*told, *more), running=outcome is None)


FAILED = (
    Event(at(3), EventKind.NOTE, "train", "the command failed: it exited with 1"),
    Event(at(3), EventKind.UNDOING, "checkout", "the worktree is taken away"),
    Event(at(3), EventKind.UNDONE, "checkout", "the worktree is taken away"),
    Event(at(3), EventKind.OUTCOME, None, "the command failed", {"remedy": "its log is /tmp/output.log"}),
)


def training(*printed: str) -> HandBoard:
    """A board whose rebuild is training as soon as it has begun."""
    board = HandBoard()
    board.planned, board.becomes, board.printed = rebuild(), at_step(TRAIN), printed
    return board


def become(board: HandBoard, made: Action) -> None:
    """The rebuild has come to something else."""
    board.done[made.plan.id] = made


def screen(pilot: Pilot[None]) -> PlanScreen:
    assert isinstance(pilot.app.screen, PlanScreen)
    return pilot.app.screen


async def begin(pilot: Pilot[None]) -> None:
    await press(pilot, "B", "enter")
    await until(pilot, "under way")


def printed(pilot: Pilot[None]) -> list[str]:
    """The lines under the title of what was printed."""
    shown = lines(pilot)
    top = next(place for place, line in enumerate(shown) if line.startswith(TITLE))
    return [line.strip(" ▁▂▃▄▅▆▇█") for line in shown[top + 1 : -1]]


@SIZES
@pytest.mark.parametrize("theme", [DARK, LIGHT])
async def test_its_last_lines_stand_beneath_the_steps(size: tuple[int, int], room: int, theme: str) -> None:
    async with dashboard(training(*EPOCHS), size, theme=theme) as pilot:
        await begin(pilot)
        shown = await until(pilot, TITLE, EPOCHS[-1])
        last = printed(pilot)
        assert len(last) >= room
        assert tuple(last) == EPOCHS[-len(last) :]
        assert shown.index("◌ under way") < shown.index("✓ 1 check out") < shown.index(TITLE)
        assert {len(line) for line in lines(pilot)} == {size[0]}
        assert {role for fact in screen(pilot).printed_view.facts for _, role in fact.value} == {"dim"}


@SIZES
async def test_where_it_failed_the_reason_stays_and_is_read_no_more(size: tuple[int, int], room: int) -> None:
    board = training(*EPOCHS)
    async with dashboard(board, size) as pilot:
        await begin(pilot)
        await until(pilot, EPOCHS[-1])
        board.printed = (*EPOCHS, "ValueError: no rows")
        become(board, at_step(TRAIN, *FAILED, outcome=Outcome.FAILED))
        await until(pilot, "✗ failed", "its log is", "ValueError: no rows")
        last = printed(pilot)
        assert len(last) >= room
        assert tuple(last) == (*EPOCHS, "ValueError: no rows")[-len(last) :]
        while not screen(pilot).printed._complete:
            await pilot.pause(0.01)
        asked = len(board.asked_output)
        screen(pilot)._look()
        assert len(board.asked_output) == asked


async def test_it_is_followed_and_goes_when_the_command_has_done_its_work() -> None:
    board = training("epoch 1")
    async with dashboard(board) as pilot:
        await begin(pilot)
        await until(pilot, "epoch 1")
        board.printed = ("epoch 1", "epoch 2")
        await until(pilot, f"{TITLE} · 2", "epoch 2")
        become(board, at_step(TRAIN + 1))
        shown = await until(pilot, "─ Log")
        assert TITLE not in shown


async def test_while_nothing_is_printed_the_log_stands_there() -> None:
    board = training()
    async with dashboard(board) as pilot:
        await begin(pilot)
        while not board.asked_output:
            await pilot.pause(0.01)
        assert "─ Log" in text(pilot)
        assert TITLE not in text(pilot)


async def test_the_lines_before_are_reached_and_copied_while_more_come() -> None:
    board = training(*EPOCHS)
    async with dashboard(board) as pilot:
        await begin(pilot)
        await until(pilot, EPOCHS[-1])
        await press(pilot, "tab", "home")
        assert printed(pilot)[0] == "▌epoch 1 of 400"
        board.printed = (*EPOCHS, "epoch 61 of 400")
        await until(pilot, f"{TITLE} · 61")
        assert printed(pilot)[0] == "▌epoch 1 of 400"
        await press(pilot, "y")
        assert pilot.app.clipboard == "epoch 1 of 400"


@pytest.mark.parametrize("size", [SMALL, LARGE, (40, 10), (20, 5), (300, 100)], ids=str)
async def test_a_long_and_hostile_line_is_cut_and_made_visible(size: tuple[int, int]) -> None:
    evil = "\x1b]52;c;AAAA\x07[b]\u202e" + "表" * 3000 + "\x9b2J\ttail"
    async with dashboard(training(evil, evil, "end"), size) as pilot:
        await begin(pilot)
        while not screen(pilot).has_class("-printing"):
            await pilot.pause(0.01)
        await pilot.pause()
        assert {cell_len(line) for line in lines(pilot)} == {size[0]}
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text(pilot))
        if size in (SMALL, LARGE):
            cut = printed(pilot)
            assert cut[0].startswith("␛]52;c;AAAA␇[b]‹202E›表")
            assert cut[2] == "end"
            assert cut[0] == cut[1]
            assert cut[0].endswith("…")


async def test_a_log_that_does_not_answer_holds_nothing_up() -> None:
    board = training(*EPOCHS)
    board.output_gate.clear()
    try:
        async with dashboard(board) as pilot:
            await begin(pilot)
            while not board.asked_output:
                await pilot.pause(0.01)
            become(board, at_step(TRAIN, *FAILED, outcome=Outcome.FAILED))
            await until(pilot, "✗ failed")
            await pilot.press("escape")
            await until(pilot, "ENVIRONMENT")
            assert len(board.asked_output) == 1
    finally:
        board.output_gate.set()


async def test_who_has_left_asks_no_more() -> None:
    board = training(*EPOCHS)
    async with dashboard(board) as pilot:
        await begin(pilot)
        await until(pilot, EPOCHS[-1])
        await press(pilot, "escape")
        assert "It goes on: Jobs shows how, and you are told how it ends" in said(pilot)
        asked = len(board.asked_output)
        become(board, at_step(TRAIN, *FAILED, outcome=Outcome.FAILED))
        await until_said(pilot, "failed: the command failed")
        assert len(board.asked_output) == asked


async def test_only_so_many_lines_are_asked_for_and_only_of_a_rebuild_that_runs_its_command() -> None:
    board = training(*(f"line {number}" for number in range(5000)))
    board.becomes = at_step(TRAIN - 1)
    async with dashboard(board) as pilot:
        await begin(pilot)
        screen(pilot)._look()
        assert board.asked_output == []
        become(board, at_step(TRAIN))
        await until(pilot, f"{TITLE} · the last 100", "line 4999")
        assert set(board.asked_output) == {(rebuild().id, 100)}
