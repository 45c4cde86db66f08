"""A dialog to choose from a list: typing narrows it, enter takes what is under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mlops_dash.ui.holding import release
from mlops_dash.ui.widgets.bars import Bar
from mlops_dash.ui.widgets.lines import cut, width_of
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.widgets.table import Cell, Column, Give, Table
from mlops_dash.ui.wording import Line

Answer = TypeVar("Answer")
_AROUND = 8  # lines of the screen that are not the list's


class Choice(Struct, frozen=True):
    """Something to choose.

    Attributes:
        key: what tells it from the others.
        cells: how it is drawn, one form for each column.
        text: what typing looks in.
    """

    key: str
    cells: tuple[Line, ...]
    text: str


class Typed(Input):
    """What narrows the list. A blank is a key of the dialog's, where it has one for it."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Tell whether a key is text."""
        mine = isinstance(self.screen, Chooser) and key in self.screen.keys_of_its_own
        return not mine and super().check_consume_key(key, character)


class Said(Bar):
    """The line at the bottom of the dialog: its keys, or what it has to say."""

    DEFAULT_CSS = "Said { height: 1; background: $panel; }"

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def say(self, line: Line) -> None:
        """Say something else."""
        self._line = line
        self.refresh()

    def line(self, width: int) -> Line:
        """Draw it; of keys as many as fit."""
        spans = list(self._line)
        while len(spans) > 2 and spans[-2][1] == "key" and width_of(tuple(spans)) + 1 > width:
            del spans[-2:]
        return cut(((" ", "text"), *spans), width)


class Chooser(ModalScreen[Answer], Generic[Answer]):
    """The dialog. Subclasses say what there is, and what enter answers.

    Args:
        title: what is chosen.
        columns: headings; the first one shrinks where there is no room.
        hint: shown while nothing is typed.
        keys: (key, what it does) for the bottom line.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,ctrl+p", "move('up')", show=False, priority=True),
        Binding("down,ctrl+n", "move('down')", show=False, priority=True),
        Binding("pageup", "move('page_up')", show=False, priority=True),
        Binding("pagedown", "move('page_down')", show=False, priority=True),
        Binding("enter", "take", show=False, priority=True),
        Binding("escape", "give_up", show=False, priority=True),
        Binding("tab,shift+tab", "nothing", show=False, priority=True),
    ]
    keys_of_its_own: ClassVar[frozenset[str]] = frozenset()
    DEFAULT_CSS = """
    Chooser {
        align: center middle;
        background: $background 55%;
        #box {
            width: 84; max-width: 96%;
            height: auto; max-height: 100%;
            background: $panel;
            border: round $primary;
            border-title-color: $primary;
            border-title-style: bold;
        }
        #typed { height: 1; background: $panel; }
        #typed Static { width: auto; padding: 0 1; color: $primary; background: $panel; }
        #typed Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
        #typed Input:focus { border: none; background-tint: transparent 0%; }
        #choices { height: auto; background: $panel; margin: 1 0; }
    }
    """

    def __init__(
        self,
        title: str,
        columns: Sequence[Column],
        *,
        hint: str,
        keys: Sequence[tuple[str, str]],
        gives: Sequence[Give] = (),
    ) -> None:
        super().__init__()
        self._title, self._hint = title, hint
        self._keys: Line = tuple(
            span for key, does in keys for span in ((key, "key"), (f" {does}  ", "text"))
        )
        self.choices: Table[Choice] = Table(
            columns,
            [*gives, Give(0, None, 12)],
            key_of=lambda choice: choice.key,
            cells_of=_cells,
            text_of=lambda choice: choice.text,
            steady=True,
            id="choices",
        )

    # -- for subclasses -----------------------------------------------------------------------------------

    def offered(self) -> Iterable[Choice]:
        """What there is to choose from."""
        raise NotImplementedError

    def begin_at(self) -> str | None:
        """The key under the cursor at first."""
        return None

    def answer(self, key: str | None) -> Answer | None:
        """What enter answers with the cursor on ``key``; ``None`` keeps the dialog open."""
        raise NotImplementedError

    def typed(self, text: str) -> None:
        """Something else was typed."""

    # -- the dialog ---------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Lay out."""
        self.choices.can_focus, self.choices.led = False, True
        box = Container(
            Horizontal(Static("›", markup=False), Typed(placeholder=self._hint), id="typed"),
            self.choices,
            Said(self._keys),
            id="box",
        )
        box.border_title = self._title
        yield box

    def on_mount(self) -> None:
        """Fill, and take the keys."""
        self.offer()
        if (key := self.begin_at()) is not None:
            self.call_after_refresh(self._begin, key)
        self.query_one(Input).focus()
        release(self.app)

    def _begin(self, key: str) -> None:
        if not self.text:  # what was typed meanwhile has chosen
            self.choices.select(key)

    def on_resize(self) -> None:
        """The list takes what the dialog's other lines leave of the screen."""
        self.choices.styles.max_height = max(1, self.app.size.height - _AROUND)

    def offer(self) -> None:
        """Show what there is now."""
        self.choices.show(list(self.offered()))

    def say(self, line: Line) -> None:
        """Say something in place of the keys, until the next key."""
        self.query_one(Said).say(line or self._keys)

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(Input).value

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow."""
        event.stop()
        self._narrow(event.value)

    def _narrow(self, text: str) -> None:
        if self.choices.narrow(text) and text:
            self.choices.select(self.choices.key_at(0))
        self.say(())
        self.typed(text)

    def action_move(self, command: str) -> None:
        """Move the cursor."""
        self.choices.action_move(command)
        self.say(())

    def action_take(self) -> None:
        """Answer with what is under the cursor, once the field has taken the keys before this one."""
        self.query_one(Input).call_later(self._take)

    def _take(self) -> None:
        if self.choices.needle != self.text:
            self._narrow(self.text)
        answer = self.answer(self.choices.selected_key)
        if answer is not None:
            self.dismiss(answer)

    def action_give_up(self) -> None:
        """Answer with nothing."""
        self.dismiss(None)

    def action_nothing(self) -> None:
        """There is one field only."""

    def on_list_view_opened(self, event: ListView.Opened) -> None:
        """A double click is enter."""
        event.stop()
        self.action_take()

    def on_list_view_selected(self, event: ListView.Selected) -> None:
        """Nobody else has to know."""
        event.stop()

    def on_click(self, event: events.Click) -> None:
        """A click beside the dialog leaves it."""
        if event.widget is self:
            self.dismiss(None)


def _cells(choice: Choice) -> Sequence[Cell]:
    return [(line,) for line in choice.cells]


Chosen = Callable[[Answer | None], None]
