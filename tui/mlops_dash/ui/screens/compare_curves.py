"""The curves of one metric of all items: in the colours and with the letters of the table."""

from __future__ import annotations

from mlops_dash.answers.compare_shapes import CompareAnswer, CurvesAnswer
from mlops_dash.ui.screens.compare_cells import letters
from mlops_dash.ui.widgets.facts import Fact, Facts
from mlops_dash.ui.wording import safe


class Curves(Facts):
    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(title="Curves", label_width=2, id=id)

    def mark(self, place: int) -> tuple[str, str]:
        return letters(place), f"series{place % 8}"

    def say(self, text: str) -> None:
        self.show([Fact("", ((text, "dim"),))])

    def wait(self, key: str) -> None:
        self.show([Fact("", (("reading …", "dim"),))], title=f"Curves · {safe(key, 40)}")

    def show_answer(self, answer: CompareAnswer, key: str, found: CurvesAnswer) -> None:
        self.show([Fact("", ((f"{len(found.curves)} curves", "dim"),))], title=f"Curves · {safe(key, 40)}")

    def next_axis(self) -> None: ...

    def next_smoothing(self) -> None: ...

    def toggle_logarithmic(self) -> None: ...
