"""Aligned tables for a person: nothing in them reaches a terminal raw."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from mlops_dash.cli.output import json_text, paint, utc
from mlops_dash.domain.text import visible


def width(text: str) -> int:
    """Return the number of terminal cells that ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def cut(text: str, cells: int) -> str:
    """Return ``text`` in at most ``cells`` terminal cells, the last being ``…`` where it was cut."""
    if width(text) <= cells:
        return text
    out = ""
    for char in text:
        if width(out) + width(char) > cells - 1:
            break
        out += char
    return out + "…"


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    colours: Mapping[str, str] | None = None,
    room: int | None = None,
    widest: int = 60,
) -> str:
    """Return an aligned table; numbers stand to the right.

    Args:
        colours: colour by the cell's text, for words such as ``healthy``.
        room: cells in a line; the widest columns are cut until the table fits.
        widest: most cells of one column.
    """
    body = [list(row) for row in rows]
    right = [_is_numeric([row[index] for row in body]) for index in range(len(columns))]
    texts = [[visible(column) for column in columns], *([cell_text(cell) for cell in row] for row in body)]
    widths = [min(widest, max(width(row[index]) for row in texts)) for index in range(len(columns))]
    while room is not None and sum(widths) + 2 * len(widths) > room and max(widths, default=0) > 8:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for number, row in enumerate(texts):
        cells = []
        for text, cells_wide, to_right in zip(row, widths, right, strict=True):
            text = cut(text, cells_wide)
            gap = " " * (cells_wide - width(text))
            colour = "bold" if number == 0 else (colours or {}).get(text)
            shown = paint(text, colour) if colour else text
            cells.append(gap + shown if to_right else shown + gap)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def cell_text(value: Any) -> str:
    """Return one value of a table for a person: missing ones as ``·``, floats short."""
    if value is None or value == "":
        return "·"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return utc(value.replace(microsecond=0))
    if isinstance(value, dict | list | tuple):
        return visible(json_text(value, indent=None), 2000)
    return visible(str(value), 2000)


def _is_numeric(cells: Sequence[Any]) -> bool:
    known = [cell for cell in cells if cell is not None]
    return bool(known) and all(
        isinstance(cell, int | float | Decimal) and not isinstance(cell, bool) for cell in known
    )
