"""The versions of the selected environment's model, beside what is live there."""

from __future__ import annotations

import re

import pytest

from mlops_dash.answers.shapes import TraceAnswer
from mlops_dash.answers.versions import VersionsAnswer
from mlops_dash.domain.changes import Candidate
from mlops_dash.domain.rebuilds import Verdict
from replacing import replace
from ui.answers import HandBoard, board_rows, live
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


class Rebuilt(HandBoard):
    """A board on which some versions were rebuilt, and what is live in production among them."""

    def __init__(self) -> None:
        verdicts = {"production": Verdict.IDENTICAL, "staging": None, "canary": Verdict.DIVERGED}
        super().__init__(live([replace(row, rebuilt=verdicts[row.environment]) for row in board_rows()]))
        self.verdicts = {"4": Verdict.IDENTICAL, "3": Verdict.DIVERGED, "2": Verdict.EQUIVALENT}

    def versions(self, model: str, environment: str | None = None) -> VersionsAnswer:
        answer = super().versions(model, environment)
        rows = tuple(replace(row, rebuilt=self.verdicts.get(row.version)) for row in answer.rows)
        return replace(answer, rows=rows)

    def candidates(self, environment: str, model: str | None = None) -> tuple[Candidate, ...]:
        found = super().candidates(environment, model)
        return tuple(replace(row, rebuilt=self.verdicts.get(row.version)) for row in found)

    def trace(self, ref: str) -> TraceAnswer:
        answer = super().trace(ref)
        told = {"models:/progression/4": {"rebuilt": "identical"}}
        nodes = (replace(node, facts={**node.facts, **told.get(node.id, {})}) for node in answer.nodes)
        return replace(answer, nodes=tuple(nodes))


SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])


@SIZES
async def test_a_version_that_was_rebuilt_carries_its_verdict(size: tuple[int, int]) -> None:
    async with dashboard(Rebuilt(), size) as pilot:
        if size == SMALL:
            await press(pilot, "v")
        assert "REBUILT" in text(pilot)
        assert "● identical" in line_with(pilot, "● v4")
        assert "✗ diverged" in line_with(pilot, "  v3")
        assert "● equivalent" in line_with(pilot, "  v2")
        assert not re.search("identical|equivalent|diverged", line_with(pilot, "  v1"))


@SIZES
async def test_what_could_be_gone_back_to_carries_it_too(size: tuple[int, int]) -> None:
    async with dashboard(Rebuilt(), size) as pilot:
        await press(pilot, "R")
        assert "● identical" in line_with(pilot, "▸ v4")
        assert "✗ diverged" in line_with(pilot, "  v3")
        assert "● identical, as the tag mlops-dash.rebuilt says" in line_with(pilot, "rebuilt  ")
        await press(pilot, "end")
        assert "as the tag" not in text(pilot)


@SIZES
async def test_where_none_was_rebuilt_nothing_is_said_of_it(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, "v")
        assert "REBUILT" not in text(pilot)
        await press(pilot, "R")
        assert "REBUILT" not in text(pilot)


@SIZES
async def test_the_lineage_of_a_version_tells_its_verdict(size: tuple[int, int]) -> None:
    async with dashboard(Rebuilt(), size) as pilot:
        await press(pilot, "enter", "down")
        assert "● identical" in line_with(pilot, "└─ ◆ progression v4")
        assert "● identical, as the tag" in text(pilot)


async def test_the_verdict_of_what_is_live_stands_beside_whether_it_can_be_rebuilt() -> None:
    async with dashboard(Rebuilt(), LARGE) as pilot:
        assert "rebuilt: ● identical" in line_with(pilot, "rebuild  ")
        await press(pilot, "down")
        assert "rebuilt: ●" not in text(pilot)
        assert "rebuilt: ✗" not in text(pilot)
        await press(pilot, "down")
        assert "rebuilt: ✗ diverged" in line_with(pilot, "rebuild  ")
