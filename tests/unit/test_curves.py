"""A metric's history, shortened and drawn."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.answers.curves import POINTS, curve
from mlops_dash.ui.wording import sparkline

VALUES = st.lists(st.none() | st.floats(), max_size=200)


@pytest.mark.parametrize(
    ("values", "points", "shown"),
    [
        ([], 24, ()),
        ([3.0, 2.0, 1.0], 24, (3.0, 2.0, 1.0)),
        ([4.0, 2.0, 1.0, 3.0], 2, (4.0, 3.0)),
        ([1.0, None, math.inf, math.nan, 5.0], 24, (1.0, 5.0)),
        ([None, math.nan], 24, ()),
        ([1.0, 2.0, 3.0, 4.0, 9.0], 2, (1.0, 9.0)),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 9.0], 3, (1.0, 3.5, 9.0)),
    ],
)
def test_a_history_is_shortened_to_means_between_its_ends(
    values: list[float | None], points: int, shown: tuple[float, ...]
) -> None:
    assert curve(values, points) == shown


@given(VALUES)
def test_any_history_can_be_shortened_and_drawn(values: list[float | None]) -> None:
    shown = curve(values)
    assert len(shown) <= POINTS
    assert all(map(math.isfinite, shown))
    if shown:
        drawn = sparkline(shown)
        assert len(drawn) == len(shown)
        assert set(drawn) <= set("▁▂▃▄▅▆▇█")


def test_the_lowest_and_the_highest_are_told_apart() -> None:
    assert sparkline((3.0, 2.0, 1.0)) == "█▅▁"
    assert sparkline((1.0, 1.0)) == "▁▁"
    assert sparkline((-1e308, 1e308)) == "▁█"
