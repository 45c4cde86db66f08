"""Runs."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from mlops_dash.ui.commands import RUNS
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.widgets.facts import Facts


class RunsScreen(BoardScreen):
    """Under construction."""

    kind = RUNS

    def body(self) -> Iterable[Widget]:
        """One panel."""
        yield Facts(title="Runs", id="message")
