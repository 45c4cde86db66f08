"""Drives the dashboard without a terminal and reads what is on its screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import textual.app
import textual.pilot
from textual.pilot import Pilot

from mlops_dash.ui.app import Opening
from mlops_dash.ui.dashboard import Dashboard
from mlops_dash.ui.glance import Glance
from ui.answers import NOW, HandBoard

SMALL, LARGE = (80, 24), (160, 45)


class FixedClock(Dashboard):
    """The dashboard at the time of the answers; what it says stays, however slow the machine is."""

    NOTIFICATION_TIMEOUT = 3600.0

    def now(self) -> Any:
        return NOW


@asynccontextmanager
async def dashboard(
    board: HandBoard | None = None,
    size: tuple[int, int] = SMALL,
    *,
    theme: str | None = None,
    seen: Glance | None = None,
    place: Path | None = None,
) -> AsyncIterator[Pilot[None]]:
    """Run the dashboard on ``board`` until its first answers are shown."""
    made = board or HandBoard()
    opening = Opening(lambda: made)
    if seen is None:
        opening.start().result()
    app = FixedClock(opening, seen=seen, place=place)
    async with app.run_test(size=size) as pilot:
        if theme is not None:
            app.theme = theme
        await settle(pilot)
        yield pilot
        made.gate.set()
    app.let_go()


async def settle(pilot: Pilot[None]) -> None:
    """Wait until nothing is asked or read and all messages are handled."""
    app = pilot.app
    assert isinstance(app, Dashboard)
    quiet = 0  # an answer's message may make the app ask again
    for _ in range(4000):
        await pilot.pause(0.002)  # all messages so far are handled
        done = app.fatal is not None  # nothing is read then
        done = done or (app.reader is not None and (app.reader.idle or not gate_open(app)))
        quiet = quiet + 1 if done and _is_painted(app) else 0
        if quiet > 5:
            break


def _is_painted(app: Dashboard) -> bool:
    """Whether nothing waits to be laid out, drawn or called after a refresh, and no key is kept."""
    screen = app.screen
    waits = screen._dirty_widgets or screen._callbacks or app._animator._animations
    return (
        not waits
        and app._held is None
        and not any(
            one._layout_required or one._repaint_required or one._scroll_required or one._recompose_required
            for one in screen.walk_children(with_self=True)
        )
    )


def gate_open(app: Dashboard) -> bool:
    """Whether the board's refreshes may end."""
    board = app.board
    return not isinstance(board, HandBoard) or board.gate.is_set()


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, each settled."""
    for key in keys:
        await type_keys(pilot, key)


async def type_keys(pilot: Pilot[None], *keys: str) -> None:
    """Press keys one after another, and settle then."""
    with _at_once():
        await pilot.press(*keys)
    await settle(pilot)


@contextmanager
def _at_once() -> Iterator[None]:
    """Have Textual's pilot not sleep after each key until the process is idle: :func:`settle` knows when."""
    slow = textual.app.wait_for_idle
    textual.app.wait_for_idle = textual.pilot.wait_for_idle = _a_moment
    try:
        yield
    finally:
        textual.app.wait_for_idle = textual.pilot.wait_for_idle = slow


async def _a_moment(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
    await asyncio.sleep(0.001)


def lines(pilot: Pilot[None]) -> list[str]:
    """The screen as text, as it goes to the terminal."""
    return [
        "".join(segment.text for segment in strip) for strip in pilot.app.screen._compositor.render_strips()
    ]


def text(pilot: Pilot[None]) -> str:
    """The screen as one text."""
    return "\n".join(lines(pilot))


def line_with(pilot: Pilot[None], *words: str) -> str:
    """The first line that contains all of ``words``."""
    for line in lines(pilot):
        if all(word in line for word in words):
            return line
    raise AssertionError(f"no line has {words}:\n{text(pilot)}")


def live_of(pilot: Pilot[None]) -> Any:
    """The Live screen."""
    return next(screen for screen in pilot.app.screen_stack if type(screen).__name__ == "LiveScreen")


def said(pilot: Pilot[None]) -> list[str]:
    """What was notified and is still shown."""
    return [notification.message for notification in pilot.app._notifications]


async def until_said(pilot: Pilot[None], words: str, seconds: float = 30.0) -> None:
    """Wait until a notification has ``words``."""
    end = time.monotonic() + seconds
    while not any(words in message for message in said(pilot)):
        assert time.monotonic() < end, f"{words!r} is not said: {said(pilot)}"
        await pilot.pause(0.01)


async def until(pilot: Pilot[None], *words: str, seconds: float = 30.0) -> str:
    """Wait until all of ``words`` are on the screen; return it."""
    end = time.monotonic() + seconds
    while any(word not in (shown := text(pilot)) for word in words):
        assert time.monotonic() < end, f"{words} are not on the screen:\n{shown}"
        await pilot.pause(0.01)
    return shown
