"""Things side by side: one line for each fact, one column for each thing, the baseline always in sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from mlops_dash.ui.widgets.lines import cut, fit, width_of
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.wording import Line, Span

Forms = tuple[Line, ...]  # forms of one cell, the longest first

_GAP = 2
_RULE = 3  # cells between the baseline and the others
_SAMPLE = 240  # rows that decide the widths
_SAMPLED = 6  # columns of each that do
_LEAST = 9  # cells of the narrowest column
_BASE = 15  # cells of the baseline's column where not all columns fit
_KEY = 34  # cells of the widest key column
_TIGHT = 4  # the part of the width that keys may take where not all columns fit


class Side(Struct, frozen=True):
    """One of the things, at the head of its column: its letter, its name, and lines below that."""

    mark: Span
    label: Line
    under: tuple[Line, ...] = ()


class SideRow(Struct, frozen=True):
    """A line.

    Attributes:
        key: stays the same when facts change.
        label: in the key column.
        cell: forms of a thing's cell, the longest first; called for what is in sight only.
        keep_end: a label that is too long loses its beginning.
        wide: takes the whole line in place of cells.
        heading: opens a section; the cursor steps over it.
        text: what a filter looks in.
    """

    key: str
    label: Line = ()
    cell: Callable[[int], Forms] | None = None
    keep_end: bool = False
    wide: Line | None = None
    heading: bool = False
    text: str = ""


class Plan(Struct, frozen=True):
    """Where columns stand: cells of the key, the baseline's and the other columns, and how many of those."""

    key: int
    base: int
    other: int
    seen: int


