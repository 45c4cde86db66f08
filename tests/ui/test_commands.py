"""One table: help, key bar, palette, README and the keys themselves come from it."""

from __future__ import annotations

import pytest

from mlops_dash.config import Config
from mlops_dash.config_file.keys import DEFAULT_KEYS, is_key
from mlops_dash.config_file.problems import THEMES
from mlops_dash.ui import commands
from mlops_dash.ui.screens.help import help_facts
from mlops_dash.ui.theme import THEMES as OWN_THEMES
from ui.answers import HandBoard, live
from ui.driving import LARGE, SMALL, dashboard, lines, live_of, press, said, text, type_keys


def test_help_lists_every_command_with_its_keys() -> None:
    page = [
        (fact.mark[0] if fact.mark else "", "".join(part for part, _ in fact.value))
        for fact in help_facts({})
    ]
    for command in commands.COMMANDS:
        keys = "  ".join(commands.keys_of(command, {})) or "in the palette"
        assert any(mark == keys and value.startswith(command.description) for mark, value in page), command.id


def test_no_two_commands_of_a_screen_share_a_key() -> None:
    for screen in commands.SCREENS:
        keys = [key for command in commands.on_screen(screen) for key in commands.keys_of(command, {})]
        assert len(keys) == len(set(keys))


def test_the_configuration_knows_every_command() -> None:
    assert {command.id: command.keys for command in commands.COMMANDS} == dict(DEFAULT_KEYS)
    assert all(is_key(key) for keys in DEFAULT_KEYS.values() for key in keys.split(",") if key)


async def test_every_theme_that_a_configuration_may_name_exists() -> None:
    async with dashboard() as pilot:
        assert set(THEMES) <= set(pilot.app.available_themes)
        assert {theme.name for theme in OWN_THEMES} <= set(THEMES)


def test_the_readme_table_has_every_command() -> None:
    table = commands.markdown()
    assert all(command.description in table for command in commands.COMMANDS)


@pytest.mark.campaign
@pytest.mark.parametrize("way", [[], ["enter"], ["question_mark"]], ids=["live", "trace", "help"])
async def test_every_command_can_be_given_on_every_screen_without_a_crash(way: list[str]) -> None:
    async with dashboard() as pilot:
        for command in commands.COMMANDS:
            if command.id in {"quit", "suspend", "palette"}:
                continue
            await type_keys(pilot, "1", *way)
            if command.moves:
                await press(pilot, command.keys.split(",")[0])
            else:
                pilot.app.do(command.id)  # type: ignore[attr-defined]
            await type_keys(pilot, "escape", "escape")
            assert pilot.app.is_running


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_opens_and_closes(key: str) -> None:
    async with dashboard() as pilot:
        await press(pilot, key)
        assert "Find a command by name." in text(pilot)
        await press(pilot, "escape")
        assert "production · progression v4" in text(pilot)


@pytest.mark.parametrize("key", ["ctrl+p", "colon"])
async def test_the_palette_does_what_it_lists(key: str) -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, key, *"lineage")
        await pilot.app.workers.wait_for_complete()
        await press(pilot, "escape")
        await press(pilot, "escape")
        titles = [command.title for command in pilot.app.get_system_commands(pilot.app.screen)]
        assert any(title.startswith("Refresh") for title in titles)
        assert "Theme mlops-dash-light" in titles


async def test_a_command_that_cannot_act_says_why() -> None:
    async with dashboard(HandBoard(live([]))) as pilot:
        await press(pilot, "slash")
        assert said(pilot) == ["filter: there is nothing to narrow"]


async def test_back_on_the_first_screen_is_greyed_and_says_why() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "escape")
        assert said(pilot) == ["back: this is the first screen; q leaves"]


async def test_y_copies_what_is_selected_and_says_what() -> None:
    async with dashboard() as pilot:
        await press(pilot, "y")
        assert pilot.app.clipboard == "models:/progression/4"
        await press(pilot, "tab", "tab", *["down"] * 5, "y")
        assert pilot.app.clipboard == "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
        assert "Copied code: a1b2c3d4e5f60718293a4b5c6d7e8f9012345678" in said(pilot)


async def test_o_opens_the_serving_address_and_nothing_else() -> None:
    opened: list[str] = []
    async with dashboard() as pilot:
        pilot.app.open_url = lambda url, *, new_tab=True: opened.append(url)  # type: ignore[method-assign]
        await press(pilot, "o")
        assert opened == ["http://127.0.0.1:5123"]


async def test_f_gives_a_panel_the_whole_screen_and_back() -> None:
    async with dashboard(size=SMALL) as pilot:
        await press(pilot, "tab", "tab", "f")
        assert "Attention" not in text(pilot)
        assert lines(pilot)[1].startswith("─ production · progression v4")
        await press(pilot, "f")
        assert "Attention" in text(pilot)


async def test_a_click_on_a_key_does_what_the_key_does() -> None:
    async with dashboard(size=LARGE) as pilot:
        at = lines(pilot)[-1].index("? help")
        await pilot.click(offset=(at + 1, LARGE[1] - 1))
        await press(pilot)
        assert "Find a command by name." in text(pilot)


async def test_a_click_on_a_screens_name_goes_there() -> None:
    async with dashboard(size=LARGE) as pilot:
        at = lines(pilot)[0].index("Trace")
        await pilot.click(offset=(at + 1, 0))
        await press(pilot)
        assert pilot.app.current_mode == "trace"


async def test_rebound_keys_act_and_are_shown() -> None:
    board = HandBoard(config=Config(keys={"full": "z", "help": "h"}))
    async with dashboard(board, LARGE) as pilot:
        assert "z full" in lines(pilot)[-1]
        assert "h help" in lines(pilot)[-1]
        await press(pilot, "tab", "z")
        assert live_of(pilot).has_class("-full")


async def test_q_leaves_with_status_0() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "tab")
        await pilot.press("q")
    assert pilot.app.return_code == 0
    assert board.closed
