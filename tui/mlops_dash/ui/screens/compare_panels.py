"""The lines above a comparison, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from textual.strip import Strip

from mlops_dash.answers.compare_shapes import CompareAnswer, CompareItem
from mlops_dash.errors import DashError
from mlops_dash.ui.screens.compare_verdict import Score, reasons, score_line, verdict
from mlops_dash.ui.theme import palette_of
from mlops_dash.ui.widgets.bars import Bar
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.widgets.lines import paint
from mlops_dash.ui.widgets.side_by_side import Side
from mlops_dash.ui.wording import Line, safe, short

Marks = Callable[[int], tuple[str, str]]
_LABEL, _NOTE = 48, 60


class VerdictBar(Bar):
    """Which item is better, and what differs between them."""

    DEFAULT_CSS = "VerdictBar { height: 2; background: $background; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._answer: CompareAnswer | None = None
        self._said: Callable[[int], Line] = lambda width: ()

    def show(self, answer: CompareAnswer, marks: Marks, primary: str | None) -> None:
        """Show the verdict of an answer."""
        self._answer = answer
        self._said = partial(verdict, answer, marks, primary)
        self.refresh()

    def line(self, width: int) -> Line:
        """The verdict."""
        return ((" ", "text"), *self._said(width - 2))

    def render_line(self, y: int) -> Strip:
        """Paint the verdict, and below it the reasons."""
        if y != 1 or self._answer is None:
            return super().render_line(y)
        width = self.size.width
        line: Line = ((" ", "text"), *reasons(self._answer, width - 2))
        return paint(line, width, palette_of(self.app.theme_variables), self.rich_style)


def sides(answer: CompareAnswer, marks: Marks, scored: Sequence[Score]) -> list[Side]:
    """Return the heads of the columns."""
    return [
        Side(
            marks(place),
            ((safe(item.label, _LABEL), "strong"),),
            (_note(item), score_line(scored[place], place == answer.baseline)),
        )
        for place, item in enumerate(answer.items)
    ]


def _note(item: CompareItem) -> Line:
    if item.run is not None and item.run.deleted:
        return (("✗ deleted ", "warn"), (safe(item.note, _NOTE), "dim"))
    if item.run_id is None:
        return ((f"{safe(item.note, _NOTE)} " if item.note else "", "dim"), ("? no run is known", "unknown"))
    if item.run is None:
        return (("✗ run not in the store ", "warn"), (safe(item.note, _NOTE), "dim"))
    running: Line = (("◌ running ", "accent"),) if item.run.status in ("RUNNING", "SCHEDULED") else ()
    about = item.note or ("" if item.kind == "run" else item.run.name) or item.run.experiment
    return (*running, (safe(about or short(item.run_id), _NOTE), "dim"))


def nothing_chosen(keys: Callable[[str], str]) -> list[Fact]:
    """Return what is said where nothing is compared yet; ``keys`` names a command's key."""
    return [
        Fact("", (("Nothing is compared yet.", "strong"),)),
        Fact("", ()),
        Fact("", ((keys("runs"), "key"), (" Runs: mark two or more with ", "text"), (keys("mark"), "key"),
                  (", then ", "text"), (keys("compare"), "key"), (" compares them.", "text"))),
        Fact("", ((keys("add"), "key"), (" types a reference: an environment, models:/NAME/VERSION, "
                                              "models:/NAME@ALIAS, a run id.", "text"))),
        Fact("", ()),
        Fact("", (("Where two environments have a run, they are what is offered here: "
                   "production against staging first.", "dim"),)),
    ]  # fmt: skip


def refused(error: Exception, keys: Callable[[str], str]) -> list[Fact]:
    """Return why there is no comparison, and what to do."""
    message = error.message if isinstance(error, DashError) else str(error)
    remedy = error.remedy if isinstance(error, DashError) else None
    return [
        Fact("", ((safe(message, 1000), "bad"),), message),
        *([Fact("", ((safe(remedy, 1000), "text"),))] if remedy else []),
        Fact("", ()),
        Fact("", ((keys("add"), "key"), (" types another reference · ", "dim"), (keys("back"), "key"),
                  (" goes back", "dim"))),
    ]  # fmt: skip


def being_read(refs: Sequence[str]) -> list[Fact]:
    """Return what is said until the first answer is there."""
    return [
        Fact("", (("comparing …", "accent"),)),
        Fact("", ()),
        *(Fact("", ((safe(ref, 200), "text"),)) for ref in refs),
    ]
