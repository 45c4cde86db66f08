"""What every list of the dashboard is: a scroll view that paints only the lines in sight, with a cursor."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_dash.ui.commands import bindings
from mlops_dash.ui.theme import Palette, palette_of
from mlops_dash.ui.widgets.lines import fit, paint
from mlops_dash.ui.wording import Line


class ListView(ScrollView, can_focus=True):
    """A virtual list of items, each of one or more lines, under fixed header lines.

    Subclasses say how many lines there are and which item each belongs to; items that are not selectable are
    stepped over. The cursor stays on its item's key when the items change.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(moves=True)]
    DEFAULT_CSS = """
    ListView {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        background: $background;
    }
    """
    _CACHED: ClassVar[int] = 512

    class Selected(Message):
        """The cursor is on another item, or on one whose facts changed."""

        def __init__(self, view: ListView, key: str | None) -> None:
            self.view = view
            self.key = key
            super().__init__()

        @property
        def control(self) -> ListView:
            """The list."""
            return self.view

    class Opened(Message):
        """An item was double-clicked."""

        def __init__(self, view: ListView, key: str) -> None:
            self.view = view
            self.key = key
            super().__init__()

        @property
        def control(self) -> ListView:
            """The list."""
            return self.view

    def __init__(self, *, title: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.title = title
        self.steady_cursor = False
        self.led = False  # something else has the focus and moves the cursor here
        self.note = ""
        self.cursor: int | None = None
        self._hovered: int | None = None
        self._given = -1  # lines that the last layout was told of
        self._strips: dict[tuple[int, int, bool, bool], Strip] = {}
        self._drawn_on: Style | None = None

    # -- for subclasses -----------------------------------------------------------------------------------

    def item_count(self) -> int:
        """How many items there are."""
        raise NotImplementedError

    def key_at(self, item: int) -> str:
        """The key of an item."""
        raise NotImplementedError

    def line_count(self) -> int:
        """How many lines all items take at the present width."""
        return self.item_count()

    def item_of(self, line: int) -> int:
        """The item that a line belongs to."""
        return line

    def lines_of(self, item: int) -> range:
        """The lines of an item."""
        return range(item, item + 1)

    def selectable(self, item: int) -> bool:
        """Whether the cursor can stand on an item."""
        return True

    def body_line(self, line: int, width: int) -> Line:
        """Draw a line of the body."""
        raise NotImplementedError

    def header_lines(self, width: int) -> list[Line]:
        """Draw the fixed lines above the body."""
        return [self._rule(width)] if self.title else []

    # -- state --------------------------------------------------------------------------------------------

    @property
    def selected_key(self) -> str | None:
        """The key of the item under the cursor."""
        return None if self.cursor is None or self.cursor >= self.item_count() else self.key_at(self.cursor)

    def items_changed(self, keep: str | None, *, tell: bool = True) -> None:
        """Lay out again after the items changed; the cursor goes to the item with key ``keep`` if it is still
        there, else stays near where it was."""
        count = self.item_count()
        former = self.cursor
        self.cursor = None
        if keep is not None:
            self.cursor = next((item for item in range(count) if self.key_at(item) == keep), None)
        if self.cursor is None and count:
            self.cursor = self._nearest(min(former or 0, count - 1))
        self._layout_lines()
        if self.cursor is not None and former != self.cursor:
            self._reveal(self.cursor)
        if tell:
            self.post_message(self.Selected(self, self.selected_key))

    def select(self, key: str) -> bool:
        """Put the cursor on the item with ``key``; tell whether there is one."""
        for item in range(self.item_count()):
            if self.key_at(item) == key and self.selectable(item):
                self._go(item)
                return True
        return False

    def forget_strips(self) -> None:
        """Draw again what is in sight."""
        self._strips.clear()
        self._drawn_on = None
        self.refresh()

    @property
    def inner_width(self) -> int:
        """Cells of a line: all but the scroll bar's."""
        return self.scrollable_content_region.width

    def _layout_lines(self) -> None:
        self._strips.clear()
        width = self.inner_width
        lines = self.line_count() + len(self.header_lines(width))
        self.virtual_size = Size(width, lines)
        # the layout of all is only done again where this takes another height in it
        grows = lines != self._given and self.styles.height is not None and self.styles.height.is_auto
        self.refresh(layout=grows)

    def _nearest(self, item: int) -> int | None:
        count = self.item_count()
        after = (other for other in range(item, count) if self.selectable(other))
        before = (other for other in range(item - 1, -1, -1) if self.selectable(other))
        found = next(after, None)
        return next(before, None) if found is None else found

    # -- moving -------------------------------------------------------------------------------------------

    def action_move(self, command: str) -> None:
        """Move the cursor: up, down, page_up, page_down, first, last."""
        count = self.item_count()
        if not count:
            return
        here = self.cursor or 0
        page = max(1, self.size.height - len(self.header_lines(self.inner_width)) - 1)
        if command in {"up", "down"}:
            step = 1 if command == "down" else -1
            target = here + step
            while 0 <= target < count and not self.selectable(target):
                target += step
            if 0 <= target < count:
                self._go(target)
            elif step < 0:
                self.scroll_to(y=0, animate=False)
            return
        if command in {"page_up", "page_down"}:
            line = self.lines_of(here).start + (page if command == "page_down" else -page)
            wanted = self.item_of(max(0, min(line, self.line_count() - 1)))
        else:
            wanted = 0 if command == "first" else count - 1
        found = self._nearest(wanted)
        if found is not None:
            self._go(found)

    def _go(self, item: int) -> None:
        if item == self.cursor:
            self._reveal(item)
            return
        self.cursor = item
        self._reveal(item)
        self.refresh()
        self.post_message(self.Selected(self, self.selected_key))

    def _reveal(self, item: int) -> None:
        lines = self.lines_of(item)
        header = len(self.header_lines(self.inner_width))
        height = self.size.height - header
        if height <= 0:
            return
        top = self.scroll_offset.y
        if lines.start < top:
            top = 0 if self._nearest(0) == item else lines.start
        elif lines.stop > top + height:
            top = min(lines.start, lines.stop - height)
        else:
            return
        self.scroll_to(y=top, animate=False)

    # -- mouse --------------------------------------------------------------------------------------------

    def _item_under(self, y: int) -> int | None:
        header = len(self.header_lines(self.inner_width))
        line = y - header + self.scroll_offset.y
        if y < header or not 0 <= line < self.line_count():
            return None
        item = self.item_of(line)
        return item if self.selectable(item) else None

    def on_click(self, event: events.Click) -> None:
        """Select; a second click opens."""
        item = self._item_under(event.y)
        if item is None:
            return
        self._go(item)
        if event.chain == 2:
            self.post_message(self.Opened(self, self.key_at(item)))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Mark what the mouse is over."""
        item = self._item_under(event.y)
        if item != self._hovered:
            self._hovered = item
            self.refresh()

    def on_leave(self) -> None:
        """Unmark."""
        self._hovered = None
        self.refresh()

    def on_focus(self) -> None:
        """Draw the cursor as the active one."""
        self._forget_cursor()

    def on_blur(self) -> None:
        """Draw the cursor as a passive one."""
        self._forget_cursor()

    def _forget_cursor(self) -> None:
        self._strips = {key: strip for key, strip in self._strips.items() if not key[2]}
        self.refresh()

    def on_resize(self) -> None:
        """Lay out for the new width."""
        self._layout_lines()
        if self.cursor is not None:
            self._reveal(self.cursor)

    # -- painting -----------------------------------------------------------------------------------------

    @property
    def palette(self) -> Palette:
        """The styles of the theme in force."""
        return palette_of(self.app.theme_variables)

    def notify_style_update(self) -> None:
        """A theme changed."""
        self._strips.clear()
        self._drawn_on = None
        super().notify_style_update()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Auto height is that of header and body."""
        self._given = self.line_count() + len(self.header_lines(width))
        return self._given

    def render_line(self, y: int) -> Strip:
        """Paint a line in sight."""
        width = self.inner_width
        header = self.header_lines(width)
        if y < len(header):
            return paint(header[y], width, self.palette, self._base())
        line = y - len(header) + self.scroll_offset.y
        if line >= self.line_count():
            return Strip.blank(width, self._base())
        item = self.item_of(line)
        under, hovered = item == self.cursor, item == self._hovered
        key = (line, width, under, hovered)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) > self._CACHED:
                self._strips.clear()
            strip = self._strips[key] = self._paint_body(line, width, under, hovered)
        return strip

    def _paint_body(self, line: int, width: int, under: bool, hovered: bool) -> Strip:
        palette = self.palette
        base = self._base()
        mark = " "
        if under and (self.has_focus or self.steady_cursor):
            base += palette.cursor if self.has_focus or self.led else palette.selected
            mark = "▌"
        elif hovered:
            base += palette.hover
        role = "accent" if self.has_focus or self.led else "dim"
        return paint(((mark, role), *self.body_line(line, width - 1)), width, palette, base)

    def _base(self) -> Style:
        if self._drawn_on is None:  # to be found out with all ancestors: too much for every line
            style = self.rich_style
            self._drawn_on = Style(color=style.color, bgcolor=style.bgcolor)
        return self._drawn_on

    def _rule(self, width: int) -> Line:
        role = "title" if self.has_focus else "strong"
        line: Line = (("─ ", "faint"), (self.title, role))
        if self.note:
            line = (*line, (f" · {self.note}", "dim"))
        used = sum(len(text) for text, _ in line)
        return fit((*line, (" " + "─" * max(0, width - used - 2), "faint")), width)

    def region_of_cursor(self) -> Region:
        """Where the cursor is, within the widget."""
        line = 0 if self.cursor is None else self.lines_of(self.cursor).start
        header = len(self.header_lines(self.inner_width))
        return Region(0, header + line - self.scroll_offset.y, self.size.width, 1)
