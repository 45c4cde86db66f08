"""The configuration is read again on ``r``; a wrong one is told, and the board stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from mlops_dash.config import Config, UiConfig
from mlops_dash.errors import ConfigError
from mlops_dash.project import open_project
from mlops_dash.ui.app import Opening
from mlops_dash.ui.theme import LIGHT
from ui.answers import HandBoard, live, row
from ui.driving import LARGE, FixedClock, lines, press, said, settle, text

RARELY = UiConfig(refresh=3600.0)


async def until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    """Wait until something is true; the test's own time limit ends it."""
    while not true():
        await pilot.pause()
    await settle(pilot)


async def test_r_reads_a_changed_configuration_again() -> None:
    first = HandBoard(config=Config(ui=RARELY, keys={"theme": "f2", "full": "z"}))
    other = HandBoard(
        live([row("eu-west")]), Config(ui=UiConfig(refresh=1800.0, theme=LIGHT), keys={"refresh": "f5"})
    )
    boards = [first, other]
    app = FixedClock(Opening(lambda: boards.pop(0)).start())
    async with app.run_test(size=LARGE) as pilot:
        await settle(pilot)
        await press(pilot, "r")
        assert app.board is first  # nothing has changed
        first.changed_configuration = True
        await press(pilot, "r")
        await until(pilot, lambda: app.board is other and first.closed)
        assert "eu-west" in text(pilot)
        assert "f5 refresh" in lines(pilot)[-1]
        assert "f full" in lines(pilot)[-1]
        assert app.theme == LIGHT
        await press(pilot, "f2")  # it was the theme's key
        assert app.theme == LIGHT
        count = other.refreshed
        await press(pilot, "r")
        assert other.refreshed == count
        await press(pilot, "f5")
        assert other.refreshed == count + 1
    app.let_go()


async def test_a_wrong_configuration_is_told_and_the_board_stays() -> None:
    problem = "/home/dev/wine/mlops-dash.toml, line 3: keys.quit “r” is the key of refresh too"
    tries: list[HandBoard] = []

    def wrong_at_first() -> HandBoard:
        tries.append(HandBoard(config=Config(ui=RARELY)))
        if len(tries) == 2:
            raise ConfigError(problem, "choose another")
        return tries[-1]

    app = FixedClock(Opening(wrong_at_first).start())
    async with app.run_test(size=LARGE) as pilot:
        await settle(pilot)
        tries[0].changed_configuration = True
        await press(pilot, "r")
        await until(pilot, lambda: app.misconfigured is not None)
        assert "✗ configuration failed: line 3: keys.quit “r”" in lines(pilot)[0]
        assert "choose another; then press r again" in " ".join(text(pilot).split())
        assert any("key of refresh too" in message for message in said(pilot))
        assert "a1b2c3d" in text(pilot)
        assert app.board is tries[0]
        assert not tries[0].closed
        await press(pilot, "r")
        await until(pilot, lambda: app.board is tries[-1])
        assert "configuration failed" not in text(pilot)
    app.let_go()


def test_a_project_knows_when_its_configuration_changed(tmp_path: Path) -> None:
    folder = tmp_path / "wine"
    folder.mkdir()
    file = folder / "mlops-dash.toml"
    with open_project(folder) as project:
        assert not project.reconfigured()
        file.write_text("[ui]\nrefresh = 7\n")
        assert project.reconfigured()
    with open_project(folder) as project:
        assert not project.reconfigured()
        file.write_text("[ui]\nrefresh = 70\n")
        assert project.reconfigured()
        file.unlink()
        assert project.reconfigured()
    named = tmp_path / "other.toml"
    named.write_text("")
    with open_project(folder, config=named) as project:
        file.write_text("[ui]\nrefresh = 7\n")  # one that is found is not the one that was named
        assert not project.reconfigured()
        named.write_text("[ui]\n")
        assert project.reconfigured()
