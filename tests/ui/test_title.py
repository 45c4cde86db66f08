"""The title bar: screens and project always, of the sources as much as there is room for."""

from __future__ import annotations

import re

import pytest

from mlops_dash.domain.freshness import Freshness
from mlops_dash.ui.widgets.lines import width_of, wrap
from ui.answers import SOURCES, HandBoard, live, source
from ui.driving import LARGE, SMALL, dashboard, line_with, lines, press

LOCKED = source(
    status=Freshness.STALE,
    detail="locked by another program: /home/dev/projects/diabetes/tracking/mlflow.db.",
    remedy="close it",
)
TROUBLED = (LOCKED, *SOURCES[1:])


def test_a_word_that_fills_its_line_is_followed_by_the_next_line() -> None:
    for width in range(8, 30):
        told = wrap((("target · loading ", "text"), ("version 4 for 2 s", "bad")), width)
        assert all(width_of(line) <= width for line in told)
        joined = " ".join("".join(text for text, _ in line).strip() for line in told)
        assert joined.split() == "target · loading version 4 for 2 s".split()


WIDTHS = pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100, 120, 160])


@WIDTHS
@pytest.mark.parametrize("sources", [SOURCES, TROUBLED, (LOCKED, source("git", status=Freshness.FAILED))])
async def test_the_screens_stay_whatever_the_sources_say(width: int, sources: tuple[object, ...]) -> None:
    async with dashboard(HandBoard(live(sources=sources)), (width, 24)) as pilot:
        titled = r"1 Live +2 Runs +3 Compare +4 Trace +5 History +6 Jobs"
        assert re.search(titled if width >= 60 else r"1 Live 2 3 4 5 6", lines(pilot)[0])


@pytest.mark.parametrize("size", [SMALL, (160, 45)])
@pytest.mark.parametrize("sources", [SOURCES, TROUBLED])
async def test_a_click_on_a_screens_name_goes_there_and_back(
    size: tuple[int, int], sources: tuple[object, ...]
) -> None:
    async with dashboard(HandBoard(live(sources=sources)), size) as pilot:
        ways = (("Trace", "trace"), ("Runs", "runs"), ("Compare", "comparison"), ("Live", "live"))
        for name, mode in (*ways, ("4", "trace"), ("2", "runs"), ("1", "live")):
            at = lines(pilot)[0].index(f"{name} " if len(name) == 1 else name)
            await pilot.click(offset=(at, 0))
            await press(pilot)
            assert pilot.app.current_mode == mode


@pytest.mark.parametrize(("width", "told"), [(80, "◐ tracking: locked"), (160, "another program")])
async def test_the_cause_of_a_trouble_comes_before_its_place(width: int, told: str) -> None:
    async with dashboard(HandBoard(live(sources=TROUBLED)), (width, 24)) as pilot:
        assert told in lines(pilot)[0]
        assert lines(pilot)[0].count("●") == 3


async def test_a_trouble_is_told_without_a_stray_full_stop() -> None:
    async with dashboard(HandBoard(live(sources=TROUBLED)), LARGE) as pilot:
        assert "mlflow.db — close it" in line_with(pilot, "close it")


async def test_no_word_of_the_key_bar_is_cut() -> None:
    for width in range(20, 130, 11):
        async with dashboard(size=(width, 24)) as pilot:
            assert "…" not in lines(pilot)[-1], width
