"""Compare: which is better and why, what is said of it, and what the keys do."""

from __future__ import annotations

import math
import re
from pathlib import Path
from threading import Event

import pytest
from textual.pilot import Pilot

from mlops_dash import demo
from mlops_dash.project import open_project
from mlops_dash.ui.app import Opening
from mlops_dash.ui.commands import COMPARE, on_screen
from mlops_dash.ui.dashboard import Dashboard
from mlops_dash.ui.messages import Reconfigured
from mlops_dash.ui.screens.compare import CompareScreen
from replacing import replace
from ui.answers import HandBoard, live, row
from ui.compared import NEW, OLD, between, compared, item, line, metric
from ui.driving import LARGE, SMALL, dashboard, line_with, lines, press, said, settle, text, type_keys

TINY = [(20, 5), (1, 1), (2, 1), (1, 40), (3, 3), (200, 2), (40, 10), (300, 100)]


def screen_of(pilot: Pilot[None]) -> CompareScreen:
    app = pilot.app
    assert isinstance(app, Dashboard)
    found = app.board_screen()
    assert isinstance(found, CompareScreen)
    return found


async def compare(pilot: Pilot[None], *refs: str) -> CompareScreen:
    pilot.app.compare(refs)  # type: ignore[attr-defined]
    await settle(pilot)
    return screen_of(pilot)


async def to_row(pilot: Pilot[None], key: str) -> None:
    assert screen_of(pilot).table.select(key), key
    await settle(pilot)


# -- what is shown ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
async def test_production_against_staging_is_the_first_offer_and_the_verdict_comes_first(
    size: tuple[int, int],
) -> None:
    board = HandBoard()
    async with dashboard(board, size) as pilot:
        await press(pilot, "3")
        assert board.asked[-1] == (("production", "staging"), 0)
        top = [each for each in lines(pilot) if each.strip()][1]
        assert "★ B staging is better than A production:  rmse −2.1 %, mae −2.8 %, r2 +3.7 %" in top
        assert re.search(
            r"Differs: 2 parameters.* 1 dataset.* 2 commits \(2 files\) · 1 package", text(pilot)
        )


async def test_without_production_and_staging_two_environments_of_one_model_are_offered() -> None:
    rows = (row("blue", model="other"), row("east"), row("west"), row("south", run=None))
    board = HandBoard(live(rows))
    async with dashboard(board) as pilot:
        await press(pilot, "3")
        assert board.asked[-1][0] == ("east", "west")


async def test_an_environment_that_two_models_have_is_named_with_its_model() -> None:
    rows = (row("production"), row("staging"), row("production", model="other"))
    board = HandBoard(live(rows))
    async with dashboard(board) as pilot:
        await press(pilot, "3")
        assert board.asked[-1][0] == ("env:production/progression", "staging")


async def test_with_nothing_to_offer_it_is_said_how_to_compare() -> None:
    async with dashboard(HandBoard(live(()))) as pilot:
        await press(pilot, "3")
        assert "Nothing is compared yet." in text(pilot)
        assert "mark two or more with space, then c compares them" in text(pilot)
        assert "a types a reference" in text(pilot)


async def test_metrics_say_value_delta_change_and_which_side_is_better_in_glyphs() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "3")
        assert re.search(r"rmse ↓ +53\.91 +│▸ 52\.80 +−1\.113 +−2\.1 % ★", line_with(pilot, "rmse ↓"))
        assert re.search(r"r2 ↑ +0\.4821 +│ +0\.4999 +\+0\.01780 +\+3\.7 % ★", line_with(pilot, "r2 ↑"))
        seconds = line_with(pilot, "seconds")
        assert not re.search("[★▲▼↓↑]", seconds.partition("│")[0] + seconds.partition("│")[2][:30])


