"""The table of runs: name and marks stand still, the other columns scroll beneath their headings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from mlops_dash.answers.run_shapes import RunRow
from mlops_dash.ui.widgets.index_table import IndexTable
from mlops_dash.ui.widgets.lines import cut, fit, width_of
from mlops_dash.ui.wording import Line, Span

_LEAD = 4  # cells of mark and status before the name
_GAP = 2
_SPACE = " " * _GAP
_NAME_SHARE = 0.42  # of the width, at most, where other columns want room
_LEAST_NAME = 8
_ROOMY = 96  # cells from which where a run is live is told in words
_WORDS = 200  # cells that are enough for any name


class Shown(Struct, frozen=True):
    """A column that is shown.

    Attributes:
        id: the column's.
        title: its heading.
        cell: draws it.
        most: cells at most.
        right: aligned right; ``None`` where its values decide.
    """

    id: str
    title: str
    cell: Callable[[RunRow], Span]
    most: int = 24
    right: bool | None = None


class RunTable(IndexTable[RunRow]):
    """Runs of an index.

    Args:
        name_of: draws a run's name with what is to be known of it beside it, in words if so many cells are
            enough.
        glyph_of: the glyph of its status.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "columns(-1)", show=False),
        Binding("right", "columns(1)", show=False),
    ]
    NAME: ClassVar[str] = "attributes.run_name"
    _SHORT: ClassVar[str] = ""  # the name with glyphs beside it in place of words

    class HeadingClicked(Message):
        """A heading was clicked: that of the column with ``id``."""

        def __init__(self, column: str) -> None:
            self.column = column
            super().__init__()

    class MarkClicked(Message):
        """The place of the mark was clicked."""

        def __init__(self, key: str) -> None:
            self.key = key
            super().__init__()

    def __init__(
        self,
        *,
        name_of: Callable[[RunRow, int], Line],
        glyph_of: Callable[[RunRow], Span],
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(title="Runs", id=id)
        self._name_of, self._glyph_of = name_of, glyph_of
        self.columns: tuple[Shown, ...] = ()
        self.sort: tuple[str, bool] | None = None
        self.marks: dict[str, None] = {}
        self.headline: Line = ()
        self.nothing: Line = ()
        self.first = 0  # the first column beside the name
        self._wide: dict[str, int] = {}
        self._texts: set[str] = set()  # columns with a value that is no number
        self._header: tuple[object, list[Line]] = (None, [])
        self._places: list[tuple[int, int, str]] = []

    # -- what is shown ------------------------------------------------------------------------------------

    def reshape(self, columns: Sequence[Shown]) -> None:
        """Have other columns; their widths are those of the rows that are held."""
        self.columns = tuple(columns)
        self.first = 0
        self._wide, self._texts = {}, set()
        self.rows_came(self._held.rows.values())
        self.redraw()

    def redraw(self) -> None:
        """Draw again: marks, the order, or the time have changed."""
        self._header = (None, [])
        self.forget_strips()

    def rows_came(self, rows: Iterable[RunRow]) -> bool:
        """Columns grow, and never shrink: they stand still while one scrolls. Tell whether one did."""
        wide, texts = self._wide, self._texts
        before = (dict(wide), len(texts))
        for row in rows:
            for key, cells in ((self.NAME, _WORDS), (self._SHORT, 0)):
                wide[key] = max(wide.get(key, 0), width_of(self._name_of(row, cells)))
            for column in self.columns:
                text, role = column.cell(row)
                cells = len(text) if text.isascii() else cell_len(text)
                if cells > wide.get(column.id, 0):
                    wide[column.id] = min(column.most, cells)
                if (
                    column.right is None
                    and column.id not in texts
                    and role != "faint"
                    and not _is_number(text)
                ):
                    texts.add(column.id)
        grown = before != (wide, len(texts))
        if grown:
            self._header = (None, [])
        return grown

    # -- columns ------------------------------------------------------------------------------------------

    def plan(self, width: int) -> tuple[int, list[tuple[Shown, int]]]:
        """Return the cells of the name, and the columns beside it that fit with theirs."""
        name = max(self._wide.get(self.NAME, 0), 6)
        rest = self.columns[self.first :]
        room = width - _LEAD - sum(_GAP + self._cells(column) for column in rest)
        if name > room and rest:  # the name gives way, but only as far as another column needs it
            wanted = name if width >= _ROOMY else self._wide.get(self._SHORT, 0)
            least = max(min(wanted, int(width * _NAME_SHARE)), _LEAST_NAME)
            name = max(min(name, room), least)
        name = max(1, min(name, width - _LEAD))
        shown: list[tuple[Shown, int]] = []
        at = _LEAD + name
        for column in rest:
            cells = self._cells(column)
            if at + _GAP + cells > width:
                break
            shown.append((column, cells))
            at += _GAP + cells
        return name, shown

    def _cells(self, column: Shown) -> int:
        arrow = 2 if self.sort is not None and self.sort[0] == column.id else 0
        return max(self._wide.get(column.id, 0), len(column.title) + arrow)

    def _right(self, column: Shown) -> bool:
        return column.id not in self._texts if column.right is None else column.right

    def action_columns(self, step: int) -> None:
        """Scroll the columns by one."""
        _, shown = self.plan(self.inner_width - 1)
        more = self.first + len(shown) < len(self.columns)
        if (step > 0 and more) or (step < 0 and self.first):
            self.first += step
            self.redraw()

    def reveal_column(self, column: str) -> None:
        """Scroll the columns until one is in sight."""
        ids = [each.id for each in self.columns]
        if column not in ids:
            return
        at = ids.index(column)
        if at < self.first:
            self.first = at
        while self.first < at and column not in [each.id for each, _ in self.plan(self.inner_width - 1)[1]]:
            self.first += 1
        self.redraw()

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """As the key."""
        event.stop()
        self.action_columns(1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """As the key."""
        event.stop()
        self.action_columns(-1)

    # -- drawing ------------------------------------------------------------------------------------------

    def header_lines(self, width: int) -> list[Line]:
        """What is shown and in which order; the headings."""
        key = (width, self.has_focus)
        if self._header[0] != key:
            self._header = (key, [self._strip_line(width), self._headings(width)])
        return self._header[1]

    def _strip_line(self, width: int) -> Line:
        _, shown = self.plan(width - 1)
        role = "title" if self.has_focus else "strong"
        left: Line = (("─ ", "faint"), (self.title, role), *self.headline, (" ", "faint"))
        right: Line = ()
        for text in self._counted(len(shown)):
            right = ((f" {text} ─", "dim"),)
            if width_of(left) + width_of(right) <= width:
                break
        left = cut(left, width - width_of(right))
        return (*left, ("─" * max(0, width - width_of(left) - width_of(right)), "faint"), *right)

    def _counted(self, shown: int) -> list[str]:
        """Return which columns are in sight, the longest form first; none where all are."""
        last, count = self.first + shown, len(self.columns)
        if shown == count:
            return []
        back, on = "‹ " if self.first else "", " ›" if last < count else ""
        forms = (f"columns {self.first + 1}–{last} of {count}", f"{last} of {count}", f"{last}/{count}", "")
        return [f"{back}{form}{on}".strip() for form in forms]

    def _headings(self, width: int) -> Line:
        name, shown = self.plan(width - 1)
        self._places = [(1 + _LEAD, 1 + _LEAD + name, self.NAME)]
        spans: list[Span] = [(" " * (1 + _LEAD), "dim"), *fit(self._heading(self.NAME, "NAME"), name)]
        at = 1 + _LEAD + name
        for column, cells in shown:
            spans.append((" " * _GAP, "dim"))
            spans += fit(self._heading(column.id, column.title), cells, right=self._right(column))
            self._places.append((at, at + _GAP + cells, column.id))
            at += _GAP + cells
        return tuple(spans)

    def _heading(self, column: str, title: str) -> Line:
        if self.sort is None or self.sort[0] != column:
            return ((title, "dim"),)
        return ((title, "strong"), (" ↓" if self.sort[1] else " ↑", "accent"))

    def line_count(self) -> int:
        """The rows; without any, the line that says so."""
        return self.item_count() or (1 if self.nothing else 0)

    def body_line(self, line: int, width: int) -> Line:
        """A run; a placeholder where it is not held yet."""
        if not self.item_count():
            return cut(((" " * _LEAD, "text"), *self.nothing), width)
        key = self.key_at(line)
        name, shown = self.plan(width)
        mark: Span = (" ", "text")
        if key in self.marks:
            mark = ("▣", "accent") if key == next(iter(self.marks)) else ("■", "accent")
        row = self.row_at(line)
        if row is None:
            said = "gone: it was deleted meanwhile" if self.is_gone(line) else "·" * min(name, 12)
            return cut((mark, (" " * (_LEAD - 1), "text"), (said, "dim")), width)
        spans: list[Span] = [mark, (" ", "text"), self._glyph_of(row), (" ", "text")]
        spans += fit(self._name_of(row, name), name)
        for column, cells in shown:
            text, role = column.cell(row)
            right = self._right(column)
            if len(text) <= cells and text.isascii():  # one span for each cell: most of a repaint is spans
                spans.append((_SPACE + (text.rjust(cells) if right else text.ljust(cells)), role))
            else:
                spans += [(_SPACE, "text"), *fit(((text, role),), cells, right=right)]
        return tuple(spans)

    def item_of(self, line: int) -> int:
        """The run of a line; none where there are none."""
        return line if self.item_count() else -1

    # -- mouse --------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """A click on a heading sorts, one before the name marks."""
        header = len(self.header_lines(self.inner_width))
        if event.y == header - 1:
            event.prevent_default()
            column = next((name for start, end, name in self._places if start <= event.x < end), None)
            if column is not None:
                self.post_message(self.HeadingClicked(column))
        elif 1 <= event.x < _LEAD and (item := self._item_under(event.y)) is not None:
            event.prevent_default()
            self._go(item)
            self.post_message(self.MarkClicked(self.key_at(item)))

    def _item_under(self, y: int) -> int | None:
        return super()._item_under(y) if self.item_count() else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
