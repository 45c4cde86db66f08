"""Lines of (text, role) spans: measured, cut, wrapped and painted."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mlops_dash.ui.theme import Palette
from mlops_dash.ui.wording import Line, Span


def width_of(line: Line) -> int:
    """Return how many terminal cells a line takes."""
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in line)


def cut(line: Line, width: int) -> Line:
    """Return the line cut to ``width`` cells, its last one ``…`` where something was lost."""
    if width <= 0:
        return ()
    if width_of(line) <= width:
        return line
    kept: list[Span] = []
    room = width - 1
    for text, role in line:
        cells = cell_len(text)
        if cells <= room:
            kept.append((text, role))
            room -= cells
            continue
        kept.append((set_cell_size(text, room).rstrip() + "…", role))
        break
    return tuple(kept)


def fit(line: Line, width: int, *, right: bool = False) -> Line:
    """Return the line cut or padded to exactly ``width`` cells."""
    line = cut(line, width)
    pad: Span = (" " * max(0, width - width_of(line)), "text")
    return (pad, *line) if right else (*line, pad)


def wrap(line: Line, width: int, limit: int = 40) -> list[Line]:
    """Return the line broken at spaces, or within words longer than ``width``; at most ``limit`` lines."""
    if width < 1:
        return [()]
    lines: list[list[Span]] = [[]]
    used = 0
    for text, role in line:
        for word in _words(text):
            cells = cell_len(word)
            if used + len(word.rstrip()) > width and used and cells <= width:
                lines.append([])
                used = 0
                word = word.lstrip()
                cells = cell_len(word)
            while used + cells > width:
                head = set_cell_size(word, max(1, width - used)).rstrip() if word.strip() else ""
                lines[-1].append((head, role))
                word = word[max(1, len(head)) :].lstrip() if head else ""
                cells = cell_len(word)
                used = width
                if word:
                    lines.append([])
                    used = 0
                if len(lines) > limit:
                    break
            if word:
                lines[-1].append((word, role))
                used += cells
            if len(lines) > limit:
                return [*(tuple(spans) for spans in lines[: limit - 1]), (("…", "dim"),)]
    return [tuple(spans) for spans in lines]


def _words(text: str) -> list[str]:
    """Split into words, each with the spaces that follow it."""
    words: list[str] = []
    start = 0
    for at in range(1, len(text)):
        if text[at - 1] == " " and text[at] != " ":
            words.append(text[start:at])
            start = at
    words.append(text[start:])
    return words


def paint(line: Line, width: int, palette: Palette, base: Style) -> Strip:
    """Return the line as a strip of exactly ``width`` cells on the ``base`` style."""
    segments = [Segment(text, palette.on(base, role)) for text, role in cut(line, width) if text]
    return Strip(segments).adjust_cell_length(width, base)
