"""The second fence before the terminal: no control or bidirectional character leaves in a finished line."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from mlops_dash.domain.text import visible


@lru_cache(maxsize=2048)
def harmless(text: str) -> str:
    """Return ``text`` with each character that could act on a terminal replaced, its width in cells kept."""
    if (text.isascii() and text.isprintable()) or visible(text) == text:
        return text
    return "".join(
        char if visible(char) == char else "\N{MIDDLE DOT}" * cell_len(char)
        for char in text
    )  # fmt: skip


class ControlFence(LineFilter):
    """Replaces what nobody asked ``visible`` to: that may be forgotten, this can't."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments with harmless text; control segments, which only Textual makes, are kept."""
        if all(segment.text.isascii() and segment.text.isprintable() for segment in segments):
            return segments
        return [
            segment
            if segment.control or (text := harmless(segment.text)) is segment.text
            else Segment(text, segment.style)
            for segment in segments
        ]
