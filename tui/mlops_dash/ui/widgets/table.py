"""A virtual table: columns drop and shrink by rank until the rows fit, and 100,000 rows mount at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from mlops_dash.ui.widgets.lines import fit, width_of
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.wording import Line

Item = TypeVar("Item")
Cell = tuple[Line, ...]  # forms of one cell, the longest first
_MEASURED = 400  # rows that decide the widths
_DROP = -1


class Column(Struct, frozen=True):
    """A column.

    Attributes:
        title: its heading.
        right: aligned right.
        brief: the heading where the column is cut.
    """

    title: str
    brief: str = ""
    right: bool = False


class Give(Struct, frozen=True):
    """One step of giving way when the row is too wide: ``column`` shows its cells in the given form, is cut
    down to ``least`` cells (``form`` None) or goes (:data:`DROP`). A column of -1 narrows the gaps."""

    column: int
    form: int | None
    least: int = 0


DROP = _DROP
NARROW_GAPS = Give(-1, 1)


class Table(ListView, Generic[Item]):
    """Rows of items under column headings.

    Args:
        columns: the columns.
        gives: in which order they give way.
        key_of: the key of an item.
        cells_of: its cells, one per column; called for rows in sight only.
        text_of: the text that the filter looks in.
        selectable_of: whether the cursor can stand on an item.
        steady: the cursor stays in sight while another panel has the focus.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        gives: Sequence[Give],
        *,
        key_of: Callable[[Item], str],
        cells_of: Callable[[Item], Sequence[Cell]],
        text_of: Callable[[Item], str],
        selectable_of: Callable[[Item], bool] = lambda _: True,
        steady: bool = False,
        title: str = "",
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(title=title, id=id)
        self.steady_cursor = steady
        self._selectable_of = selectable_of
        self.columns = list(columns)
        self._gives = tuple(gives)
        self._key_of, self._cells_of, self._text_of = key_of, cells_of, text_of
        self.items: Sequence[Item] = ()
        self._shown: Sequence[Item] = ()
        self._cells: dict[int, Sequence[Cell]] = {}
        self._plan: tuple[int, dict[int, tuple[int, int]], int] | None = None
        self.needle = ""

    def reshape(self, columns: Sequence[Column], gives: Sequence[Give]) -> None:
        """Have other columns; to be followed by :meth:`show`."""
        self.columns = list(columns)
        self._gives = tuple(gives)
        self._cells.clear()
        self._plan = None

    def cells_by(self, cells_of: Callable[[Item], Sequence[Cell]]) -> None:
        """Draw the cells another way; to be followed by :meth:`show`."""
        self._cells_of = cells_of

    def show(self, items: Sequence[Item]) -> None:
        """Show other items, the cursor staying on its key."""
        keep = self.selected_key
        self.items = items
        self._narrow(keep)

    def narrow(self, needle: str) -> int:
        """Show only items that contain every word of ``needle``, ignoring case; return how many."""
        keep = self.selected_key
        self.needle = needle
        self._narrow(keep)
        return len(self._shown)

    def redraw(self) -> None:
        """Draw the cells again: what they are made from, such as the time, has changed."""
        self._cells.clear()
        self._plan = None
        self.forget_strips()

    def _narrow(self, keep: str | None) -> None:
        words = self.needle.casefold().split()
        if words:
            texts = ((item, self._text_of(item).casefold()) for item in self.items)
            self._shown = [item for item, text in texts if all(word in text for word in words)]
        else:
            self._shown = self.items
        self._cells.clear()
        self._plan = None
        self.items_changed(keep)

    @property
    def shown(self) -> Sequence[Item]:
        """The items that the filter leaves."""
        return self._shown

    @property
    def selected(self) -> Item | None:
        """The item under the cursor."""
        return None if self.cursor is None or self.cursor >= len(self._shown) else self._shown[self.cursor]

    def item_count(self) -> int:
        """How many items are shown."""
        return len(self._shown)

    def key_at(self, item: int) -> str:
        """The key of an item."""
        return self._key_of(self._shown[item])

    def selectable(self, item: int) -> bool:
        """Whether the cursor can stand on an item."""
        return self._selectable_of(self._shown[item])

    def header_lines(self, width: int) -> list[Line]:
        """The title's rule, if any, and the headings."""
        widths, gap = self._widths(width - 1)
        cells: list[tuple[str, str]] = [(" ", "dim")]
        for index, (_, cells_wide) in widths.items():
            column = self.columns[index]
            title = column.title if len(column.title) <= cells_wide else column.brief
            cells.extend(fit(((title, "dim"),), cells_wide, right=column.right))
            cells.append((" " * gap, "dim"))
        cells = cells[:-1]
        headings = [tuple(cells)] if any(column.title for column in self.columns) else []
        return [*super().header_lines(width), *headings]

    def body_line(self, line: int, width: int) -> Line:
        """A row."""
        widths, gap = self._widths(width)
        cells = self._row(line)
        spans: list[tuple[str, str]] = []
        for index, (form, cells_wide) in widths.items():
            forms = cells[index]
            spans.extend(fit(forms[min(form, len(forms) - 1)], cells_wide, right=self.columns[index].right))
            spans.append((" " * gap, "text"))
        return tuple(spans[:-1])

    def _row(self, item: int) -> Sequence[Cell]:
        cells = self._cells.get(item)
        if cells is None:
            cells = self._cells[item] = self._cells_of(self._shown[item])
        return cells

    def _widths(self, width: int) -> tuple[dict[int, tuple[int, int]], int]:
        """Return form and width of every column that is shown, and the gap between two."""
        if self._plan is None or self._plan[0] != width:
            self._plan = (width, *self._fitted(width))
        return self._plan[1], self._plan[2]

    def _fitted(self, width: int) -> tuple[dict[int, tuple[int, int]], int]:
        rows = [self._row(item) for item in range(min(len(self._shown), _MEASURED))]

        def natural(index: int, form: int) -> int:
            longest = (width_of(cells[index][min(form, len(cells[index]) - 1)]) for cells in rows)
            title = self.columns[index].brief or self.columns[index].title
            return max(len(title if form else self.columns[index].title), *longest, 0)

        plan = {index: (0, natural(index, 0)) for index in range(len(self.columns))}
        gap = 2

        def missing() -> int:
            return sum(cells for _, cells in plan.values()) + gap * (len(plan) - 1) - width

        for give in self._gives:
            if missing() <= 0:
                break
            if give.column < 0:
                gap = 1
            elif give.form == DROP:
                plan.pop(give.column, None)
            elif give.form is None and give.column in plan:
                form, cells = plan[give.column]
                plan[give.column] = (form, max(min(cells, give.least), cells - missing()))
            elif give.form is not None and give.column in plan:
                plan[give.column] = (give.form, natural(give.column, give.form))
        if len(plan) > 1 and missing() <= 1 - len(plan) and gap == 2:
            gap = 3
        return plan, gap
