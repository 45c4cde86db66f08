"""How an item is drawn: colour, dashes and marker, the same in every table and figure.

Colours alone tell nothing: eight of them meet seven kinds of dashes and nine markers, so that two items
look alike only from the 57th on, and the letter of an item stands beside whatever is drawn of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_COLOURS = 8  # --i0 to --i7 of page.css
# name in Plotly, the same as lengths for SVG
_DASHES = (
    ("solid", ""),
    ("dash", "7 4"),
    ("dot", "2 3"),
    ("longdash", "11 4"),
    ("dashdot", "7 3 2 3"),
    ("longdashdot", "11 3 2 3"),
    ("10px,3px,2px,3px,2px,3px", "10 3 2 3 2 3"),
)
_MARKERS = (
    "circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "x", "hexagon",
)  # fmt: skip
# from the better to the worse end; seen on light and on dark
SCALE = ((0.0, "#1f77d0"), (0.5, "#8f6cc9"), (1.0, "#cf5f28"))


class Look(NamedTuple):
    """How one item is drawn. ``colour`` is a place among ``--i0`` to ``--i7`` of page.css."""

    colour: int
    dash: str
    strokes: str
    marker: str


def look(place: int) -> Look:
    """Return how the item at a place is drawn."""
    dash, strokes = _DASHES[place % len(_DASHES)]
    return Look(place % _COLOURS, dash, strokes, _MARKERS[place % len(_MARKERS)])


def between(part: float, scale: Sequence[tuple[float, str]] = SCALE) -> str:
    """Return the colour at a part, 0 to 1, of a scale."""
    for (low, first), (high, second) in pairwise(scale):
        if part <= high:
            share = (part - low) / (high - low)
            pairs = zip(_rgb(first), _rgb(second), strict=True)
            return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
    return scale[-1][1]


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
