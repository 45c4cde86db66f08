"""The prompt for a filter in the filter language: what is wrong stands under its place, as one types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.strip import Strip
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static

from mlops_dash.errors import DashError, FilterError
from mlops_dash.ui.theme import palette_of
from mlops_dash.ui.widgets.lines import paint, wrap
from mlops_dash.ui.widgets.prompt import Prompt
from mlops_dash.ui.wording import Line, safe

_LABEL = 3  # cells before the text
_LINES = 3  # of a message
_WORD = re.compile(r"[\w.]+$")
LONGEST = 100_000
"""Characters that can be typed or pasted."""


class Fields(Suggester):
    """Suggests the rest of a field's name: right takes it.

    Args:
        names: what a filter can ask of, the most wanted first.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._names = names

    async def get_suggestion(self, value: str) -> str | None:
        """Return ``value`` with its last word completed."""
        found = _WORD.search(value[-200:])
        if found is None or len(word := found.group()) < 2:
            return None
        name = next((name for name in self._names if name.startswith(word) and name != word), None)
        return value + safe(name[len(word) :], 80) if name is not None else None


class Told(Widget):
    """What is said of the filter: how many match, or what is wrong and where."""

    DEFAULT_CSS = "Told { height: auto; max-height: 4; background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self.told: Line = ()
        self.wrong: DashError | None = None
        self.places = (0, 0)  # cells where the wrong part begins and ends

    def lines(self, width: int) -> list[Line]:
        """Draw: the caret beside the message where there is room, else above it."""
        if self.wrong is None:
            return [(("   ", "text"), *self.told)]
        text = safe(self.wrong.message, 400)
        remedy = f": {safe(self.wrong.remedy, 400)}" if self.wrong.remedy else ""
        said: Line = ((text, "bad"), (remedy, "text"))
        if not isinstance(self.wrong, FilterError):
            return [(("   ", "text"), *line) for line in wrap(said, max(1, width - _LABEL - 1))[:_LINES]]
        start, end = (min(max(0, place), max(0, width - 2)) for place in self.places)
        caret = "▲" * max(1, end - start)
        long = len(text) + len(remedy)
        if start + len(caret) + 1 + long < width:
            return [((" " * start, "text"), (f"{caret} ", "bad"), *said)]
        if start - _LABEL > long + 1:
            return [((" " * (start - long - 1), "text"), *said, (f" {caret}", "bad"))]
        below = wrap(said, max(1, width - _LABEL - 1))[:_LINES]
        return [((" " * start, "text"), (caret, "bad")), *((("   ", "text"), *line) for line in below)]

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As many lines as it takes."""
        return len(self.lines(width))

    def render_line(self, y: int) -> Strip:
        """Paint a line."""
        style = self.rich_style
        base = Style(color=style.color, bgcolor=style.bgcolor)
        lines = self.lines(self.size.width)
        line = lines[y] if y < len(lines) else ()
        return paint(line, self.size.width, palette_of(self.app.theme_variables), base)


class FilterBar(Prompt):
    """Asks for a filter. Up and down bring former ones back.

    Args:
        value: the filter to begin with.
        former: filters that were used, the newest first.
        names: what a filter can ask of.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "former(1)", show=False),
        Binding("down", "former(-1)", show=False),
    ]
    DEFAULT_CSS = """
    FilterBar {
        height: auto;
        layout: vertical;
        #line { height: 1; }
    }
    """

    def __init__(self, value: str, former: Sequence[str], names: Sequence[str]) -> None:
        hint = 'metrics.rmse < 0.8 and params.alpha = "0.5"   ↑ former ones'
        super().__init__("filter", "/", value=value, hint=hint)
        self._former = [text for text in former if text]
        self._names = names
        self._at = -1  # place among the former ones
        self._typed = value

    def compose(self) -> ComposeResult:
        """Lay out."""
        with Horizontal(id="line"):
            yield Static(self._label, markup=False)
            yield Input(
                self._value,
                placeholder=self._hint,
                select_on_focus=False,
                suggester=Fields(self._names),
                max_length=LONGEST,
            )
        yield Told()

    @property
    def text(self) -> str:
        """What is typed."""
        field = next(iter(self.query(Input)), None)
        return field.value if field is not None else self._value

    def say(self, line: Line) -> None:
        """Say something that is right."""
        self._say(line, None)

    def say_wrong(self, error: DashError) -> None:
        """Say what is wrong, under its place."""
        self._say((), error)

    def _say(self, line: Line, error: DashError | None) -> None:
        message = next(iter(self.query(Told)), None)
        if message is not None:
            message.told, message.wrong = line, error
            if isinstance(error, FilterError):
                message.places = (self._cells(error.start), self._cells(error.end))
            message.refresh(layout=True)

    def _cells(self, place: int) -> int:
        """Return the cell of a character, as far as it is scrolled into sight."""
        field = self.query_one(Input)
        return _LABEL + cell_len(field.value[:place]) - round(field.scroll_offset.x)

    def action_former(self, step: int) -> None:
        """Bring a former filter back, and from the newest one on what was typed."""
        at = max(-1, min(self._at + step, len(self._former) - 1))
        if at == self._at:
            return
        field = self.query_one(Input)
        if self._at < 0:
            self._typed = field.value
        self._at = at
        field.value = self._former[at] if at >= 0 else self._typed
        field.cursor_position = len(field.value)
