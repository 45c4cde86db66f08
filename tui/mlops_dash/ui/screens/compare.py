"""Compare."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from mlops_dash.ui.commands import COMPARE
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.widgets.facts import Facts


class CompareScreen(BoardScreen):
    """Under construction."""

    kind = COMPARE

    def body(self) -> Iterable[Widget]:
        """One panel."""
        yield Facts(title="Compare", id="message")

    def compare(self, refs: tuple[str, ...]) -> None:
        """Set references side by side, the first one being the baseline."""