async def test_all_sections_are_there_with_how_many_of_their_lines_differ() -> None:
    async with dashboard(size=(160, 60)) as pilot:
        await press(pilot, "3")
        for words in (
            "Metrics · all 4 differ", "Parameters · 2 of 3 differ", "Data · differs",
            "Code · 2 commits between, 2 files changed", "Packages · 1 of 2 differ", "Signature · differs",
            "Tags · the same",
        ):  # fmt: skip
            assert words in text(pilot)
        assert "≠ 77aa01bc 1.2 MB" in line_with(pilot, "8d1e92f1 1.2 MB ↑1")
        assert "≠ 9f3e210" in line_with(pilot, "commit", "a1b2c3d")
        assert "+B 9f3e210 Tune trees · Bo Chen" in text(pilot)
        assert "−B a1b2c3d Scale features · Ann Lee" in text(pilot)
        assert "+2 −2" in line_with(pilot, " train.py ", "│")
        assert "3 more files left out" in text(pilot)


async def test_the_diff_is_numbered_and_signed_and_said_to_be_restricted() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "3", "tab", "tab", "f")
        assert "A a1b2c3d → B 9f3e210  diverged ↑1 ↓1" in text(pilot)
        assert "11    −     model.fit(table)" in text(pilot)
        assert "   12 +     model.fit(scaled)" in text(pilot)
        assert "3 more files left out by the configuration" in text(pilot)
        assert "index 111" not in text(pilot)


async def test_repeats_have_their_mean_and_spread_and_the_better_group_is_marked() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "3")
        await compare(pilot, "production", "staging", "r1", "r2")
        assert re.search(r"rmse +B C +53\.30 ± 0\.7100 ★ +A D +54\.36 ± 0\.6300", text(pilot))


async def test_what_is_not_known_says_why_and_the_rest_stands() -> None:
    board = HandBoard()
    code = (replace(between(1), status="unknown", ahead=(), behind=(), files=(), diff="",
                    reason="commit 9f3e210 is not in this repository"),)  # fmt: skip
    board.changes = {
        "code": code,
        "artifacts": (None, "its artifacts are in s3://models: not reachable from here"),
        "packages": (line("numpy", "2.1.0", None),),
    }
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3")
        assert "? B  commit 9f3e210 is not in this repository" in text(pilot)
        assert "? B  unknown: its artifacts are in s3://models" in text(pilot)
        assert "≠" not in line_with(pilot, "numpy", "2.1.0", "?")
        assert "code unknown" in text(pilot)
        assert "packages unknown" in text(pilot)
        assert "52.80" in line_with(pilot, "rmse ↓")


async def test_nan_is_shown_and_not_ranked() -> None:
    board = HandBoard()
    board.changes = {
        "metrics": (metric("loss", (1.0, math.nan), "min"), metric("none", (math.inf, None), "max"))
    }
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3")
        found = line_with(pilot, "loss ↓")
        assert re.search(r"1\.000 +│▸ +NaN", found)
        assert not re.search("[★▲▼]", found)
        assert "Infinity" in line_with(pilot, "none ↑")
        assert "No metric of both can be ranked" in text(pilot)


async def test_a_thing_compared_with_itself_is_the_same_in_everything() -> None:
    board = HandBoard()
    same = metric("rmse", (53.9, 53.9), "min")
    board.changes = {"metrics": (same,), "params": (line("alpha", "1", "1"),), "data": (), "packages": (),
                     "code": (replace(between(2), item=1),), "signature": (), "tags": ()}  # fmt: skip
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3")
        await compare(pilot, "production", "production")
        assert "are the same in every metric" in text(pilot)
        await press(pilot, "d")
        assert "Metrics · the same" in text(pilot)
        assert "differences only" in text(pilot)


async def test_a_deleted_run_is_said_to_be_and_stays() -> None:
    board = HandBoard()
    gone = item(1, "staging")
    assert gone.run is not None
    board.changes = {"items": (item(0, "production"), replace(gone, run=replace(gone.run, deleted=True)))}
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3")
        assert "✗ deleted" in line_with(pilot, "v4 observed")


# -- many -------------------------------------------------------------------------------------------------


