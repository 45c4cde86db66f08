"""The versions of the selected environment's model, beside what is live there."""

from __future__ import annotations

import re

from mlops_dash.answers.versions import VersionsAnswer
from replacing import replace
from ui.answers import HandBoard
from ui.driving import LARGE, SMALL, dashboard, line_with, live_of, press, text


async def test_every_version_stands_against_what_is_live() -> None:
    async with dashboard(size=LARGE) as pilot:
        assert "Versions of progression · 6 · against v4" in text(pilot)
        assert re.search(r"● v6 +52\.80 +−2\.1 % +61b2c3d +6d1e92f +14 d +staging +○ canary",
                         line_with(pilot, "v6", "61b2c3d"))  # fmt: skip
        assert "live" in line_with(pilot, "● v4", "53.91")
        assert "Archived" in line_with(pilot, "v1", "+2.0 %")


class WithHistory(HandBoard):
    """A board that knows how the metric went."""

    def versions(self, model: str, environment: str | None = None) -> VersionsAnswer:
        answer = super().versions(model, environment)
        return replace(answer, curve=(80.5, 70.25, 60.0, 53.914), logged=40)


async def test_the_metric_s_history_is_drawn_with_the_run() -> None:
    async with dashboard(WithHistory(), LARGE) as pilot:
        assert "rmse █▅▃▁ 80.50 → 53.91 in 40 values" in line_with(pilot, "history")


async def test_another_environment_is_what_versions_are_compared_with() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "down")
        assert board.compared[-1] == ("progression", "staging")


async def test_an_answer_for_another_environment_is_dropped() -> None:
    async with dashboard(size=LARGE) as pilot:
        former = live_of(pilot).versions.items
        late = HandBoard().versions("progression", "canary")
        live_of(pilot).take_versions(late)
        assert live_of(pilot).versions.items is former


async def test_where_there_is_no_room_the_versions_take_the_place_of_the_details() -> None:
    async with dashboard(size=SMALL) as pilot:
        assert "Versions of" not in text(pilot)
        await press(pilot, "v")
        assert "Versions of progression" in text(pilot)
        assert "Scale features" not in text(pilot)
        await press(pilot, "v")
        assert "Versions of" not in text(pilot)
        assert "Scale features" in text(pilot)
        await press(pilot, "v", "escape")
        assert "Scale features" in text(pilot)


async def test_a_version_is_traced_and_copied() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "v", "down", "y")
        assert pilot.app.clipboard == "models:/progression/5"
        await press(pilot, "enter")
        assert board.traced[-1] == "models:/progression/5"
