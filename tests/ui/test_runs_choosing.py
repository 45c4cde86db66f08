"""Filters as they are typed, marks, columns, and what is remembered of them."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from textual.events import Key
from textual.widgets import Input

from mlops_dash import demo, open_project
from mlops_dash.answers.run_shapes import RunRow
from mlops_dash.paths import state_dir
from mlops_dash.ui.app import Opening
from mlops_dash.ui.dashboard import Dashboard
from mlops_dash.ui.remembered import Memory, Remembered, used
from mlops_dash.ui.screens.runs_cells import name_line
from mlops_dash.ui.widgets.lines import width_of
from mlops_dash.ui.widgets.run_table import RunTable
from replacing import replace
from ui.answers import HandBoard
from ui.driving import LARGE, SMALL, dashboard, line_with, lines, press, said, settle, text
from ui.hand_runs import run_id_of, run_row, run_rows
from ui.test_runs import first_names, runs_of, type_text

# -- filter ------------------------------------------------------------------------------------------------


async def test_a_filter_narrows_as_it_is_typed_and_the_prompt_keeps_the_keys() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "metrics.rmse < 50.5")
        assert "5 of 40 runs" in lines(pilot)[1]
        assert "5 of 40 runs match" in text(pilot)
        assert isinstance(pilot.app.screen.focused, Input)
        await press(pilot, "enter")
        assert "filter metrics.rmse < 50.5" in lines(pilot)[1]
        assert "enter trace" in lines(pilot)[-1]


async def test_what_is_typed_before_the_prompt_is_there_is_typed_into_it() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2")
        for key in ("slash", *"fit-1q", "backspace"):  # as pasted: nothing is waited for
            pilot.app.post_message(Key(key, key if len(key) == 1 else None))
        await settle(pilot)
        prompt = pilot.app.screen.focused
        assert isinstance(prompt, Input)
        assert prompt.value == "fit-1"
        assert "11 of 40 runs" in lines(pilot)[1]


async def test_keys_that_reach_the_table_late_are_typed_into_the_prompt_and_no_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = asyncio.Event()

    async def slow(table: RunTable, event: Key) -> None:
        if event.key == "i":  # it was sent to the table before the prompt took the keys
            await opened.wait()

    monkeypatch.setattr(RunTable, "on_key", slow, raising=False)
    async with dashboard() as pilot:
        await press(pilot, "2")
        for key in ("slash", *"fit-1"):
            pilot.app.post_message(Key(key, key if len(key) == 1 else None))
        while not isinstance(pilot.app.screen.focused, Input):
            await asyncio.sleep(0)
        for _ in range(50):  # whatever would hand keys on now has its turn
            await asyncio.sleep(0)
        opened.set()
        await settle(pilot)
        prompt = pilot.app.screen.focused
        assert isinstance(prompt, Input)
        assert prompt.value == "fit-1"
        assert pilot.app.current_mode == "runs"


async def test_what_is_typed_before_a_dialog_is_there_is_typed_into_it() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2")
        for key in ("s", *"rmse", "enter"):
            pilot.app.post_message(Key(key, key if len(key) == 1 else None))
        await settle(pilot)
        assert "sorted by rmse" in lines(pilot)[1]


async def test_an_error_stands_under_its_place_and_what_matched_before_stays() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "fit-1")
        assert "11 of 40" in lines(pilot)[1]
        await type_text(pilot, " nonsense")
        at = next(place for place, line in enumerate(lines(pilot)) if "fit-1 nonsense" in line)
        typed, told = lines(pilot)[at], lines(pilot)[at + 1]
        assert told.index("▲") == typed.index("nonsense")
        assert told.count("▲") == len("nonsense")
        assert "there is no nonsense: did you mean rmse?" in told
        assert "11 of 40" in lines(pilot)[1]


async def test_enter_does_not_keep_a_filter_that_is_wrong() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "nonsense")
        await press(pilot, "enter")
        assert runs_of(pilot).filter_bar is not None
        await press(pilot, "escape")
        assert runs_of(pilot).filter_bar is None
        assert runs_of(pilot).filter == ""


async def test_an_error_far_to_the_right_is_told_to_the_left_of_its_place() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "a" * 60 + " nonsense")
        told = line_with(pilot, "▲")
        assert told.index("did you mean") < told.index("▲")


async def test_escape_returns_to_the_filter_before_and_once_more_to_all_runs() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "fit-1")
        await press(pilot, "enter", "slash")
        await type_text(pilot, "7")
        assert "1 of 40" in lines(pilot)[1]
        await press(pilot, "escape")
        assert "11 of 40" in lines(pilot)[1]
        await press(pilot, "escape")
        assert "40 runs" in lines(pilot)[1]
        assert "filter" not in lines(pilot)[1]


async def test_nothing_matches_says_so_and_what_to_do() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "no such name")
        await press(pilot, "enter")
        assert "0 of 40 runs" in lines(pilot)[1]
        assert "nothing matches no such name · / changes it · esc shows all" in text(pilot)


async def test_a_metric_that_no_run_has_is_named_with_the_nearest() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "metrics.rmze < 1")
        assert "no run has metrics.rmze: did you mean metrics.rmse?" in text(pilot)


async def test_up_brings_former_filters_back_and_down_what_was_typed() -> None:
    async with dashboard() as pilot:
        for typed in ("fit-1", "fit-2"):
            await press(pilot, "2", "slash")
            await type_text(pilot, typed)
            await press(pilot, "enter", "escape")
        await press(pilot, "slash")
        await type_text(pilot, "fit-3")
        await press(pilot, "up")
        assert "filter fit-2" in lines(pilot)[1]
        await press(pilot, "up", "up")
        assert "filter fit-1" in lines(pilot)[1]
        await press(pilot, "down", "down")
        assert "filter fit-3" in lines(pilot)[1]


async def test_a_field_is_completed_with_right() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "params.al")
        await press(pilot, "right")
        assert runs_of(pilot).filter_bar.text == "params.alpha"  # type: ignore[union-attr]


async def test_filters_are_saved_taken_and_deleted() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "slash")
        await type_text(pilot, "fit-1")
        await press(pilot, "enter", "e")
        await type_text(pilot, "ones")
        await press(pilot, "ctrl+s")
        assert "kept as “ones”" in text(pilot)
        await press(pilot, "escape", "escape")
        assert "40 runs" in lines(pilot)[1]
        await press(pilot, "e", "enter")
        assert "11 of 40" in lines(pilot)[1]
        await press(pilot, "e", "ctrl+d")
        assert "^d again deletes “ones”" in text(pilot)
        await press(pilot, "ctrl+d", "escape")
        assert runs_of(pilot).memory.now.filters == {}  # type: ignore[union-attr]


# -- marks -------------------------------------------------------------------------------------------------


async def test_marks_survive_filter_order_and_new_facts_and_are_compared() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "2", "down", "space", "down", "down", "m")
        assert "3 marked" in lines(pilot)[1]
        assert line_with(pilot, "fit-1 ").startswith(" ▣")
        assert line_with(pilot, "fit-2 ").startswith(" ■")
        await press(pilot, "slash")
        await type_text(pilot, "fit-30")
        await press(pilot, "enter", "right_square_bracket")
        board.rows = [run_row(-1), *board.rows]
        runs_of(pilot).again()
        await settle(pilot)
        await press(pilot, "escape")
        assert "3 marked" in lines(pilot)[1]
        assert runs_of(pilot).compared() == tuple(f"run:{run_id_of(n)}" for n in (1, 2, 3))
        await press(pilot, "u")
        assert "marked" not in lines(pilot)[1]


async def test_space_takes_a_mark_away_again() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "space", "space")
        assert "marked" not in lines(pilot)[1]


async def test_with_one_mark_or_none_the_selection_is_compared_with_that_or_with_production() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "down")
        assert runs_of(pilot).compared() == ("production", f"run:{run_id_of(1)}")
        await press(pilot, "space", "down")
        assert runs_of(pilot).compared() == (f"run:{run_id_of(1)}", f"run:{run_id_of(2)}")


async def test_on_live_production_against_staging_is_the_first_thing_offered() -> None:
    async with dashboard() as pilot:
        screen = pilot.app.board_screen()  # type: ignore[attr-defined]
        assert screen.compared() == ("production", "staging")
        await press(pilot, "down")
        assert screen.compared() == ("production", "staging")
        await press(pilot, "down")
        assert screen.compared() == ("production", "canary")


async def test_on_trace_a_run_is_compared_with_what_is_live_and_a_commit_is_not() -> None:
    async with dashboard() as pilot:
        await press(pilot, "enter")
        screen = pilot.app.board_screen()  # type: ignore[attr-defined]
        screen.lineage.select("run:5c8a7e2101f34b6c9d")
        await settle(pilot)
        assert screen.compared() == ("staging", "run:5c8a7e2101f34b6c9d")  # it is what production runs
        screen.lineage.select("data:8d1e92f17c")
        await settle(pilot)
        assert screen.why_not_compare() == "select a run, a version or an environment"


# -- columns -----------------------------------------------------------------------------------------------


async def test_columns_are_chosen_ordered_and_remembered() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "2", "l")
        await type_text(pilot, "seed")
        await press(pilot, "space", *["shift+up"] * 9, "enter")
        heading = line_with(pilot, "NAME")
        assert heading.index("seed") < heading.index("STARTED")
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "2")
        assert "seed" in line_with(pilot, "NAME")
        await press(pilot, "l", "ctrl+r", "enter")
        assert "seed" not in line_with(pilot, "NAME")
        assert runs_of(pilot).memory.now.columns is None  # type: ignore[union-attr]


async def test_columns_that_do_not_fit_are_scrolled_to_while_the_name_stays() -> None:
    async with dashboard(size=(60, 24)) as pilot:
        await press(pilot, "2")
        assert "COMMIT" not in line_with(pilot, "NAME")
        assert "›" in lines(pilot)[1]
        await press(pilot, *["right"] * 9)
        assert "COMMIT" in line_with(pilot, "NAME")
        assert "‹" in lines(pilot)[1]
        assert first_names(pilot, 1) == ["fit-0"]
        await press(pilot, *["left"] * 9)
        assert "STARTED" in line_with(pilot, "NAME")


async def test_a_sort_column_out_of_sight_is_scrolled_into_sight() -> None:
    async with dashboard(size=(60, 24)) as pilot:
        await press(pilot, "2", "s")
        await type_text(pilot, "code.commit")
        await press(pilot, "enter")
        assert "COMMIT ↑" in line_with(pilot, "NAME")


async def test_a_column_that_no_run_has_any_more_is_left_out() -> None:
    Memory("0123456789abcdef")._write(Remembered(columns=("metrics.gone", "metrics.rmse")))
    async with dashboard() as pilot:
        await press(pilot, "2")
        assert "rmse" in line_with(pilot, "NAME")
        assert runs_of(pilot).shown == ("metrics.rmse",)


def test_the_name_is_cut_before_what_is_to_be_known_of_the_run() -> None:
    row = run_row(1, name="n" * 200, live=("production", "canary"), versions=(("m", "4"),))
    for width in range(6, 80):
        line = name_line(row, width)
        assert width_of(line) <= max(width, 3)
        assert "◉" in "".join(part for part, _ in line)


# -- what is held ------------------------------------------------------------------------------------------


async def test_only_what_is_in_sight_and_around_is_held_however_far_one_scrolls() -> None:
    board = HandBoard()
    board.rows = run_rows(5000)
    async with dashboard(board) as pilot:
        await press(pilot, "2", *["pagedown"] * 40, "end", "home", *["pagedown"] * 20)
        table = runs_of(pilot).table
        assert len(table._held.rows) < 150
        assert max(map(len, board.asked_rows)) < 150
        assert len(table._strips) <= table._CACHED + 1


async def test_rows_that_are_not_there_yet_are_placeholders_and_never_other_runs() -> None:
    board = HandBoard()
    board.rows = run_rows(5000)
    async with dashboard(board) as pilot:
        await press(pilot, "2")
        board.rows_gate = Event()
        await pilot.press("end")
        for _ in range(5):
            await pilot.pause()
        assert "fit-" not in "".join(lines(pilot)[3:-1])
        assert "····" in text(pilot)
        board.rows_gate.set()
        await settle(pilot)
        assert "fit-4999" in text(pilot)
        assert runs_of(pilot).table.selected_key == run_id_of(4999)


async def test_the_mouse_wheel_scrolls_and_the_cursor_comes_back_into_sight() -> None:
    board = HandBoard()
    board.rows = run_rows(5000)
    async with dashboard(board) as pilot:
        await press(pilot, "2")
        runs_of(pilot).table.scroll_to(y=2500, animate=False)
        await settle(pilot)
        assert first_names(pilot, 1) == ["fit-2500"]
        await press(pilot, "down")
        assert "▌" in line_with(pilot, "fit-1 ")


# -- hostile -----------------------------------------------------------------------------------------------


async def test_hostile_names_values_and_filters_are_drawn_literally() -> None:
    evil = "a\x1b]52;c;aGk=\x07[/b]\u202e[@click=app.bell]x"

    def poisoned(row: RunRow) -> RunRow:
        values: dict[str, Any] = {**row.values, "params.alpha": evil, "params.features": "y" * 6000}
        return replace(
            row, name=evil, user=evil, experiment=evil, live=(evil,), versions=((evil, evil),), values=values
        )

    board = HandBoard()
    board.rows = [poisoned(row) for row in board.rows]
    for size in (SMALL, LARGE):
        async with dashboard(board, size) as pilot:
            await press(pilot, "2")
            assert "␛]52" in text(pilot)
            shown = "".join(lines(pilot))
            await press(pilot, "f", "tab", "escape", "slash")
            await type_text(pilot, evil.replace("\x1b", "\u200b"))
            shown += "".join(lines(pilot))
            assert not [char for char in shown if ord(char) < 32 or char in "\x7f\u202e\u200b"]
            await press(pilot, "escape")


async def test_a_long_parameter_is_cut_and_copied_whole() -> None:
    board = HandBoard()
    row = board.rows[0]
    board.rows[0] = replace(row, values={**row.values, "params.alpha": "y" * 6000})
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "2", "tab")
        screen = runs_of(pilot)
        place = next(at for at, fact in enumerate(screen.details.facts) if fact.copy == "y" * 6000)
        screen.details.cursor = place
        await press(pilot, "y")
        assert pilot.app.clipboard == "y" * 6000
        assert "6,000 characters" in text(pilot)


# -- memory ------------------------------------------------------------------------------------------------


def test_memory_is_written_whole_and_read_again(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path))
    one, other = Memory("p"), Memory("p")
    one.load(), other.load()
    one.change(used("metrics.a < 1"))
    one.close()
    other.change(lambda now: replace(now, filters={**now.filters, "mine": "metrics.b < 1"}))
    other.close()
    again = Memory("p").load()
    assert again.recent == ("metrics.a < 1",)
    assert again.filters == {"mine": "metrics.b < 1"}
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["p.json"]
    assert Memory("q").load() == Remembered()


def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path))
    (state_dir() / "runs").mkdir(parents=True)
    for damage in (b"", b"{", b'{"sort": 3}', b"\xff\xfe", b"[" * 100_000, json.dumps([1]).encode()):
        (state_dir() / "runs" / "p.json").write_bytes(damage)
        assert Memory("p").load() == Remembered()


def test_a_folder_that_cannot_be_written_costs_the_memory_only(tmp_path: Path, monkeypatch: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", os.fspath(blocked))
    memory = Memory("p")
    memory.change(used("a"))
    memory.close()
    assert memory.now.recent == ("a",)


async def test_settings_are_said_nowhere_when_all_is_well() -> None:
    async with dashboard() as pilot:
        await press(pilot, "2", "s", "enter")
        assert said(pilot) == []


# -- the sample project ------------------------------------------------------------------------------------


@pytest.mark.campaign
async def test_runs_of_a_real_project_are_filtered_in_the_filter_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = demo.unpack(tmp_path / "demo")
    app = Dashboard(Opening(lambda: open_project(folder)).start())
    async with app.run_test(size=LARGE) as pilot:
        await settle(pilot)
        await press(pilot, "2")
        while "train_rmse" not in text(pilot):
            await pilot.pause()
        await press(pilot, "slash")
        await type_text(pilot, "metrics.rmse < 55 and params.model = 'combined'")
        assert "3 of 46 runs" in text(pilot)
        await type_text(pilot, " and attributes.usr = 'mara'")
        told = line_with(pilot, "▲")
        assert told.index("▲") == line_with(pilot, "combined' and attributes.usr").index("attributes.usr")
        assert "3 of 46 runs" in text(pilot)
        await press(pilot, "escape", "s")
        await type_text(pilot, "metrics.rmse")
        await press(pilot, "enter", "home")
        assert "▌" in line_with(pilot, "boosting rate=0.12", "53.94")
        assert "◆ v4" in text(pilot)
    app.let_go()