@pytest.mark.campaign
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("count", [20, 100])
async def test_many_columns_scroll_and_key_and_baseline_stay(size: tuple[int, int], count: int) -> None:
    async with dashboard(size=size) as pilot:
        screen = await compare(pilot, "production", "staging", *(f"r{place}" for place in range(count - 2)))
        assert "more ▸" in line_with(pilot, "─ Compare")
        await type_keys(pilot, *["right"] * (count - 2))
        assert screen.table.column == count - 1
        found = line_with(pilot, "rmse ↓", "53.91")
        assert f"{53 - 0.1988 + count - 2:.2f}"[:3] in found
        assert "◂" in line_with(pilot, "─ Compare")
        assert "A production" in text(pilot)
        await type_keys(pilot, *["left"] * (count + 2))
        assert screen.table.column == 0
        assert "B staging" in text(pilot)


async def test_five_thousand_metrics_scroll_like_five() -> None:
    board = HandBoard()
    board.changes = {"metrics": tuple(metric(f"m{n:04}", (n, n + 1.0), "min") for n in range(5000))}
    async with dashboard(board) as pilot:
        await press(pilot, "3", *["pagedown"] * 3)
        assert "m004" in text(pilot)
        await press(pilot, "slash", *"m4999", "enter")
        assert "m4999" in text(pilot)
        assert "m4998" not in text(pilot)


# -- what keys do -----------------------------------------------------------------------------------------


async def test_differences_only_is_said_and_kept_when_facts_are_read_again() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3", "d")
        assert "Compare · differences only" in text(pilot)
        assert "ridge" not in text(pilot)
        board.changes = {"metrics": (metric("rmse", (53.0, 51.0), "min"),)}
        screen_of(pilot).again()
        await settle(pilot)
        assert "51.00" in text(pilot)
        assert "Compare · differences only" in text(pilot)
        assert "ridge" not in text(pilot)
        await press(pilot, "d")
        assert "ridge" in text(pilot)


async def test_facts_read_again_keep_cursor_column_and_scroll() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        screen = await compare(pilot, "production", "staging", "r1", "r2")
        await press(pilot, "right")
        await to_row(pilot, "param/seed")
        before = screen.table.scroll_offset
        board.changes = {"tags": (line("team", "blue", "red", "blue", "blue"),)}
        screen.again()
        await settle(pilot)
        assert (screen.table.selected_key, screen.table.column) == ("param/seed", 2)
        assert screen.table.scroll_offset == before


async def test_another_baseline_stands_first_and_letters_stay() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3", "b")
        assert board.asked[-1] == (("production", "staging"), 1)
        heads = line_with(pilot, "A production", "B staging")
        assert heads.index("B staging") < heads.index("A production")
        assert re.search(r"rmse ↓ +▸ 52\.80 ★ +│ +53\.91 +\+1\.113 +\+2\.1 % ▼", text(pilot))
        await press(pilot, "b")
        assert any("is the baseline" in each for each in said(pilot))


async def test_items_are_added_and_taken_out() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3", "minus")
        assert any("fewest" in each for each in said(pilot))
        await press(pilot, "a", *"r1", "enter")
        assert board.asked[-1] == (("production", "staging", "r1"), 0)
        assert "C fit-19" in text(pilot)
        await press(pilot, "delete")
        assert board.asked[-1] == (("production", "r1"), 0)


async def test_the_baseline_taken_out_makes_the_first_of_the_rest_the_baseline() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await compare(pilot, "production", "staging", "r1")
        await press(pilot, "left", "minus")
        assert board.asked[-1] == (("staging", "r1"), 0)


async def test_an_unknown_reference_is_refused_and_what_is_shown_stays() -> None:
    board = HandBoard()
    board.unknown = {"prod"}
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3", "a", *"prod", "enter")
        assert any("did you mean production?" in each for each in said(pilot))
        assert screen_of(pilot).refs == ("production", "staging")
        assert "B staging" in text(pilot)


async def test_unknown_references_alone_say_why_and_what_to_do() -> None:
    board = HandBoard()
    board.unknown = {"nope"}
    async with dashboard(board) as pilot:
        await compare(pilot, "nope", "staging")
        assert "nothing here is called 'nope'" in text(pilot)
        assert "did you mean production?" in text(pilot)
        await press(pilot, "a", *"production", "enter", *"staging", "enter")
        assert "A production" in text(pilot)


