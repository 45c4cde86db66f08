"""After an action: what it changed is read and asked anew before anything is planned from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_dash.ui.acting import Acting

if TYPE_CHECKING:
    from mlops_dash.ui.reader import Reader


class CatchingUp(Acting):
    """An app that knows whether its facts are older than its last action.

    Attributes:
        behind: what does not tell yet what an action has changed: ``read``, ``observe``.
    """

    reader: Reader | None

    def __init__(self) -> None:
        super().__init__()
        self.behind: set[str] = set()
        self._begun: set[str] = set()

    def facts_changed(self) -> None:
        """An action has ended: what it changed is read, and what serves is asked."""
        self.behind = {"read", "observe"}
        self._begun = set()
        self.catch_up()

    def catch_up(self) -> None:
        """Begin what has not begun since: a reading that was under way then may not have seen the change."""
        if self.reader is not None:
            for what in self.behind - self._begun:
                if self.reader.refresh() if what == "read" else self.reader.observe():
                    self._begun.add(what)

    def caught_up(self, what: str) -> None:
        """Something was read or asked."""
        if what in self._begun:
            self._begun.discard(what)
            self.behind.discard(what)
            if not self.behind and (screen := self.board_screen()):
                screen.caught_up()
