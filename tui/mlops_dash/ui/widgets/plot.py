"""Curves of one metric, one for each of what is compared, drawn over each other in one panel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec import Struct
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from mlops_dash.ui.theme import palette_of
from mlops_dash.ui.widgets.lines import cut, fit, paint, width_of
from mlops_dash.ui.widgets.plot_canvas import Canvas, Dot
from mlops_dash.ui.widgets.plot_legend import Series, legend
from mlops_dash.ui.widgets.plot_scale import RELATIVE, STEP, TIME, Scale, Tick, across, smoothed
from mlops_dash.ui.wording import Line, Span, safe

__all__ = ["Plot", "Series"]

_LEAST = 6  # cells that curves need
_RAW = 3  # so many curves at most have their values drawn behind what was smoothed
_AXES = {STEP: "step", TIME: "time, UTC", RELATIVE: "time since the start"}


class _Drawn(Struct, frozen=True):
    """A series as it is drawn: ``raw`` behind ``line``, each as (across, up) or ``None`` for a gap."""

    series: Series
    line: list[tuple[float, float] | None]
    raw: list[tuple[float, float] | None]
    end: tuple[float, float] | None


class Plot(Widget):
    """A panel of curves with axes and a legend; nothing to select in it, so it takes no focus."""

    DEFAULT_CSS = "Plot { height: 1fr; background: $background; }"

    def __init__(self, *, title: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.title = title
        self._said: Line = ()
        self._series: tuple[Series, ...] = ()
        self._axis, self._smoothing, self._logarithmic = STEP, 0.0, False
        self._note = ""
        self._lines: list[Line] = []
        self._for: tuple[int, int] | None = None

    def show(
        self,
        series: Sequence[Series],
        *,
        title: str,
        axis: str = STEP,
        smoothing: float = 0.0,
        logarithmic: bool = False,
        note: str = "",
    ) -> None:
        """Draw curves; the first one lies on top.

        Args:
            title: the metric's key, as it came from outside.
            axis: one of ``plot_scale.AXES``.
            smoothing: weight of the moving average, from 0 to below 1.
            note: what else a person should know, such as why a curve is missing.
        """
        self._series, self.title, self._note = tuple(series), title, note
        self._axis, self._smoothing, self._logarithmic = axis, smoothing, logarithmic
        self._said = ()
        self._draw_anew()

    def say(self, text: str, *, title: str | None = None, role: str = "dim") -> None:
        """Show a sentence instead of curves: that they are read, that there are none, or what went wrong."""
        self._said, self._series = ((safe(text), role),), ()
        self.title = self.title if title is None else title
        self._draw_anew()

    def wait(self, title: str) -> None:
        """Show that the curves of a metric are read."""
        self.say("reading …", title=title)

    def _draw_anew(self) -> None:
        self._for = None
        self.refresh()

    # -- painting -----------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Paint a line; all are drawn when the first of a new size is asked for."""
        width, height = self.size.width, self.size.height
        if self._for != (width, height):
            self._lines = self.lines(width, height)
            self._for = (width, height)
        style = self.rich_style
        base = Style(color=style.color, bgcolor=style.bgcolor)
        line = self._lines[y] if y < len(self._lines) else ()
        return paint(line, width, palette_of(self.app.theme_variables), base)

    def lines(self, width: int, height: int) -> list[Line]:
        """Draw everything into ``width`` by ``height`` cells."""
        remarks: list[str] = [self._note] if self._note else []
        drawn, box = _placed(self._series, self._axis, self._smoothing, self._logarithmic, remarks)
        head = [self._rule(width)] if height > 2 else []
        room = height - len(head)
        if self._said or not self._series:
            return [*head, *_middle(self._said or (("no values", "dim"),), width, room)]
        below = legend(self._series, width, max(1, room // 4)) if room >= 7 else []
        foot: list[Line] = [((safe(remark), "dim"),) for remark in remarks[: 2 if room > 12 else 1]]
        foot = foot if room - len(below) >= 8 else foot[:1] if room - len(below) >= 5 else []
        room -= len(below) + len(foot)
        if box is None:
            said = "nothing above zero was logged" if self._logarithmic else "no values were logged"
            body = _middle(((said, "dim"),), width, room)
        else:
            body = _panel(drawn, box, self._axis, self._logarithmic, width, room)
        return [cut(line, width) for line in (*head, *body, *below, *foot)]

    def _rule(self, width: int) -> Line:
        said = [f"by {_AXES.get(self._axis, self._axis)}"]
        said += [f"smoothed {self._smoothing:g}"] if self._smoothing else []
        said += ["log scale"] if self._logarithmic else []
        told = f" · {' · '.join(said)}" if self._series else ""
        line: Line = (("─ ", "faint"), (safe(self.title, 60), "strong"), (told, "dim"))
        return fit((*line, (" " + "─" * max(0, width - width_of(line) - 2), "faint")), width)


class _Box(Struct, frozen=True):
    """What is drawn of all curves: lowest and highest, across and up."""

    left: float
    right: float
    low: float
    high: float


def _placed(
    series: Sequence[Series], axis: str, smoothing: float, logarithmic: bool, remarks: list[str]
) -> tuple[list[_Drawn], _Box | None]:
    """Return curves with their gaps, and what they span, ``None`` where nothing can be drawn."""
    drawn = []
    gaps: list[str] = []
    left_out: list[str] = []
    raw_too = smoothing > 0 and sum(1 for one in series if one.points) <= _RAW
    for one in series:
        points = one.points if axis == STEP else sorted(one.points, key=lambda point: point.time)
        start = points[0].time if points and axis == RELATIVE else 0
        at = [float(point.step if axis == STEP else point.time - start) for point in points]
        values = [point.value for point in points]
        if any(value is None or not math.isfinite(value) for value in values):
            gaps.append(one.mark)
        if logarithmic and any(value is not None and value <= 0 for value in values):
            left_out.append(one.mark)
        line = _line(at, smoothed(values, smoothing), logarithmic)
        raw = _line(at, values, logarithmic) if raw_too else []
        end = next((dot for dot in reversed(line) if dot is not None), None)
        drawn.append(_Drawn(one, line, raw, end))
    if left_out:
        remarks.append(f"zero and below is left out: {_some(left_out)}")
    if gaps:
        remarks.append(f"NaN and infinite values are gaps: {_some(gaps)}")
    dots = [dot for one in drawn for dot in (*one.line, *one.raw) if dot is not None]
    if not dots:
        return drawn, None
    acrosses, ups = [dot[0] for dot in dots], [dot[1] for dot in dots]
    return drawn, _Box(min(acrosses), max(acrosses), min(ups), max(ups))


def _some(marks: Sequence[str]) -> str:
    return ", ".join(marks[:12]) + (f" and {len(marks) - 12} more" if len(marks) > 12 else "")


def _line(
    at: Sequence[float], values: Sequence[float | None], logarithmic: bool
) -> list[tuple[float, float] | None]:
    return [
        None if value is None or not math.isfinite(value) or (logarithmic and value <= 0) else (where, value)
        for where, value in zip(at, values, strict=True)
    ]


def _panel(
    drawn: Sequence[_Drawn], box: _Box, axis: str, logarithmic: bool, width: int, height: int
) -> list[Line]:
    """Draw axes and curves."""
    under = 2 if height >= 5 else 0
    rows = height - under
    upright = Scale(box.low, box.high, logarithmic=logarithmic)
    ticks = upright.ticks(max(1, rows // 3))
    names = max((len(name) for _, name in ticks), default=0) if width >= 24 else 0
    margin = max((len(one.series.mark) for one in drawn), default=1)
    if len(drawn) > rows // 2:
        margin *= 2  # ends close to each other go side by side
    cells = width - names - 2 - margin
    if rows < 1 or cells < _LEAST:
        return [()] * max(0, height)
    level, level_ticks = across(axis, box.left, box.right, max(2, cells // 12))
    canvas = Canvas(cells, rows)
    for one in drawn:
        canvas.line(_dots(one.raw, level, upright), None)
    for one in reversed(drawn):
        canvas.line(_dots(one.line, level, upright), one.series.role)
    beside = _ends(drawn, level, upright, canvas, margin)
    named = {canvas.cell_of((0.0, at))[1]: name for at, name in ticks}
    lines: list[Line] = []
    for row in range(rows):
        name = named.get(row)
        side: Line = ((f"{name or '':>{names}}" if names else "", "dim"), (" ┤" if name else " │", "faint"))
        lines.append((*side, *canvas.row(row), *beside.get(row, ())))
    return [*lines, *_below(level_ticks, names, cells, width, canvas)[:under]]


def _dots(line: Sequence[tuple[float, float] | None], level: Scale, upright: Scale) -> Iterator[Dot]:
    """Return where the points of a line stand, all of a stretch without gaps at a time."""
    for gap, some in groupby(line, lambda point: point is None):
        if gap:
            yield None
            continue
        points = [point for point in some if point is not None]
        yield from zip(
            level.places(point[0] for point in points),
            upright.places(point[1] for point in points),
            strict=True,
        )


def _ends(
    drawn: Sequence[_Drawn], level: Scale, upright: Scale, canvas: Canvas, margin: int
) -> dict[int, Line]:
    """Set each curve's letters beside its end, or as near to that as there is room; return those that stand
    to the right of the canvas, by row."""
    outside: list[tuple[float, int, Span]] = []
    taken: set[tuple[int, int]] = set()
    for one in drawn:
        if one.end is None:
            continue
        up = upright(one.end[1])
        column, row = canvas.cell_of((level(one.end[0]), up))
        mark = one.series.mark
        if column + len(mark) >= canvas.width:
            outside.append((-up, row, (mark, one.series.role)))
            continue
        for down in sorted(range(-row, canvas.height - row), key=abs):
            cells = {(column + 1 + number, row + down) for number in range(len(mark))}
            if not cells & taken:
                taken |= cells
                for number, letter in enumerate(mark):
                    canvas.text(column + 1 + number, row + down, letter, one.series.role)
                break
    outside.sort(key=lambda end: end[0])
    abreast = max(1, margin // max((len(span[0]) for *_, span in outside), default=1))
    rows = _spread([row for _, row, _ in outside], canvas.height, abreast)
    beside: dict[int, Line] = {}
    for row, (*_, span) in zip(rows, outside, strict=True):
        beside[row] = (*beside.get(row, ()), span)
    return beside


def _spread(wanted: Sequence[int], rows: int, abreast: int) -> list[int]:
    """Return rows near to those that are wanted, in their order, at most ``abreast`` times each; rows below 0
    where there are too few."""
    found: list[int] = []
    for place, row in enumerate(wanted):
        free = found[place - abreast] + 1 if place >= abreast else 0
        found.append(max(row, free, found[-1] if found else 0))
    last = len(found) - 1
    return [min(row, rows - 1 - (last - place) // abreast) for place, row in enumerate(found)]


def _below(ticks: Sequence[Tick], names: int, cells: int, width: int, canvas: Canvas) -> list[Line]:
    """Draw the lower axis, and what its ticks are called as far as the names do not touch."""
    rule = ["─"] * cells
    called = [" "] * (width - 1)
    left = names + 2
    free = 0
    for at, name in ticks:
        column = canvas.cell_of((at, 0.0))[0]
        start = max(0, min(left + column - len(name) // 2, len(called) - len(name)))
        if start < free or len(name) > len(called):
            continue
        rule[column] = "┬"
        called[start : start + len(name)] = name
        free = start + len(name) + 2
    return [((" " * names, "text"), (" └" + "".join(rule), "faint")), (("".join(called), "dim"),)]


def _middle(line: Line, width: int, height: int) -> list[Line]:
    """Draw a sentence in the middle of a panel."""
    line = cut(line, width)
    before = max(0, (width - width_of(line)) // 2)
    rows: list[Line] = [()] * max(0, height)
    if rows:
        rows[len(rows) // 2] = ((" " * before, "text"), *line)
    return rows