async def test_a_run_that_goes_while_it_is_shown_is_said_and_the_rest_stays() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        screen = await compare(pilot, "production", "staging", "r1")
        board.unknown = {"r1"}
        screen.again()
        await settle(pilot)
        assert any("r1 is not compared any more" in each for each in said(pilot))
        assert "1 item gone: r1" in line_with(pilot, "─ Compare")
        assert screen.refs == ("production", "staging")
        board.unknown = {"r1", "staging"}
        screen.again()
        await settle(pilot)
        assert "B staging" in text(pilot), "one alone can't be compared: what was known stays"
        assert "nothing here is called" in line_with(pilot, "─ Compare")


async def test_lines_are_narrowed_by_text_and_shown_again() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "3", "slash", *"alpha")
        assert "≠ 0.5" in text(pilot)
        assert "Metrics" not in text(pilot)
        await press(pilot, "enter")
        assert "“alpha”" in line_with(pilot, "─ Compare")
        await press(pilot, "escape")
        assert "rmse ↓" in text(pilot)


async def test_a_filter_brings_the_lines_into_sight() -> None:
    async with dashboard(size=SMALL) as pilot:
        await press(pilot, "3", "tab", "slash", *"alpha", "enter")
        assert "≠ 0.5" in text(pilot)
        assert screen_of(pilot).table.has_focus


async def test_a_cell_is_copied_whole() -> None:
    board = HandBoard()
    long = "x" * 6000
    board.changes = {"params": (line("blob", "short", long),)}
    async with dashboard(board) as pilot:
        await press(pilot, "3")
        assert long not in text(pilot)
        for key, copied in {
            "param/blob": long, "metric/rmse": "52.8012", "data/dvc/diabetes.csv/": "77aa01bc99",
            "code/commit": NEW, f"commit/{OLD}": OLD, "file/train.py": "train.py",
            "code/subject": "Tune trees",
        }.items():  # fmt: skip
            await to_row(pilot, key)
            await press(pilot, "y")
            assert pilot.app.clipboard == copied, key


async def test_enter_follows_the_item_the_dataset_or_the_commit() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        for key, ref in {
            "metric/rmse": "env:staging/progression", "data/dvc/diabetes.csv/": "data:77aa01bc99",
            "code/commit": f"commit:{NEW}", f"commit/{OLD}": f"commit:{OLD}",
        }.items():  # fmt: skip
            await press(pilot, "3")
            await to_row(pilot, key)
            await press(pilot, "enter")
            assert board.traced[-1] == ref


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
async def test_enter_on_a_file_goes_to_its_diff(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, "3")
        await to_row(pilot, "file/features.py")
        await press(pilot, "enter")
        screen = screen_of(pilot)
        assert screen.code.has_focus
        assert screen.code.selected is not None
        assert (screen.code.selected.kind, screen.code.selected.path) == ("title", "features.py")
        assert 'COLUMNS = ("bmi", "bp")' in text(pilot)


async def test_where_there_is_room_for_one_panel_tab_leads_through_them() -> None:
    async with dashboard(size=SMALL) as pilot:
        await press(pilot, "3")
        assert "· by step" not in text(pilot)
        await press(pilot, "tab")
        assert "─ rmse · by step" in text(pilot)
        await press(pilot, "tab")
        assert "─ Code · production → staging" in text(pilot)
        await press(pilot, "tab")
        assert "rmse ↓" in text(pilot)
        await press(pilot, "shift+tab", "escape")
        assert "rmse ↓" in text(pilot)


async def test_a_panel_takes_the_whole_screen_and_gives_it_back() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "3", "f")
        assert "· by step" not in text(pilot)
        assert screen_of(pilot).table.size.width > 150
        await press(pilot, "f")
        assert "· by step" in text(pilot)


async def test_curves_are_of_the_metric_under_the_cursor_and_asked_for_once() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3")
        assert board.drawn == [("rmse",)]
        await press(pilot, "down")
        assert board.drawn == [("rmse",), ("mae",)]
        assert "─ mae · by step" in text(pilot)
        await press(pilot, "up")
        assert "─ rmse · by step" in text(pilot)
        assert len(board.drawn) == 2


