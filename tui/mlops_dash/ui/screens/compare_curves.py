"""The curves of one metric of all items: in the colours and with the letters of the table."""

from __future__ import annotations

from mlops_dash.answers.compare_shapes import CompareAnswer, Curve, CurvesAnswer
from mlops_dash.ui.screens.compare_cells import letters
from mlops_dash.ui.widgets.plot import Plot, Series
from mlops_dash.ui.widgets.plot_scale import AXES, SMOOTHINGS
from mlops_dash.ui.wording import Line, Span, plural

_COLOURS = 8


class Curves(Plot, can_focus=True):
    """One metric's curves, and how they are drawn: axis, smoothing and scale stay when the metric changes."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(title="Curves", id=id)
        self.axis = AXES[0]
        self.smoothing = SMOOTHINGS[0]
        self.logarithmic = False
        self.metric: str | None = None  # whose curves are shown
        self._curves: tuple[tuple[str, Curve | None, Span], ...] = ()
        self._about = ""

    def mark(self, place: int) -> Span:
        """Return the letters of an item in its colour, for table and curves alike."""
        return letters(place), f"series{place % _COLOURS}"

    def show_answer(self, answer: CompareAnswer, key: str, found: CurvesAnswer) -> None:
        """Draw the curves of a metric; items without a history stay in the legend."""
        by_run = {curve.run_id: curve for curve in found.curves if curve.key == key}
        items = list(enumerate(answer.items))
        base = answer.baseline
        items.sort(key=lambda pair: pair[0] != base)  # the first lies on top
        self._curves = tuple(
            (item.label, by_run.get(item.run_id or ""), self.mark(place)) for place, item in items
        )
        self.metric = key
        self._about = found.problem or self._thinned(found)
        self._redraw()

    def _thinned(self, found: CurvesAnswer) -> str:
        logged = sum(curve.logged for curve in found.curves)
        drawn = sum(len(curve.points) for curve in found.curves)
        return f"{plural(logged, 'value')}, thinned with their extremes kept" if logged > drawn else ""

    def _redraw(self) -> None:
        if self.metric is None or not self._curves:
            return
        if not any(curve is not None and curve.points for _, curve, _ in self._curves):
            self.say(self._about or "no history was logged", title=self.metric)
            return
        series = [
            Series(label, mark, role, curve.points if curve is not None else ())
            for label, curve, (mark, role) in self._curves
        ]
        self.show(
            series,
            title=self.metric,
            axis=self.axis,
            smoothing=self.smoothing,
            logarithmic=self.logarithmic,
            note=self._about,
        )

    def wait(self, title: str) -> None:
        """Say that a metric's curves are being read."""
        self.metric = None
        super().wait(title)

    def next_axis(self) -> None:
        """By step, by time, by time since the start."""
        self.axis = AXES[(AXES.index(self.axis) + 1) % len(AXES)]
        self._redraw()

    def next_smoothing(self) -> None:
        """Smoother, and not at all again."""
        self.smoothing = SMOOTHINGS[(SMOOTHINGS.index(self.smoothing) + 1) % len(SMOOTHINGS)]
        self._redraw()

    def toggle_logarithmic(self) -> None:
        """On a logarithmic scale, and back."""
        self.logarithmic = not self.logarithmic
        self._redraw()

    def on_focus(self) -> None:
        """The title says where the keys go."""
        self._draw_anew()

    def on_blur(self) -> None:
        """And no more."""
        self._draw_anew()

    def lines(self, width: int, height: int) -> list[Line]:
        """Draw everything, the title in the colour of what has the focus."""
        found = super().lines(width, height)
        if self.has_focus and found and height > 2:
            found[0] = tuple((text, "title" if role == "strong" else role) for text, role in found[0])
        return found
