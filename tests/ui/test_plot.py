"""The panel of curves: what is drawn where, what is said, and that nothing from outside breaks it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from mlops_dash.answers.compare_shapes import CurvePoint
from mlops_dash.domain.text import visible
from mlops_dash.ui.theme import DARK, LIGHT, THEMES
from mlops_dash.ui.widgets.lines import width_of
from mlops_dash.ui.widgets.plot import Plot, Series
from mlops_dash.ui.widgets.plot_canvas import Canvas, small_curve
from mlops_dash.ui.widgets.plot_scale import AXES, RELATIVE, SMOOTHINGS, STEP, TIME, Scale, across, smoothed
from mlops_dash.ui.wording import Line

NOON = 1_764_072_000_000  # 25 November 2025 12:00 UTC


def curve(values: Sequence[float | None], *, start: int = NOON, every: int = 60_000) -> list[CurvePoint]:
    return [CurvePoint(step, start + step * every, value) for step, value in enumerate(values)]


def series(number: int, values: Sequence[float | None], **times: int) -> Series:
    return Series(f"fit-{number}", chr(65 + number), f"series{number % 8}", curve(values, **times))


def drawn(shown: Sequence[Series], size: tuple[int, int] = (80, 24), **options: object) -> list[str]:
    return texts(lines(shown, size, **options))


def lines(shown: Sequence[Series], size: tuple[int, int] = (80, 24), **options: object) -> list[Line]:
    plot = Plot()
    plot.show(shown, **{"title": "val/rmse", **options})  # type: ignore[arg-type]
    return plot.lines(*size)


def texts(found: Sequence[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in found]


def panel(found: Sequence[str]) -> list[str]:
    """The rows of curves, without what stands before the axis."""
    return [line.partition("│")[2] or line.partition("┤")[2] for line in found if "│" in line or "┤" in line]


def roles_of(found: Sequence[Line]) -> set[str]:
    """The roles in which dots are drawn."""
    return {role for line in found for text, role in line if any("\u2801" <= c <= "\u28ff" for c in text)}


FALLING = [1.0 / (1 + step) for step in range(100)]
RISING = [step / 100 for step in range(100)]


# -- what is drawn ------------------------------------------------------------------------------------------


def test_curves_end_in_their_letters_and_the_legend_has_them() -> None:
    found = drawn([series(0, FALLING), series(1, RISING)])
    rows = panel(found)
    assert rows[0].endswith("B")
    assert rows[-1].endswith("A")
    legend = next(line for line in found if "fit-0" in line)
    assert legend.split() == ["A", "fit-0", "0.01000", "B", "fit-1", "0.9900"]
    assert "val/rmse · by step" in found[0]


def test_a_letter_stands_where_a_shorter_curve_ends() -> None:
    rows = panel(drawn([series(0, RISING[:50]), series(1, RISING)]))
    middle = next(row for row in rows if "A" in row)
    assert 0.4 < middle.index("A") / len(rows[0].rstrip()) < 0.6
    assert rows[0].endswith("B")


def test_twenty_curves_have_twenty_letters_in_the_order_of_their_ends() -> None:
    shown = [series(number, [value * (number + 1) for value in FALLING]) for number in range(20)]
    for size in ((80, 24), (160, 45)):
        found = drawn(shown, size)
        beside = "".join(row[-2:].strip() for row in panel(found))
        assert "".join(sorted(letter for letter in beside if letter.isascii())) == "ABCDEFGHIJKLMNOPQRST"
        assert [letter for letter in beside if letter.isascii()] == sorted(beside, reverse=True)[-20:]
        legend = "\n".join(found[-8:])
        assert all(f"{chr(65 + number)} fit-{number}" in legend for number in range(20))


def test_the_first_curve_lies_on_top_and_cells_have_one_curve_s_colour() -> None:
    same = [series(number, RISING) for number in range(3)]
    roles = {
        role for line in lines(same) for text, role in line if any("\u2801" <= c <= "\u28ff" for c in text)
    }
    assert roles == {"series0"}


def test_nan_and_infinity_are_gaps_and_that_is_said() -> None:
    values: list[float | None] = [*RISING[:40], *([None] * 19), math.inf, *RISING[60:]]
    found = drawn(
        [series(0, RISING), series(1, [1.0 - (value or 0.0) for value in RISING]), series(2, values)]
    )
    assert any("NaN and infinite values are gaps: C" in line for line in found)
    alone = panel(drawn([series(2, values)]))
    columns = {at for row in alone for at, char in enumerate(row) if "\u2801" <= char <= "\u28ff"}
    missing = set(range(max(columns))) - columns
    assert len(missing) > 10
    assert 0.35 < min(missing) / max(columns) < max(missing) / max(columns) < 0.65


def test_a_log_scale_leaves_out_what_has_no_logarithm_and_says_so() -> None:
    decades = [10.0 ** -(step / 25) for step in range(100)]
    found = drawn([series(0, decades), series(1, [0.0, -1.0, *decades])], logarithmic=True)
    assert "log scale" in found[0]
    assert any("zero and below is left out: B" in line for line in found)
    names = [line.split("┤")[0].strip() for line in found if "┤" in line]
    assert {"0.1", "0.01", "0.001"} <= set(names)
    rows = [
        number
        for number, row in enumerate(panel(drawn([series(0, decades)], logarithmic=True)))
        if row.strip()
    ]
    assert rows == list(range(len(rows)))  # a straight line through all of them
    assert any(
        "nothing above zero was logged" in line for line in drawn([series(0, [-1.0])], logarithmic=True)
    )


def test_smoothed_curves_have_their_values_behind_them() -> None:
    noisy = [value + (0.3 if step % 2 else 0.0) for step, value in enumerate(RISING)]
    found = lines([series(0, noisy)], smoothing=0.9)
    assert "smoothed 0.9" in texts(found)[0]
    assert roles_of(found) == {"series0", "faint"}


def test_time_axes() -> None:
    early, late = series(0, RISING), series(1, RISING, start=NOON + 3_600_000)
    by_time = drawn([early, late], axis=TIME)
    assert "by time, UTC" in by_time[0]
    assert any("12:00" in line and "13:00" in line and "14:00" in line for line in by_time)
    relative = drawn([early, late], axis=RELATIVE)
    assert any("0 min" in line and "1:00 h" in line for line in relative)
    ends = [panel(found)[0].rstrip() for found in (by_time, relative)]
    assert [end.endswith(("B", "A")) for end in ends] == [True, True]
    assert 0.5 < ends[0].index("A") / len(ends[0]) < 0.7  # an hour before the other
    assert "A" not in ends[1][:-3]


@pytest.mark.parametrize("values", [[], [None], [math.nan], [math.inf, None]])
def test_a_metric_without_values_is_said_to_have_none(values: list[float | None]) -> None:
    assert any("no values were logged" in line for line in drawn([series(0, values)]))


def test_items_without_a_history_stay_in_the_legend() -> None:
    found = drawn([series(0, RISING), series(1, [])])
    assert any(line.split() == ["A", "fit-0", "0.9900", "B", "fit-1", "–"] for line in found)


def test_one_value_is_drawn() -> None:
    rows = panel(drawn([series(0, [0.5])]))
    (row,) = [row for row in rows if row.strip()]
    assert "A" in row


# -- the widget in an app -----------------------------------------------------------------------------------


class Alone(App[None]):
    """The panel on a screen of its own."""

    def __init__(self, then: Callable[[Plot], None], theme: str = DARK) -> None:
        super().__init__()
        self._then = then
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme

    def compose(self) -> ComposeResult:
        yield Plot(id="plot", title="Curves")

    def on_mount(self) -> None:
        self._then(self.query_one(Plot))


def painted(app: Alone) -> list[str]:
    plot = app.query_one(Plot)
    return [plot.render_line(y).text for y in range(plot.size.height)]


async def test_it_fills_its_place_at_every_size() -> None:
    shown = [series(number, RISING) for number in range(5)]
    app = Alone(lambda plot: plot.show(shown, title="loss", note="run x cannot be read"))
    async with app.run_test(size=(80, 24)) as pilot:
        for width, height in ((1, 1), (20, 5), (5, 60), (160, 45), (80, 3), (80, 24)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert [len(line) for line in painted(app)] == [width] * height
        assert any("run x cannot be read" in line for line in painted(app))


async def test_it_says_what_it_waits_for_and_what_went_wrong() -> None:
    app = Alone(lambda plot: plot.wait("loss"))
    async with app.run_test(size=(60, 12)) as pilot:
        assert "loss" in painted(app)[0]
        assert any("reading …" in line for line in painted(app))
        app.query_one(Plot).say("\x1b]52;c;x\x07 locked [b]by", role="bad")
        await pilot.pause()
        assert any("locked [b]by" in line for line in painted(app))
        assert not any("\x1b" in line for line in painted(app))


@pytest.mark.parametrize("theme", [DARK, LIGHT])
async def test_curves_have_the_theme_s_colours(theme: str) -> None:
    app = Alone(lambda plot: plot.show([series(0, RISING)], title="loss"), theme)
    async with app.run_test(size=(60, 12)) as pilot:
        plot = app.query_one(Plot)
        wanted = next(each for each in THEMES if each.name == theme).variables["dash-series0"]
        colours = {
            segment.style.color.triplet.hex
            for y in range(plot.size.height)
            for segment in plot.render_line(y)
            if segment.style and segment.style.color and segment.style.color.triplet and "A" in segment.text
        }
        assert wanted in colours
        app.theme = LIGHT if theme == DARK else DARK
        await pilot.pause()
        assert wanted not in {
            segment.style.color.triplet.hex
            for segment in plot.render_line(plot.size.height - 1)
            if segment.style and segment.style.color and segment.style.color.triplet
        }


HOSTILE = "\x1b]0;x\x07[/b][@click=app.bell]\u202egnp\x00" + "x" * 6000


def test_hostile_names_stay_text() -> None:
    shown = [Series(HOSTILE, "A", "series0", curve(RISING)), Series("\ud800", "B", "series1", [])]
    found = drawn(shown, title=HOSTILE, note=HOSTILE)
    assert all(visible(line) == line for line in found)
    assert all(width_of(line) <= 80 for line in lines(shown, title=HOSTILE, note=HOSTILE))
    assert any("[/b][@click" in line for line in found)


WHOLE = st.integers(-(2**63), 2**63 - 1)
POINTS = st.lists(st.builds(CurvePoint, WHOLE, WHOLE, st.none() | st.floats()), max_size=30)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(POINTS, max_size=4),
    st.integers(0, 100),
    st.integers(0, 40),
    st.sampled_from(AXES),
    st.sampled_from(SMOOTHINGS),
    st.booleans(),
)
def test_anything_can_be_drawn_at_any_size(
    told: list[list[CurvePoint]], width: int, height: int, axis: str, smoothing: float, logarithmic: bool
) -> None:
    shown = [
        Series("x", chr(65 + number), "series0", sorted(points, key=lambda point: (point.step, point.time)))
        for number, points in enumerate(told)
    ]
    found = lines(shown, (width, height), axis=axis, smoothing=smoothing, logarithmic=logarithmic)
    assert len(found) <= max(height, 0)
    assert all(width_of(line) <= max(width, 0) for line in found)


# -- scales and smoothing -----------------------------------------------------------------------------------


def test_smoothing_is_tensorboards() -> None:
    found = smoothed([1.0, 2.0, 3.0, None, math.inf, 4.0], 0.6)
    assert found[3:5] == [None, math.inf]
    expected = [1.0, 1.04 / 0.64, 1.824 / 0.784, 2.6944 / 0.8704]
    assert [value for value in found if value is not None and math.isfinite(value)] == pytest.approx(expected)
    assert smoothed([0.1] * 9, 0.97) == [0.1] * 9  # constant curves stay, to the last bit
    assert smoothed([1.0, 2.0], 0.0) == [1.0, 2.0]


@pytest.mark.parametrize(
    ("low", "high", "logarithmic", "names"),
    [
        (0.0, 1.0, False, "0.0 0.2 0.4 0.6 0.8 1.0"),
        (0.123401, 0.123409, False, "0.123402 0.123404 0.123406 0.123408"),
        (-3e-5, 2e-5, False, "-2e-5 -1e-5 0 1e-5 2e-5"),
        (1e6, 1.1e6, False, "1.00e6 1.02e6 1.04e6 1.06e6 1.08e6 1.10e6"),
        (-1.7e308, 1.7e308, False, "-1e308 0 1e308"),
        (5.0, 5.0, False, "5"),
        (0.15, 4.2, True, "0.2 0.5 1 2"),
        (1e-9, 1e9, True, "1e-8 0.0001 1 10000 1e8"),
        (3.0, 3.1, True, "3.00 3.02 3.04 3.06 3.08 3.10"),
    ],
)
def test_ticks_are_tidy(low: float, high: float, logarithmic: bool, names: str) -> None:
    assert [name for _, name in Scale(low, high, logarithmic=logarithmic).ticks(5)] == names.split()


@pytest.mark.parametrize(
    ("axis", "high", "names"),
    [
        (STEP, 3, "0|1|2|3"),
        (STEP, 399, "0|100|200|300"),
        (STEP, 2_000_000, "0|500,000|1,000,000|1,500,000|2,000,000"),
        (TIME, 600_000, "12:00|12:02|12:04|12:06|12:08|12:10"),
        (TIME, 86_400_000 * 40, "28 Nov|8 Dec|18 Dec|28 Dec"),
        (RELATIVE, 5000, "0 s|1 s|2 s|3 s|4 s|5 s"),
        (RELATIVE, 18_000_000, "0 h|1 h|2 h|3 h|4 h|5 h"),
        (RELATIVE, 500, "0 s"),
    ],
)
def test_ticks_of_steps_and_times(axis: str, high: int, names: str) -> None:
    start = NOON if axis == TIME else 0
    assert [name for _, name in across(axis, start, start + high, 6)[1]] == names.split("|")


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE, FINITE, st.integers(1, 12), st.booleans())
def test_ticks_stand_in_order_within_the_axis(one: float, other: float, most: int, logarithmic: bool) -> None:
    low, high = sorted((abs(one) or 1.0, abs(other) or 1.0) if logarithmic else (one, other))
    ticks = Scale(low, high, logarithmic=logarithmic).ticks(most)
    assert ticks
    assert len(ticks) <= most + 2
    assert all(-1e-9 <= at <= 1 + 1e-9 for at, _ in ticks)
    assert all(before < after for (before, _), (after, _) in pairwise(ticks))


def test_a_small_curve_is_drawn_from_the_bottom_up() -> None:
    assert small_curve([0.0, 1.0], 2, 1) == ["⡴⠋"]
    assert small_curve([1.0, 1.0, 1.0], 2, 1) == ["⠒⠒"] or small_curve([1.0, 1.0, 1.0], 2, 1) == ["⠤⠤"]
    assert small_curve([], 3, 2) == ["   ", "   "]
    assert small_curve([None, math.nan, math.inf], 3, 1) == ["   "]
    assert small_curve([-1e308, 1e308], 1, 1)[0] != " "


def test_a_line_has_no_holes() -> None:
    canvas = Canvas(20, 5)
    canvas.line([(0.0, 0.0), (0.5, 1.0), (1.0, 0.0), (0.2, 0.9)], "text")
    rows = texts([canvas.row(row) for row in range(5)])
    assert all(any("\u2801" <= row[column] <= "\u28ff" for row in rows) for column in range(20))