async def test_a_click_chooses_row_and_column() -> None:
    async with dashboard(size=LARGE) as pilot:
        screen = await compare(pilot, "production", "staging", "r1")
        await to_row(pilot, "metric/mae")
        page = lines(pilot)
        y = next(number for number, each in enumerate(page) if "alpha" in each and "≠ 0.5" in each)
        heads = next(each for each in page if "C fit-19" in each)
        await pilot.click(offset=(heads.index("C fit-19") + 2, y))
        await settle(pilot)
        assert (screen.table.selected_key, screen.table.column) == ("param/alpha", 2)
        await pilot.click(offset=(heads.index("A production"), page.index(heads)))
        await settle(pilot)
        assert (screen.table.selected_key, screen.table.column) == ("param/alpha", 0)


async def test_the_code_panel_follows_the_column() -> None:
    async with dashboard(size=LARGE) as pilot:
        await compare(pilot, "production", "staging", "r1")
        assert "Code · production → staging" in text(pilot)
        await press(pilot, "right")
        assert "Code · production → fit-19" in text(pilot)
        assert "same commit" in text(pilot)


@pytest.mark.parametrize("command", [command.id for command in on_screen(COMPARE) if command.screens])
async def test_every_command_can_be_given_with_nothing_compared(command: str) -> None:
    async with dashboard(HandBoard(live(()))) as pilot:
        await press(pilot, "3")
        pilot.app.do(command)  # type: ignore[attr-defined]
        await settle(pilot)
        assert pilot.app.is_running


# -- hostile ----------------------------------------------------------------------------------------------

HOSTILE = "\x1b]52;c;aGk=\x07[/b][@click=app.quit]x[/] \u202eabc\ud800\r\n"


async def test_hostile_names_and_values_are_drawn_as_text() -> None:
    board = HandBoard()
    bad = replace(item(1, "staging"), label=HOSTILE, note=HOSTILE)
    change = replace(between(1), reason=HOSTILE, diff=f"diff --git a/{HOSTILE} b/x\n@@ -1 +1 @@\n+{HOSTILE}")
    board.changes = {
        "items": (item(0, "production"), bad),
        "params": (line(HOSTILE, HOSTILE, "y"),),
        "metrics": (metric(HOSTILE, (1.0, 2.0), "min"),),
        "tags": (line(f"{HOSTILE}2", "x" * 5_000_000, HOSTILE),),
        "code": (change,),
        "artifacts": (HOSTILE, None),
    }
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3", "y", "end", "tab", "tab", "end")
        assert not set(text(pilot)) & {"\x1b", "\x07", "\u202e", "\ud800", "\r"}
        assert "[@click=app.quit]" in text(pilot)


@pytest.mark.parametrize("size", TINY, ids=[f"{width}x{height}" for width, height in TINY])
async def test_fault_74_small_and_odd_sizes(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        await compare(pilot, "production", "staging", *(f"r{place}" for place in range(5)))
        await press(pilot, "right", "right", "down", "tab", "tab", "f", "tab")
        assert {len(each) for each in lines(pilot)} == {size[0]}


def test_made_answers_are_what_they_say() -> None:
    assert compared().metrics[0].best == (1,)


# -- ways out ---------------------------------------------------------------------------------------------


async def test_the_report_is_written_and_opened_and_it_is_said_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Downloads").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    opened: list[str] = []
    async with dashboard(size=LARGE) as pilot:
        monkeypatch.setattr(pilot.app, "open_url", lambda url, **_: opened.append(url))
        await press(pilot, "3", "o", "o")
        first, second = sorted((tmp_path / "Downloads").iterdir())
        assert {first.as_uri(), second.as_uri()} == set(opened)
        assert "staging" in first.read_text(encoding="utf-8")
        assert any(str(first) in each for each in said(pilot))


async def test_a_comparison_is_written_to_a_file_that_is_never_replaced_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "3", "ctrl+s", "enter")
        written = (tmp_path / "compare.csv").read_text(encoding="utf-8")
        assert "52.8012" in written
        assert any(str(tmp_path / "compare.csv") in each for each in said(pilot))
        (tmp_path / "compare.csv").write_text("mine")
        await press(pilot, "ctrl+s", "enter")
        assert "compare.csv is there" in text(pilot)
        await press(pilot, "escape")
        assert (tmp_path / "compare.csv").read_text() == "mine"
        await press(pilot, "ctrl+s", "enter", *"yes", "enter")
        assert (tmp_path / "compare.csv").read_text(encoding="utf-8") == written
        await press(pilot, "ctrl+s", *["backspace"] * 3, *"odt", "enter")
        assert any("Nothing was written" in each for each in said(pilot))


