"""The one-line prompt at the bottom: a filter, or a reference to follow."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from mlops_dash.ui.holding import release


class Prompt(Horizontal):
    """Asks for a line of text.

    Args:
        purpose: ``filter`` or ``ask``.
        label: what is asked for, before the text.
        value: the text to begin with.
        hint: what may be typed, shown while nothing is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", show=False)]
    DEFAULT_CSS = """
    Prompt {
        height: 1;
        background: $panel;
        Static { width: auto; padding: 0 1; color: $primary; text-style: bold; background: $panel; }
        Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
        Input:focus { border: none; background-tint: transparent 0%; }
    }
    """

    class Changed(Message):
        """The text changed."""

        def __init__(self, purpose: str, text: str) -> None:
            self.purpose, self.text = purpose, text
            super().__init__()

    class Done(Message):
        """Enter was pressed, or with ``text`` None escape."""

        def __init__(self, purpose: str, text: str | None) -> None:
            self.purpose, self.text = purpose, text
            super().__init__()

    def __init__(self, purpose: str, label: str, *, value: str = "", hint: str = "") -> None:
        super().__init__()
        self.purpose = purpose
        self._label, self._value, self._hint = label, value, hint

    def compose(self) -> ComposeResult:
        """Lay out."""
        yield Static(self._label, markup=False)
        yield Input(self._value, placeholder=self._hint, select_on_focus=False)

    def on_mount(self) -> None:
        """Take the keys."""
        self.query_one(Input).focus()
        release(self.app)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell."""
        event.stop()
        self.post_message(self.Changed(self.purpose, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Tell."""
        event.stop()
        self.post_message(self.Done(self.purpose, event.value))

    def action_give_up(self) -> None:
        """Escape."""
        self.post_message(self.Done(self.purpose, None))