class SideBySide(ListView):
    """Rows of cells, with a cursor for the row and one for the column.

    The baseline's column stands first and stays when the others are scrolled by left and right.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "column(-1)", show=False),
        Binding("right", "column(1)", show=False),
    ]

    class ColumnChosen(Message):
        """The cursor is on another column."""

    def __init__(self, *, title: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(title=title, id=id)
        self.steady_cursor = True
        self.sides: Sequence[Side] = ()
        self.rows: Sequence[SideRow] = ()
        self.baseline = 0
        self.column = 0
        self._first = 0  # of the columns beside the baseline's, the first in sight
        self._plan: tuple[int, Plan] | None = None

    # -- what is shown ------------------------------------------------------------------------------------

    def show(self, sides: Sequence[Side], rows: Sequence[SideRow], baseline: int) -> None:
        """Show other facts; the cursor stays on its row and, where it is still there, on its column."""
        keep = self.selected_key
        self.sides, self.rows, self.baseline = sides, rows, baseline
        if self.column >= len(sides):
            self.column = max(0, len(sides) - 1)
        self._plan = None
        self.items_changed(keep)
        self._show_column()

    @property
    def order(self) -> list[int]:
        """The places of the things as their columns stand, the baseline's first."""
        return [self.baseline, *self._others] if self.sides else []

    @property
    def _others(self) -> list[int]:
        return [place for place in range(len(self.sides)) if place != self.baseline]

    @property
    def selected(self) -> SideRow | None:
        """The row under the cursor."""
        return None if self.cursor is None or self.cursor >= len(self.rows) else self.rows[self.cursor]

    @property
    def hidden(self) -> tuple[int, int]:
        """How many columns are out of sight to the left and to the right."""
        seen = self._planned(self.inner_width - 1).seen
        return self._first, max(0, len(self._others) - self._first - seen)

    def choose(self, place: int) -> None:
        """Put the cursor on the column of a thing."""
        if place != self.column and 0 <= place < len(self.sides):
            self.column = place
            self._show_column()
            self.post_message(self.ColumnChosen())

    def action_column(self, step: int) -> None:
        """One column to the left or to the right."""
        order = self.order
        if self.column in order:
            self.choose(order[max(0, min(order.index(self.column) + step, len(order) - 1))])

    def _show_column(self) -> None:
        others = self._others
        seen = self._planned(self.inner_width - 1).seen
        if self.column in others:
            at = others.index(self.column)
            self._first = min(at, max(self._first, at - seen + 1))
        self._first = max(0, min(self._first, len(others) - seen))
        self.forget_strips()

    def on_resize(self) -> None:
        """Lay out for the new width."""
        super().on_resize()
        self._show_column()

    # -- what a list is -----------------------------------------------------------------------------------

    def item_count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def key_at(self, item: int) -> str:
        """The key of a row."""
        return self.rows[item].key

    def selectable(self, item: int) -> bool:
        """Headings are stepped over."""
        return not self.rows[item].heading

    def header_lines(self, width: int) -> list[Line]:
        """The title's rule, and what stands at the head of the columns."""
        lines = super().header_lines(width)
        if not self.sides:
            return lines
        plan = self._planned(width - 1)
        lines.append(self._heads(plan, lambda place: self._named(place), "▾"))
        tall = self.size.height > 12
        for row in range(max(len(side.under) for side in self.sides) if tall else 0):
            lines.append(self._heads(plan, lambda place, row=row: _at(self.sides[place].under, row)))  # type: ignore[misc]
        return lines

    def _named(self, place: int) -> Line:
        side = self.sides[place]
        return (side.mark, (" ", "text"), *side.label)

    def _heads(self, plan: Plan, head: Callable[[int], Line], pointer: str = " ") -> Line:
        return (
            (" ", "text"),
            *self._laid((("", "text"),), plan, lambda place: (head(place),), heads=pointer),
        )

    def body_line(self, line: int, width: int) -> Line:
        """A row."""
        row = self.rows[line]
        if row.heading:
            if not row.label:
                return ()
            used = width_of(row.label)
            return cut((*row.label, (" " + "─" * max(0, width - used - 2), "faint")), width)
        if row.wide is not None:
            label = fit(row.label, self._planned(width).key + _GAP) if row.label else ()
            return cut((*label, *row.wide), width)
        plan = self._planned(width)
        label = _cut_head(row.label, plan.key) if row.keep_end else row.label
        return self._laid(label, plan, row.cell or (lambda _: ()), line == self.cursor)

    def _laid(
        self, label: Line, plan: Plan, cell: Callable[[int], Forms], under: bool = False, heads: str = ""
    ) -> Line:
        """Lay out a line: label, baseline, rule, and the columns in sight."""
        spans: list[Span] = list(fit(label, plan.key))
        for place in self._in_sight(plan):
            based = place == self.baseline
            here = place == self.column and (bool(heads) or under)
            pointer = (heads or "▸") if here else " "
            gap = " " * (_GAP - 1)
            if not based and place == self._others[self._first]:
                gap = "│" if self._first == 0 else "┊"
                spans.append((" ", "text"))
            spans.append((gap, "faint"))
            spans.append((pointer, "accent" if self.has_focus else "dim"))
            width = plan.base if based else plan.other
            spans.extend(fit(_longest(cell(place), width), width))
        return tuple(spans)

    def _in_sight(self, plan: Plan) -> list[int]:
        if not self.sides:
            return []
        return [self.baseline, *self._others[self._first : self._first + plan.seen]]

    # -- widths -------------------------------------------------------------------------------------------

    def _planned(self, width: int) -> Plan:
        if self._plan is None or self._plan[0] != width:
            self._plan = (width, self._fitted(width))
        return self._plan[1]

    def _fitted(self, width: int) -> Plan:
        """Every column as wide as it needs where all fit; else narrower; else only some are in sight."""
        rows = [row for row in self._sampled() if row.cell is not None]
        others = self._others
        key = max((width_of(row.label) for row in rows), default=0)
        key = max(4, min(key, _KEY, width // 3))
        if not others:
            return Plan(key, max(1, width - key - _GAP), 1, 1)
        base = self._natural(rows, [self.baseline])
        other = self._natural(rows, others[:_SAMPLED])
        room = max(2, width - key - _GAP - _RULE)
        if base[0] + len(others) * (other[0] + _GAP) - _GAP > room:
            less = max(_LEAST, width // _TIGHT)
            room, key = room + max(0, key - less), min(key, less)
            share = max(_LEAST, room // (len(others) + 1) - _GAP)
            base_wide = max(min(base[0], share), min(base[1], _BASE, room // 3))
            least = max(_LEAST, min(other[1], 2 * room // 3))
            left = room - base_wide
            other_wide = max(least, min(other[0], (left + _GAP) // len(others) - _GAP))
            other_wide = min(other_wide, max(1, left))
        else:
            base_wide, other_wide = base[0], other[0]
        seen = max(1, min(len(others), (room - base_wide + _GAP) // (other_wide + _GAP)))
        return Plan(key, base_wide, other_wide, seen)

    def _sampled(self) -> Sequence[SideRow]:
        """Rows of every section: a long one shall not decide alone."""
        if len(self.rows) <= _SAMPLE:
            return self.rows
        step = len(self.rows) // (_SAMPLE // 2) + 1
        return [*self.rows[: _SAMPLE // 2], *self.rows[_SAMPLE // 2 :: step]]

    def _natural(self, rows: Sequence[SideRow], places: Sequence[int]) -> tuple[int, int]:
        """Return the cells that the longest forms take, and the shortest forms; names count for half."""
        long, short = _LEAST, _LEAST
        for place in places:
            side = self.sides[place]
            long = max(long, *(min(48, width_of(line)) for line in (self._named(place), *side.under)))
            short = max(short, min(14, width_of(self._named(place))))
            for row in rows:
                forms = row.cell(place) if row.cell is not None else ()
                if forms:
                    long = max(long, min(48, width_of(forms[0])))
                    short = max(short, min(18, width_of(forms[-1])))
        return long, short

    # -- mouse and painting -------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Choose the column that was clicked, in the head too; the row is the list's."""
        plan = self._planned(self.inner_width - 1)
        at = 1 + plan.key
        for index, place in enumerate(self._in_sight(plan)):
            width = (plan.base if index == 0 else plan.other) + (_RULE if index == 1 else _GAP)
            if at <= event.x < at + width:
                self.choose(place)
            at += width

    def _paint_body(self, line: int, width: int, under: bool, hovered: bool) -> Strip:
        strip = super()._paint_body(line, width, under, hovered)
        row = self.rows[line]
        if not under or row.cell is None or self.column not in self.order:
            return strip
        plan = self._planned(width - 1)
        at = 1 + plan.key
        for index, place in enumerate(self._in_sight(plan)):
            gap = _RULE if index == 1 else _GAP
            cells = plan.base if index == 0 else plan.other
            if place == self.column:
                start, end = min(at + gap, width), min(at + gap + cells, width)
                cell = strip.crop(start, end).apply_style(_CELL)
                return Strip.join([strip.crop(0, start), cell, strip.crop(end, width)])
            at += gap + cells
        return strip


_CELL = Style(bold=True, underline=True)


def _cut_head(label: Line, width: int) -> Line:
    text = "".join(part for part, _ in label)
    if width_of(label) <= width or not label:
        return label
    return (("…" + text[len(text) - max(0, width - 1) :], label[0][1]),)


def _at(lines: Sequence[Line], row: int) -> Line:
    return lines[row] if row < len(lines) else ()


def _longest(forms: Forms, width: int) -> Line:
    """The longest form that fits, else the shortest."""
    for form in forms:
        if width_of(form) <= width:
            return form
    return forms[-1] if forms else ()