async def test_what_the_store_knows_is_there_before_git_and_artifacts_have_answered() -> None:
    board = HandBoard()
    board.slow = Event()
    async with dashboard(board, LARGE) as pilot:
        await pilot.press("3")
        while "rmse ↓" not in text(pilot):
            await pilot.pause()
        assert "★ B staging is better than A production" in text(pilot)
        assert "reading the code … · reading packages …" in text(pilot)
        assert "? B  being read …" in text(pilot)
        assert "reading …" in line_with(pilot, "─ Compare")
        board.slow.set()
        await settle(pilot)
        assert "+B 9f3e210 Tune trees" in text(pilot)
        assert "being read" not in text(pilot)


async def test_a_slow_comparison_is_not_begun_anew_by_every_refresh() -> None:
    board = HandBoard()
    board.slow = Event()
    async with dashboard(board, LARGE) as pilot:
        await pilot.press("3")
        while "reading the code" not in text(pilot):
            await pilot.pause()
        reader = screen_of(pilot).dash.reader
        assert reader is not None
        asked = reader._requests["comparison.items"]
        for _ in range(5):
            screen_of(pilot).again()
            await pilot.pause()
        assert reader._requests["comparison.items"] == asked, "the answer under way would be dropped"
        board.slow.set()
        await settle(pilot)
        assert reader._requests["comparison.items"] == asked + 1


async def test_unchanged_facts_ask_for_no_curves() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "3")
        drawn = len(board.drawn)
        screen_of(pilot).again()
        await settle(pilot)
        assert len(board.drawn) == drawn
        board.changes = {"metrics": (metric("rmse", (53.0, 51.0), "min"),)}
        screen_of(pilot).again()
        await settle(pilot)
        assert len(board.drawn) == drawn + 1


async def test_another_configuration_while_it_is_slow_does_not_stop_it() -> None:
    first, other = HandBoard(), HandBoard()
    first.slow = Event()
    async with dashboard(first, LARGE) as pilot:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await pilot.press("3")
        while "reading the code" not in text(pilot):
            await pilot.pause()
        app.on_reconfigured(Reconfigured((other, other.live())))
        await settle(pilot)
        assert other.asked
        assert "+B 9f3e210 Tune trees" in text(pilot)
        first.slow.set()


# -- the sample project -----------------------------------------------------------------------------------


@pytest.mark.campaign
async def test_production_against_staging_of_a_real_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = demo.unpack(tmp_path / "demo")
    app = Dashboard(Opening(lambda: open_project(folder)).start())
    async with app.run_test(size=LARGE) as pilot:
        await settle(pilot)
        await press(pilot, "3")
        while "Combine ridge regression" not in text(pilot):
            await pilot.pause()
        assert re.search(r"rmse ↓ +55\.12 +│▸ 54\.42 +−0\.7041 +−1\.3 % ★", line_with(pilot, "rmse ↓"))
        assert "6 commits (8 files)" in text(pilot)
        while "rmse · by step" not in text(pilot):
            await pilot.pause()
        await press(pilot, "a")
        await pilot.press(*"models:/progression/2", "enter")
        while len(screen_of(pilot).refs) < 3:
            await pilot.pause()
        await settle(pilot)
        assert "C progression v2" in text(pilot)
    app.let_go()
