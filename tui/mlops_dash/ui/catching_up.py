"""After an action: what it changed is read and asked anew before anything is planned from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.ui.acting import Acting

if TYPE_CHECKING:
    from mlops_dash.ui.reader import Reader


class CatchingUp(Acting):
    """An app that knows whether its facts are older than its last action.

    Attributes:
        behind: what does not tell yet what an action has changed: ``read``, ``observe``.
    """

    reader: Reader | None
    sources: tuple[SourceStatus, ...]

    def __init__(self) -> None:
        super().__init__()
        self.behind: set[str] = set()
        self._begun: set[str] = set()
        self._sound: set[str] = set()  # sources that could be read when the action ended

    def facts_changed(self) -> None:
        """An action has ended: what it changed is read, and what serves is asked."""
        self.behind = {"read", "observe"}
        self._begun = set()
        self._sound = _sound(self.sources)
        self.catch_up()

    def catch_up(self) -> None:
        """Begin what has not begun since: a reading that was under way then may not have seen the change."""
        if self.reader is not None:
            for what in self.behind - self._begun:
                if self.reader.refresh() if what == "read" else self.reader.observe():
                    self._begun.add(what)

    def caught_up(self, what: str) -> None:
        """Something was asked, or read: a source that could be read before and was busy just now, as with
        the record of the action, is read once more."""
        if what not in self._begun:
            return
        self._begun.discard(what)
        if what == "read" and not self._sound <= _sound(self.sources):
            return
        self.behind.discard(what)
        if not self.behind and (screen := self.board_screen()):
            screen.caught_up()


def _sound(sources: Iterable[SourceStatus]) -> set[str]:
    return {one.name for one in sources if one.status not in (Freshness.STALE, Freshness.FAILED)}
