"""The start: the glance, failures of opening, and what is imported before the first frame."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
from textual.pilot import Pilot

from mlops_dash.errors import ConfigError, UsageError
from mlops_dash.ui import glance
from mlops_dash.ui.app import Opening, terminal_problem
from mlops_dash.ui.glance import Glance
from ui.answers import HandBoard, live, row
from ui.driving import SMALL, FixedClock, dashboard, press, settle, text


async def test_the_first_frame_is_drawn_from_the_glance_before_the_project_is_open(own_cache: Path) -> None:
    held = Event()
    board = HandBoard(live([row("tomorrow")]))

    def slowly() -> HandBoard:
        held.wait()
        return board

    app = FixedClock(Opening(slowly), seen=Glance("diabetes", None, live([row("yesterday")])))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "yesterday" in text(pilot)
        held.set()
        while app.board is None:
            await pilot.pause()
        await settle(pilot)
        assert "tomorrow" in text(pilot)
    app.let_go()


async def test_what_was_seen_is_kept_for_the_next_start(own_cache: Path) -> None:
    place = glance.place("somewhere")
    async with dashboard(place=place) as pilot:
        await press(pilot, "r")
    kept = glance.load(place)
    assert kept is not None
    assert kept.project == "diabetes"
    assert kept.answer.environments == live().environments


def test_a_glance_that_cannot_be_read_is_none(own_cache: Path) -> None:
    place = glance.place("x")
    assert glance.load(place) is None
    glance.save(place, Glance("p", None, live()))
    whole = place.read_bytes()
    for broken in (b"", whole[:-7], b"\xff" + whole, b"\x00" * 5_000_000):
        place.write_bytes(broken)
        assert glance.load(place) is None
    glance.save(place, Glance("p", None, live(), version="0.0.0-other"))
    assert glance.load(place) is None


def test_a_glance_is_of_one_project_and_one_configuration(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = glance.place("a")
    assert first == glance.place("a")
    assert first != glance.place("b")
    (tmp_path / "mlops-dash.toml").write_text("[ui]\nrefresh = 2.0\n")
    assert first != glance.place("a")


def test_a_cache_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    glance.save(tmp_path / "file" / "below", Glance("p", None, live()))
    assert (tmp_path / "file").read_text() == ""
    assert glance.load(tmp_path / "file" / "below") is None


async def until_told(app: FixedClock, pilot: Pilot[None]) -> None:
    while app.fatal is None:
        await pilot.pause()
    await settle(pilot)


async def test_a_project_that_cannot_be_opened_ends_the_dashboard_with_its_status() -> None:
    def broken() -> HandBoard:
        raise UsageError("there is no folder /nowhere", "name one with --project")

    app = FixedClock(Opening(broken).start())
    async with app.run_test() as pilot:
        await until_told(app, pilot)
    assert app.return_code == 2
    assert "/nowhere" in str(app.fatal)


async def test_a_wrong_configuration_is_told_on_the_first_screen_and_read_again_when_mended() -> None:
    tries: list[HandBoard] = []

    def mended_later() -> HandBoard:
        tries.append(HandBoard())
        if len(tries) == 1:
            problem = "mlops-dash.toml, line 3: there is no setting [b]“colour”"
            raise ConfigError(problem, "did you mean “color”?")
        return tries[-1]

    app = FixedClock(Opening(mended_later).start())
    async with app.run_test(size=SMALL) as pilot:
        await until_told(app, pilot)
        shown = text(pilot)
        assert "The configuration can't be used" in shown
        assert "line 3: there is no setting [b]“colour”" in shown
        assert "did you mean “color”?" in shown
        assert "press r to try again" in shown
        await press(pilot, "r")
        while app.board is None:
            await pilot.pause()
        await settle(pilot)
        assert "can't be used" not in text(pilot)
        assert "a1b2c3d" in text(pilot)
        assert app.fatal is None


def test_fault_75_what_is_no_terminal_is_told_without_textual() -> None:
    code = (
        "import sys; from mlops_dash.ui.app import terminal_problem; print(terminal_problem());"
        "print('textual' in sys.modules, 'rich' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert "needs a terminal" in done.stdout
    assert "False False" in done.stdout


def test_fault_75_a_dumb_terminal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert "TERM=dumb" in (terminal_problem() or "")


def test_nothing_heavy_is_imported_before_the_first_frame() -> None:
    code = (
        "import sys; import mlops_dash.ui.dashboard, mlops_dash.ui.glance;"
        "heavy = {'duckdb', 'pyarrow', 'pandas', 'mlflow', 'git', 'httpx', 'yaml', 'psutil', 'numpy',"
        " 'textual.widgets._data_table', 'textual.widgets._markdown', 'mlops_dash.project',"
        " 'mlops_dash.ui.screens.trace', 'mlops_dash.ui.screens.help'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"


async def test_a_crash_shows_no_values_of_variables() -> None:
    secret = "hunter2-in-a-local-variable"
    app = FixedClock(Opening(HandBoard).start())
    try:
        async with app.run_test() as pilot:

            def broken() -> None:
                password = secret
                raise RuntimeError("broken" if password else "")

            app.call_later(broken)
            await pilot.pause()
            await pilot.pause()
    except RuntimeError:
        pass
    assert app.return_code == 1
    assert app.problems
    assert "RuntimeError: broken" in app.problems[0]
    assert secret not in "".join(app.problems)
    app.let_go()
