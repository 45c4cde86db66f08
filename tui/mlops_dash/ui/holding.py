"""Keys that come early: what is typed before an opened prompt or dialog can take it is kept for it."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import App

_AT_MOST = 2.0  # seconds; something that opens takes a tenth


class Holding(App[None]):
    """An app that keeps keys while something opens; the screen behind would act on them."""

    _held: list[events.Key] | None = None

    def hold_keys(self) -> None:
        """Keep what is typed from now on, until :func:`release`."""
        if self._held is None:
            self._held = []
            self.set_timer(_AT_MOST, self.release_keys)

    async def release_keys(self) -> None:
        """Hand on what was kept, in the order in which it was typed."""
        held, self._held = sorted(self._held or (), key=lambda event: event.time), None
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
        app.call_later(app.release_keys)
