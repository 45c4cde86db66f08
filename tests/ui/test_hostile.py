"""Faults 29 to 36 as drawn: nothing from outside acts on the terminal or is read as markup."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from mlops_dash.answers.shapes import ReadinessCheck, TraceNode
from mlops_dash.domain.freshness import Freshness
from mlops_dash.domain.rebuilds import Level
from mlops_dash.domain.text import visible
from mlops_dash.ui.fence import ControlFence
from replacing import replace
from ui.answers import HandBoard, attention, lineage, live, row, source
from ui.driving import LARGE, SMALL, dashboard, lines, press, said, text

HOSTILE = {
    "29-osc-52": "a\x1b]52;c;aGk=\x07b",
    "29-esc-osc-8": "a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b",
    "30-unterminated": "a\x1b]0;title",
    "31-c1": "a\x9b31mb\x9d52;c;aGk=\x9c",
    "32-cr-and-cursor": "a\r\x1b[2J\x1b[10Ab\x08\x08",
    "33-bidi": "a\u202etxt.exe\u2066b\u200bc",
    "34-close": "run[/b]",
    "34-open": "[b",
    "34-click": "[@click=app.bell]x[/]",
    "34-empty": "[/]",
    "38-surrogate": "a\ud800b\x00c",
}
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ud800-\udfff]")


def poisoned(name: str) -> HandBoard:
    """A board that has ``name`` in every place that comes from outside."""
    made = row(name)
    assert made.run is not None
    assert made.code is not None
    assert made.observed is not None
    run = replace(
        made.run, name=name, experiment=name, user=name, metrics={name: 1.0, "rmse": 2.0}, params={name: name}
    )
    code = replace(made.code, subject=name, author=name, main=name)
    data = tuple(replace(item, name=name, digest=name, source=name, newest_digest=name) for item in made.data)
    observed = replace(made.observed, address=f"http://{name}", detail=name, by=name)
    checks = (ReadinessCheck(name, Level.MISSING, name, name),)
    full = replace(
        made,
        model=name,
        by=name,
        run=run,
        code=code,
        data=data,
        observed=observed,
        primary_metric=name,
        rebuildable=replace(made.rebuildable, missing=(name,), checks=checks),
        attention=(attention("drift", name, name),),
    )
    states = (
        source("tracking", name),
        source("git", name, status=Freshness.FAILED, detail=name, remedy=name),
    )
    board = HandBoard(live([full, row("staging")], sources=states))
    board.name = name
    return board


async def drawn_literally(*names: str) -> None:
    """Draw the board with each name in every place, small and large, and look at every character."""
    for name in names:
        for size in (SMALL, LARGE):
            async with dashboard(poisoned(HOSTILE[name]), size) as pilot:
                assert not FORBIDDEN.search("".join(lines(pilot)))
                assert {cell_len(line) for line in lines(pilot)} == {size[0]}
                assert visible(HOSTILE[name])[:5] in text(pilot)
                await press(pilot, "tab", "tab", "y")
                assert not FORBIDDEN.search("".join([*lines(pilot), *said(pilot)]))


async def test_fault_29_escape_sequences_are_drawn_literally() -> None:
    await drawn_literally("29-osc-52", "29-esc-osc-8")


async def test_fault_30_an_unterminated_sequence_is_drawn_literally() -> None:
    await drawn_literally("30-unterminated")


async def test_fault_31_c1_bytes_are_drawn_literally() -> None:
    await drawn_literally("31-c1")


async def test_fault_32_carriage_return_and_cursor_moves_are_drawn_literally() -> None:
    await drawn_literally("32-cr-and-cursor")


async def test_fault_33_bidirectional_and_zero_width_characters_are_marked() -> None:
    await drawn_literally("33-bidi")


async def test_fault_34_markup_is_drawn_literally() -> None:
    await drawn_literally("34-close", "34-open", "34-click", "34-empty")


async def test_fault_38_a_lone_surrogate_and_nul_are_replaced() -> None:
    await drawn_literally("38-surrogate")


async def test_fault_37_nan_and_infinities_are_shown_and_not_compared() -> None:
    made = row()
    assert made.run is not None
    odd = replace(made.run, metrics={"rmse": float("nan"), "mae": float("inf"), "r2": float("-inf")})
    async with dashboard(HandBoard(live([replace(made, run=odd), row("staging", "6")])), LARGE) as pilot:
        shown = text(pilot)
        assert "rmse NaN" in shown
        assert "mae Infinity" in shown
        assert "r2 -Infinity" in shown
        assert "nan %" not in shown.lower()


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
async def test_faults_29_to_38_hostile_names_are_drawn_literally_on_trace(name: str) -> None:
    board = HandBoard()
    answer = lineage()
    nodes = tuple(
        TraceNode(node.id, node.kind, name, dict.fromkeys(node.facts, name) | {name: {name: name}})
        for node in answer.nodes
    )
    board.trace = lambda ref: replace(answer, ref=ref, nodes=nodes, live_in=((name, name),))  # type: ignore[method-assign]
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "enter", "down", "y")
        assert pilot.app.current_mode == "trace"
        assert not FORBIDDEN.search("".join([*lines(pilot), *said(pilot)]))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
async def test_faults_29_to_38_in_messages_and_errors(name: str) -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:

        def broken(**_: object) -> None:
            raise RuntimeError(name)

        board.refresh = broken  # type: ignore[method-assign, assignment]
        await press(pilot, "r")
        assert said(pilot)
        assert not FORBIDDEN.search("".join([*lines(pilot), *said(pilot)]))


async def test_fault_34_a_click_in_a_name_does_nothing() -> None:
    async with dashboard(poisoned("[@click=app.quit]press me[/]"), LARGE) as pilot:
        for y in range(2, 20, 3):
            await pilot.click(offset=(12, y))
        await pilot.pause()
        assert pilot.app.is_running
        assert pilot.app.return_value is None


async def test_fault_35_a_long_parameter_is_shortened_on_screen_and_copied_whole() -> None:
    made = row()
    assert made.run is not None
    board = HandBoard(live([replace(made, run=replace(made.run, params={"note": "x" * 6000}))]))
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "tab", "tab", "tab", "tab")
        details = pilot.app.screen.focused
        assert details is not None
        while details.selected.label != "params":  # type: ignore[attr-defined]
            await press(pilot, "down")
        await press(pilot, "y")
        assert "x" * 61 not in text(pilot)
        assert pilot.app.clipboard == "note=" + "x" * 6000


async def test_fault_36_a_huge_string_is_cut_before_it_is_laid_out() -> None:
    huge = "y" * 5_000_000
    async with dashboard(poisoned(huge), LARGE) as pilot:
        table = pilot.app.screen.query_one("#environments")
        assert table.virtual_size.width == LARGE[0] - 1
        details = pilot.app.screen.query_one("#details")
        assert details.virtual_size.height < 400
        assert {len(line) for line in lines(pilot)} == {LARGE[0]}


def test_the_fence_replaces_what_got_past_and_keeps_the_width() -> None:
    segments = [Segment("ok "), Segment("a\x1b]52;c;aGk=\x07b\u202e"), Segment("日本 é")]
    passed = "".join(segment.text for segment in ControlFence().apply(segments, Color(0, 0, 0)))
    assert not FORBIDDEN.search(passed)
    assert passed.startswith("ok a")
    assert passed.endswith("日本 é")
