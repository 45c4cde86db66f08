"""Keys that come early: what is typed before an opened prompt or dialog can take it is kept for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual import events
from textual.app import App
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

_AT_MOST = 2.0  # seconds; something that opens takes a tenth


class Holding(App[None]):
    """An app that keeps keys while something opens; the screen behind would act on them."""

    class Passed(Message):
        """Every key that was sent to a widget before this has come back from it, or was used there."""

    _held: list[events.Key] | None = None
    _sent_to: Widget | None = None
    _at_last: Timer | None = None

    def hold_keys(self) -> None:
        """Keep what is typed from now on, until :func:`release`."""
        if self._held is None:
            self._held, self._sent_to = [], self.focused or self.screen
            self._at_last = self.set_timer(_AT_MOST, self.release_keys)

    def keep_keys(self, keys: Iterable[events.Key]) -> None:
        """Keep keys as well that were typed before and taken by a widget that could do nothing with them."""
        self.hold_keys()
        assert self._held is not None
        self._held.extend(keys)

    def await_keys(self) -> None:
        """Hand on what was kept as soon as those keys are here, too, that are on their way from the widget
        that had the focus: a message takes the same way behind them."""
        widget = self._sent_to
        if widget is None or not widget.is_attached or not widget.post_message(self.Passed()):
            self.call_later(self.release_keys)

    async def on_holding_passed(self, event: Passed) -> None:
        """Nothing is on its way any more."""
        event.stop()
        await self.release_keys()

    async def release_keys(self) -> None:
        """Hand on what was kept, in the order in which it was typed."""
        if self._at_last is not None:
            self._at_last.stop()
        held = sorted(self._held or (), key=lambda event: event.time)
        self._held = self._sent_to = self._at_last = None
        for event in held:
            await self.on_event(events.Key(event.key, event.character))

    async def on_event(self, event: events.Event) -> None:
        """Keep a key, whether it is new or was sent to the widget that had the focus."""
        if self._held is not None and isinstance(event, events.Key):
            self._held.append(event)
            return
        await super().on_event(event)


def hold(app: App[Any]) -> None:
    """Keep keys: something opens."""
    if isinstance(app, Holding):
        app.hold_keys()


def release(app: App[Any]) -> None:
    """Hand keys on: what has opened has asked for the focus."""
    if isinstance(app, Holding):
        app.call_later(app.await_keys)
