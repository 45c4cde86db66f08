"""The Runs screen: what stands there, in which order, what is marked, and what stays where it is."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Input

from mlops_dash.errors import StoreError
from mlops_dash.ui.screens.runs import RunsScreen
from replacing import replace
from ui.answers import HandBoard, live
from ui.driving import LARGE, SMALL, dashboard, line_with, lines, press, said, settle, text
from ui.hand_runs import run_id_of, run_row, run_rows


def runs_of(pilot: Any) -> RunsScreen:
    screen = pilot.app.board_screen()
    assert isinstance(screen, RunsScreen)
    return screen


def first_names(pilot: Any, count: int = 3) -> list[str]:
    at = next(place for place, line in enumerate(lines(pilot)) if " NAME" in line)
    return [line[4:].strip(" ◌✗").split()[0] for line in lines(pilot)[at + 1 : at + 1 + count]]


async def type_text(pilot: Any, typed: str) -> None:
    """Type into the field that has the focus."""
    field = pilot.app.screen.focused
    assert isinstance(field, Input)
    field.insert_text_at_cursor(typed)
    await settle(pilot)


async def test_the_newest_runs_come_first_and_the_title_says_how_many() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2")
        assert "40 runs · 1 running · newest first" in lines(pilot)[1]
        assert first_names(pilot) == ["fit-0", "fit-1", "fit-2"]


async def test_live_registered_running_and_failed_runs_are_told_without_colour() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "2")
        assert "◌ fit-0 " in text(pilot)
        assert "✗ fit-2 " in text(pilot)
        assert "◉ production ◆ v4" in line_with(pilot, "fit-5 ")


async def test_on_a_narrow_screen_glyphs_stand_for_live_and_registered() -> None:
    board = HandBoard()
    board.rows[5] = replace(board.rows[5], name="a-name-that-is-rather-long-5")
    async with dashboard(board, (60, 24)) as pilot:
        await press(pilot, "2")
        assert "◉◆" in line_with(pilot, "a-name")


async def test_the_side_panel_shows_the_selected_run_whole_with_its_curve() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "2", *["down"] * 5)
        shown = text(pilot)
        assert "█▅▂▁" in shown
        for part in ("◉ production", "◆ progression v4", "diabetes.csv", "a1b2c3d4e5f6", "team", "seed"):
            assert part in shown, part


async def test_f_shows_the_run_where_there_is_no_room_beside_the_table_and_esc_returns() -> None:
    async with dashboard(size=SMALL) as pilot:
        await press(pilot, "2", "down")
        assert "params" not in text(pilot)
        await press(pilot, "f")
        assert "params" in text(pilot)
        await press(pilot, "escape")
        assert "params" not in text(pilot)
        assert runs_of(pilot).table.has_focus


async def test_enter_goes_to_the_lineage_and_y_copies_the_id() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "2", "down", "y")
        assert pilot.app.clipboard == run_id_of(1)
        await press(pilot, "enter")
        assert board.traced[-1] == f"run:{run_id_of(1)}"
        assert pilot.app.current_mode == "trace"


# -- order -------------------------------------------------------------------------------------------------


async def test_s_sorts_by_the_chosen_column_the_better_first_and_again_reverses() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "2", "s")
        await type_text(pilot, "r2")
        await press(pilot, "enter")
        assert "sorted by r2 ↓" in text(pilot)
        assert "r2 ↓" in line_with(pilot, "NAME")
        assert first_names(pilot, 1) == ["fit-0"]
        await press(pilot, "s", "enter")
        assert "sorted by r2 ↑" in text(pilot)
        assert first_names(pilot, 1) == ["fit-17"]


async def test_brackets_move_the_sort_column_and_stop_at_the_ends() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "2", "left_square_bracket")
        assert "sorted by name ↑" in text(pilot)
        await press(pilot, "left_square_bracket")
        assert "sorted by name ↑" in text(pilot)
        await press(pilot, *["right_square_bracket"] * 3)
        assert "sorted by rmse ↑" in text(pilot)


async def test_a_click_on_a_heading_sorts_and_one_before_the_name_marks() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "2")
        heading = next(place for place, line in enumerate(lines(pilot)) if " NAME" in line)
        await pilot.click(offset=(lines(pilot)[heading].index("rmse") + 1, heading))
        await settle(pilot)
        assert "sorted by rmse ↑" in text(pilot)
        await pilot.click(offset=(2, heading + 2))
        await settle(pilot)
        assert "1 marked" in text(pilot)


async def test_the_cursor_stays_on_its_run_in_another_order_and_under_a_filter() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", *["down"] * 17, "s")
        chosen = runs_of(pilot).table.selected_key
        await type_text(pilot, "metrics.rmse")
        await press(pilot, "enter")
        assert runs_of(pilot).table.selected_key == chosen == run_id_of(17)
        await press(pilot, "slash")
        await type_text(pilot, "fit-1")
        assert runs_of(pilot).table.selected_key == chosen
        await press(pilot, "escape")
        assert runs_of(pilot).table.selected_key == chosen
        assert "▌" in line_with(pilot, "fit-17 ")


async def test_a_cursor_that_nobody_moved_stays_on_top() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "s")
        await type_text(pilot, "params.seed")
        await press(pilot, "enter")
        assert runs_of(pilot).table.cursor == 0


async def test_a_remembered_order_by_a_column_that_is_gone_gives_way_and_says_so() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "2", "s")
        await type_text(pilot, "params.seed")
        await press(pilot, "enter")
        board.columns = replace(board.columns, columns=board.columns.columns[:4], default=())
        runs_of(pilot).again()
        await settle(pilot)
        assert "newest first" in text(pilot)
        assert any("params.seed" in message for message in said(pilot))


# -- what changes meanwhile --------------------------------------------------------------------------------


async def test_new_runs_push_the_selected_one_down_and_it_stays_selected() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "2", "down", "down")
        chosen = runs_of(pilot).table.selected_key
        board.rows = [run_row(-1, name="fresh"), *board.rows]
        runs_of(pilot).again()
        await settle(pilot)
        assert runs_of(pilot).table.selected_key == chosen
        assert first_names(pilot, 1) == ["fresh"]


async def test_scrolled_down_the_same_runs_stay_in_sight_when_new_ones_come() -> None:
    board = HandBoard()
    board.rows = run_rows(500)
    async with dashboard(board) as pilot:
        await press(pilot, "2", *["pagedown"] * 3)
        before = first_names(pilot)
        board.rows = [*(run_row(-n, name=f"fresh-{n}") for n in (3, 2, 1)), *board.rows]
        runs_of(pilot).again()
        await settle(pilot)
        assert first_names(pilot) == before


async def test_running_runs_move() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "2")
        now = board.rows[0]
        board.rows[0] = replace(now, values={**now.values, "metrics.rmse": 12.3456})
        runs_of(pilot).again()
        await settle(pilot)
        assert "12.35" in line_with(pilot, "◌ fit-0")


async def test_a_run_that_was_deleted_while_it_was_shown_is_told_as_gone() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "2", "down", "down")
        gone = board.rows.pop(2)
        screen = runs_of(pilot)
        screen.ask_whole()
        await settle(pilot)
        assert "gone: it was deleted" in text(pilot)
        screen.again()
        await settle(pilot)
        assert gone.name not in [name for name in first_names(pilot, 20) if name == gone.name]
        assert screen.table.cursor == 2


async def test_a_changed_project_is_asked_anew() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2")
        other = HandBoard()
        other.identity, other.rows = "fedcba9876543210", run_rows(3)
        pilot.app._adopt(other, live())  # type: ignore[attr-defined]
        pilot.app._start_reading()  # type: ignore[attr-defined]
        runs_of(pilot).again()
        await settle(pilot)
        assert "3 runs" in lines(pilot)[1]


# -- no runs -----------------------------------------------------------------------------------------------


async def test_without_runs_it_says_how_one_gets_here() -> None:
    board = HandBoard()
    board.rows = []
    async with dashboard(board) as pilot:
        await press(pilot, "2")
        assert "No runs yet" in text(pilot)
        assert "mlflow.start_run()" in text(pilot)
        await press(pilot, "slash", "s", "space", "c", "ctrl+s", "o", "f", "m", "u")
        assert len(said(pilot)) == 9
        assert [message for message in said(pilot) if "run" not in message.partition(":")[2]] == []


async def test_what_cannot_be_read_is_told_with_what_to_do() -> None:
    board = HandBoard()
    board.runs_error = StoreError("the cache is locked", "close the other program")
    async with dashboard(board) as pilot:
        await press(pilot, "2")
        assert "the cache is locked" in text(pilot)
        assert "close the other program" in text(pilot)
        board.runs_error = None
        runs_of(pilot).again()
        await settle(pilot)
        assert "40 runs" in text(pilot)


async def test_an_error_later_leaves_what_is_shown() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "2")
        board.runs_error = StoreError("the cache is locked")
        runs_of(pilot).again()
        await settle(pilot)
        assert "fit-3" in text(pilot)
        assert any("the cache is locked" in message for message in said(pilot))


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (2, 1), (1, 40), (40, 10), (300, 100)])
@pytest.mark.parametrize("keys", [[], ["f"], ["slash"], ["s"], ["l"], ["e"]])
async def test_fault_74_small_and_odd_sizes(size: tuple[int, int], keys: list[str]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, "2", *keys, "down", "right")
        assert {len(line) for line in lines(pilot)} == {size[0]}
