"""A list over an index of any length: only the rows in sight, and a page around them, are ever held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct
from textual.geometry import Size
from textual.message import Message

from mlops_dash.ui.widgets.list_view import ListView

Row = TypeVar("Row")
_PAGE = 24  # rows that are held beyond either end of what is in sight, at least


class Index(Protocol):
    """Which rows there are, in order, by key."""

    def __len__(self) -> int:
        """How many."""
        ...

    def run_id(self, place: int) -> str:
        """Return the key of the row at a place."""
        ...

    def run_ids(self, start: int, stop: int) -> Sequence[str]:
        """Return the keys of a stretch."""
        ...

    def place(self, run_id: str) -> int | None:
        """Return where a row is."""
        ...


class Stretch(Struct, Generic[Row], frozen=True):
    """Some rows of an index, from the place ``start`` on; ``None`` for those that are gone."""

    start: int
    keys: Sequence[str]
    rows: Mapping[str, Row]

    @property
    def stop(self) -> int:
        """The place after the last one."""
        return self.start + len(self.keys)


def around(start: int, stop: int, length: int) -> tuple[int, int]:
    """Return the places of what is held while ``start`` to ``stop`` are in sight: as much again around."""
    more = max(_PAGE, stop - start)
    return max(0, start - more), min(length, stop + more)


class IndexTable(ListView, Generic[Row]):
    """Rows of an index under fixed header lines.

    Rows that are not held are drawn as placeholders and asked for with :class:`Wanted`; :meth:`take_rows`
    takes the answer. Held is one stretch only, so memory does not grow with what is scrolled past.

    Attributes:
        index: the rows, ``None`` until there are any.
        chosen: whether a person put the cursor where it is: then it stays on its row in another order.
    """

    class Wanted(Message):
        """Rows in sight, or next to them, are not held: ``first`` to ``end`` are wanted."""

        def __init__(self, index: Index, first: int, end: int) -> None:
            self.index, self.first, self.end = index, first, end
            super().__init__()

    def __init__(self, *, title: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(title=title, id=id)
        self.steady_cursor = True
        self.index: Index | None = None
        self.chosen = False
        self._length = 0
        self._held: Stretch[Row] = Stretch(0, (), {})

    # -- for ListView -------------------------------------------------------------------------------------

    def item_count(self) -> int:
        """How many rows there are."""
        return self._length

    def key_at(self, item: int) -> str:
        """The key of a row that is held, else nothing: an index may have to ask for it."""
        held = self._held
        return held.keys[item - held.start] if held.start <= item < held.stop else ""

    @property
    def selected_key(self) -> str | None:
        """The key of the row under the cursor, once it is known."""
        return super().selected_key or None

    def select(self, key: str) -> bool:
        """Put the cursor on the row with ``key``, if it is held; tell whether it is."""
        held = self._held
        if key in held.rows and key in held.keys:
            self._go(held.start + list(held.keys).index(key))
            return True
        return False

    def _go(self, item: int) -> None:
        self.chosen = item != 0
        super()._go(item)

    def _nearest(self, item: int) -> int | None:
        return item if 0 <= item < self._length else None

    # -- rows ---------------------------------------------------------------------------------------------

    def row_at(self, item: int) -> Row | None:
        """Return a row; ``None`` where it is not held, or gone."""
        return self._held.rows.get(self.key_at(item))

    def is_gone(self, item: int) -> bool:
        """Whether the row was asked for and is not there any more."""
        return bool(key := self.key_at(item)) and key not in self._held.rows

    @property
    def selected(self) -> Row | None:
        """The row under the cursor, where it is held."""
        return None if self.cursor is None or self.cursor >= self._length else self.row_at(self.cursor)

    def sight(self) -> tuple[int, int]:
        """Return the places of the rows in sight."""
        height = max(0, self.size.height - len(self.header_lines(self.inner_width)))
        start = min(max(0, round(self.scroll_y)), self._length)
        return start, min(self._length, start + height)

    def show_index(self, index: Index, held: Stretch[Row], *, cursor: int | None, top: int) -> None:
        """Show another index at once, with the rows that are held of it.

        Args:
            cursor: where the cursor goes.
            top: the first row in sight; moved where the cursor would not be in sight.
        """
        self.index, self._length, self._held = index, len(index), held
        self.rows_came(held.rows.values())
        self.cursor = None if cursor is None or not self._length else min(cursor, self._length - 1)
        self._strips.clear()
        self._layout_lines()
        self._scroll(self._with_cursor(top))
        self._want()
        self.post_message(self.Selected(self, self.selected_key))

    def take_rows(self, index: Index, held: Stretch[Row]) -> None:
        """Hold the rows that were asked for in place of those that were held."""
        if index is not self.index:
            return
        known, former = self.selected_key, self._held.rows
        in_sight = range(*self.sight())
        drawn = [former.get(self.key_at(item)) for item in in_sight]
        self._held = held
        grown = self.rows_came(held.rows.values())
        if grown or drawn != [self.row_at(item) for item in in_sight] or None in drawn:
            self.forget_strips()
        self._want()
        if self.selected_key != known:
            self.post_message(self.Selected(self, self.selected_key))

    def rows_came(self, rows: Iterable[Row]) -> bool:
        """Rows are held from now on: columns may have to grow. Tell whether one did."""
        return False

    def _want(self) -> None:
        """Ask for what is missing in sight or soon will be."""
        if self.index is None or not self._length:
            return
        start, stop = self.sight()
        soon = (stop - start) // 2
        first, last = max(0, start - soon), min(self._length, stop + soon)
        if first < self._held.start or last > self._held.stop:
            self.post_message(self.Wanted(self.index, *around(start, stop, self._length)))

    # -- scrolling ----------------------------------------------------------------------------------------

    def _with_cursor(self, top: int) -> int:
        height = self.size.height - len(self.header_lines(self.inner_width))
        if self.cursor is not None and height > 0:
            top = max(min(top, self.cursor), self.cursor - height + 1)
        return max(0, min(top, self._length - height))

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows come in sight."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._want()

    def on_resize(self) -> None:
        """Other rows come in sight."""
        self._want()

    def _layout_lines(self) -> None:
        width = self.inner_width
        if width != self.virtual_size.width:
            self._strips.clear()  # another height leaves lines as they are
        self.virtual_size = Size(width, self._length + len(self.header_lines(width)))
        self.refresh()
