"""A canvas of braille dots, two by four in each cell, on which lines are drawn one over the other.

Our own, because libraries for this do not fit: plotext takes 200 ms for 20 curves of 400 points and gives
colours instead of the theme's roles; textual-plot brings numpy, whose import takes 140 ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlops_dash.ui.wording import Line, Span

Dot = tuple[float, float] | None
"""Across from 0 (left) to 1, up from 0 (bottom) to 1; ``None`` interrupts a line. None is outside."""

_BLANK = 0x2800
# bits of the left and the right column of a cell, by which of the four dots from the bottom up are set
_LEFT = [sum(bit for at, bit in enumerate((0x40, 0x04, 0x02, 0x01)) if dots >> at & 1) for dots in range(16)]
_RIGHT = [sum(bit for at, bit in enumerate((0x80, 0x20, 0x10, 0x08)) if dots >> at & 1) for dots in range(16)]


class Canvas:
    """Cells of dots, each of what was drawn on it last and in its role; texts may stand on them.

    Args:
        width, height: in cells.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = max(0, width), max(0, height)
        self._bits = [[0] * self.width for _ in range(self.height)]
        self._roles = [[""] * self.width for _ in range(self.height)]
        self._behind = [[0] * self.width for _ in range(self.height)]
        self._texts: dict[tuple[int, int], tuple[str, str]] = {}

    def line(self, dots: Iterable[Dot], role: str | None) -> None:
        """Draw a line through points, over what is there.

        Args:
            role: ``None`` draws it faint, and only in cells where there is nothing else.
        """
        if not self.width or not self.height:
            return
        columns: dict[int, int] = {}  # dots set in each column of dots, the lowest the first bit
        right, top = 2 * self.width - 1, 4 * self.height - 1
        x = y = -1
        for dot in dots:
            if dot is None:
                x = -1
                continue
            before, beside = x, y
            x, y = int(dot[0] * right + 0.5), int(dot[1] * top + 0.5)
            if before < 0 or before == x:
                low, high = (y, y) if before < 0 else (beside, y) if beside < y else (y, beside)
                columns[x] = columns.get(x, 0) | ((2 << (high - low)) - 1) << low
            else:
                _slope(columns, before, beside, x, y)
        self._put(columns, role)

    def cell_of(self, dot: tuple[float, float]) -> tuple[int, int]:
        """Return column and row of the cell that a point is in."""
        across = int(dot[0] * (2 * self.width - 1) + 0.5) // 2
        up = int(dot[1] * (4 * self.height - 1) + 0.5) // 4
        return across, self.height - 1 - up

    def text(self, column: int, row: int, text: str, role: str) -> None:
        """Set the text of a cell, in place of its dots."""
        self._texts[column, row] = (text, role)

    def row(self, row: int) -> Line:
        """Return a row of cells."""
        spans: list[Span] = []
        run, of = "", "text"
        bits, roles, behind = self._bits[row], self._roles[row], self._behind[row]
        for column in range(self.width):
            if (column, row) in self._texts:
                text, role = self._texts[column, row]
            elif bits[column]:
                text, role = chr(_BLANK + bits[column]), roles[column]
            else:
                text, role = (chr(_BLANK + behind[column]), "faint") if behind[column] else (" ", of)
            if role != of and run:
                spans.append((run, of))
                run = ""
            run, of = run + text, role
        return (*spans, (run, of)) if run else tuple(spans)

    def _put(self, columns: dict[int, int], role: str | None) -> None:
        for column, dots in columns.items():
            cell, of = column // 2, _RIGHT if column % 2 else _LEFT
            lowest = ((dots & -dots).bit_length() - 1) // 4
            dots >>= 4 * lowest
            row = self.height - 1 - lowest
            while dots:
                if four := dots & 15:
                    if role is None:
                        self._behind[row][cell] |= of[four]
                    elif self._roles[row][cell] == role:
                        self._bits[row][cell] |= of[four]
                    else:  # a cell has one colour: what is under it would seem its own
                        self._bits[row][cell] = of[four]
                        self._roles[row][cell] = role
                dots >>= 4
                row -= 1


def _slope(columns: dict[int, int], x: int, y: int, end: int, up: int) -> None:
    """Set the dots of a line from one column to another: in each from where it enters to where it leaves."""
    slope = (up - y) / (end - x)
    step = 1 if end > x else -1
    enters = y
    for column in range(x, end + step, step):
        leaves = up if column == end else int(y + (column + step / 2 - x) * slope + 0.5)
        low, high = (enters, leaves) if enters < leaves else (leaves, enters)
        columns[column] = columns.get(column, 0) | ((2 << (high - low)) - 1) << low
        enters = leaves


def small_curve(values: Sequence[float | None], width: int, height: int = 1) -> list[str]:
    """Draw values, equally far apart, as ``height`` lines of braille: the lowest at the bottom.

    Values that are missing or not finite interrupt the line. Without any finite one the lines are blank.
    """
    finite = [value for value in values if value is not None and abs(value) < float("inf")]
    canvas = Canvas(width, height)
    if finite:
        low = min(finite) / 2  # halves, because the difference of two doubles may be none
        span = max(finite) / 2 - low
        last = max(1, len(values) - 1)
        canvas.line(
            (
                None
                if value is None or not abs(value) < float("inf")
                else (number / last, (value / 2 - low) / span if span else 0.5)
                for number, value in enumerate(values)
            ),
            "text",
        )
    return ["".join(text for text, _ in canvas.row(row)) for row in range(canvas.height)]
