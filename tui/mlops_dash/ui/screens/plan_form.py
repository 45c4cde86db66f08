"""What is typed on the plan screen: the reason, and the name of a protected environment."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from mlops_dash.domain.text import visible
from mlops_dash.ui.widgets.choose import Said
from mlops_dash.ui.wording import Line

_LONGEST = 20_000
"""Characters of a reason that can be typed or pasted; fewer are kept, and that is said."""


class Early(Widget, can_focus=True):
    """Has the focus while the versions are looked up, and keeps what is typed for the list."""

    DEFAULT_CSS = "Early { height: 0; width: 1; }"
    _NOT_MINE: ClassVar[frozenset[str]] = frozenset({"escape", "ctrl+q", "f1"})

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[events.Key] | None = []

    def handed_on(self) -> list[events.Key]:
        """Return what was typed; nothing is kept any more."""
        keys, self._keys = self._keys or [], None
        return keys

    def on_key(self, event: events.Key) -> None:
        """Keep it."""
        if self._keys is not None and event.key not in self._NOT_MINE:
            self._keys.append(event)
            event.stop()
            event.prevent_default()


class ReasonForm(Container):
    """The fields at the bottom, and a line that says what they are for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll('up')", show=False),
        Binding("down", "scroll('down')", show=False),
        Binding("pageup", "scroll('page_up')", show=False),
        Binding("pagedown", "scroll('page_down')", show=False),
    ]
    DEFAULT_CSS = """
    ReasonForm {
        height: auto;
        background: $panel;
        Horizontal { height: 1; background: $panel; }
        Static { width: auto; padding: 0 1; color: $primary; text-style: bold; background: $panel; }
        Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
        Input:focus { border: none; background-tint: transparent 0%; }
        #name { display: none; }
        &.-protected #name { display: block; }
    }
    """

    class Accepted(Message):
        """Enter was pressed in the last field."""

    class Typed(Message):
        """Something else stands in a field."""

    class Scrolled(Message):
        """The plan above is to be scrolled."""

        def __init__(self, way: str) -> None:
            self.way = way
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="form")
        self._environment = ""
        self.said = Said(())

    def compose(self) -> ComposeResult:
        """Lay out."""
        yield Horizontal(
            Static("reason", markup=False),
            Input(
                placeholder="why: everybody sees it in the history",
                max_length=_LONGEST,
                select_on_focus=False,
                id="reason-text",
            ),
            id="reason",
        )
        yield Horizontal(
            Static("", markup=False, id="name-label"),
            Input(placeholder="it is protected", max_length=200, select_on_focus=False, id="name-text"),
            id="name",
        )
        yield self.said

    @property
    def reason_input(self) -> Input:
        """The field of the reason."""
        return self.query_one("#reason-text", Input)

    @property
    def reason(self) -> str:
        """What is typed as the reason."""
        return self.reason_input.value

    @property
    def name_missing(self) -> bool:
        """The environment is protected, and its name is not typed."""
        if not self.has_class("-protected"):
            return False
        return self.query_one("#name-text", Input).value.strip() != self._environment

    def protect(self, environment: str | None) -> None:
        """Ask for the name of a protected environment to be typed, or not."""
        self._environment = environment or ""
        self.set_class(environment is not None, "-protected")
        if environment is not None:
            self.query_one("#name-label", Static).update(f"type {visible(environment, 60)}")

    def begin(self) -> None:
        """Take the keys."""
        self.reason_input.focus()

    def ask_name(self) -> None:
        """Go to the field of the name."""
        self.query_one("#name-text", Input).focus()

    def forget(self) -> None:
        """Empty the fields."""
        for field in self.query(Input):
            field.value = ""

    def suggest(self, reason: str) -> None:
        """Put a reason into the empty field, which typing adds to or replaces."""
        if not self.reason:
            self.reason_input.value = reason
            self.reason_input.cursor_position = len(reason)

    def say(self, line: Line) -> None:
        """Say something under the fields."""
        self.said.say(line)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on to the name where it is asked for, else accept."""
        event.stop()
        if event.input.id == "reason-text" and self.has_class("-protected") and self.name_missing:
            self.ask_name()
        self.post_message(self.Accepted())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell."""
        event.stop()
        self.post_message(self.Typed())

    def action_scroll(self, way: str) -> None:
        """Tell."""
        self.post_message(self.Scrolled(way))
