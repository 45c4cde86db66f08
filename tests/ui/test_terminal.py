"""Fault 76 and its kin: signals, ctrl-Z, a lost terminal; and what reaches the terminal."""

from __future__ import annotations

import os
import re
import signal
import termios

import pytest

from ui.pseudo import Pseudo

OFF = (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[?25h")


def restored(app: Pseudo) -> bool:
    """Whether the modes that were switched on are off again, and the line discipline is as before."""
    modes = all(
        app.raw.rfind(off) > app.raw.rfind(off[:-1] + (b"h" if off[-1:] == b"l" else b"l")) for off in OFF
    )
    return modes and termios.tcgetattr(app.fd)[:4] == app.settings[:4]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
@pytest.mark.parametrize("load", [(), ("SLOW",)], ids=["idle", "reading"])
def test_fault_76_a_signal_ends_it_within_two_seconds_and_restores_the_terminal(
    name: str, load: tuple[str, ...]
) -> None:
    number = getattr(signal, name)
    with Pseudo(load) as app:
        app.see("healthy")
        os.kill(app.pid, number)
        status = app.wait(2.0)
        assert os.WIFEXITED(status)
        assert os.WEXITSTATUS(status) == 128 + number
        assert restored(app)


def test_fault_76_ctrl_z_leaves_the_terminal_and_fg_brings_the_board_back() -> None:
    with Pseudo() as app:
        app.see("healthy")
        app.send("\x1a")
        assert os.WIFSTOPPED(app.wait(5.0, os.WUNTRACED))
        assert restored(app)
        app.screen.reset()
        os.kill(app.pid, signal.SIGCONT)
        app.see("healthy")
        app.send("q")
        assert app.wait(2.0) == 0


def test_fault_76_a_lost_terminal_ends_it_within_two_seconds() -> None:
    with Pseudo() as app:
        app.see("healthy")
        os.close(app.fd)
        app.fd = -1
        status = app.wait(2.0)
        assert os.WIFEXITED(status)
        assert os.WEXITSTATUS(status) == 129


def test_quitting_does_not_wait_for_a_reading_under_way() -> None:
    with Pseudo(["SLOW"]) as app:
        app.see("healthy")
        app.send("q")
        assert app.wait(2.0) == 0
        assert restored(app)


def test_fault_75_without_colours_the_board_has_none() -> None:
    with Pseudo(NO_COLOR="1") as app:
        app.see("healthy")
        app.send("q")
        app.wait(2.0)
    colours = {
        tuple(map(int, match.split(b";")))
        for match in re.findall(rb"[34]8;2;(\d+;\d+;\d+)", app.raw)
    }  # fmt: skip
    assert all(max(colour) - min(colour) <= 1 for colour in colours)


def test_fault_74_a_storm_of_sizes_in_a_real_terminal() -> None:
    with Pseudo() as app:
        app.see("healthy")
        for columns, rows in [(20, 5), (1, 1), (200, 60), (2, 40), (160, 2), (80, 24)]:
            app.resize(columns, rows)
            app.pump(0.005)
        app.see("production")
        app.send("q")
        assert app.wait(2.0) == 0
