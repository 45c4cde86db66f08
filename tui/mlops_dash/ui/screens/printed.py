"""What a rebuild's command has printed: asked for in the background while it may print more, and as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_dash.domain.plans import Action, ActionKind
from mlops_dash.ui.action_words import Stand, steps_of
from mlops_dash.ui.reader import Reader
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.wording import safe

PRINTED_TITLE = "What the command printed"
_LONG = 2000  # characters of one line that are laid out
_UNTOLD = (Stand.OPEN, Stand.DONE, Stand.NOT_BEGUN)


class Printed:
    """The end of what the command of one rebuild has printed, that of another one as soon as it is asked for.

    Args:
        topic: of the question.
        most: lines that are asked for.
    """

    def __init__(self, topic: str, most: int) -> None:
        self.topic, self.most = topic, most
        self._action_id = ""
        self._lines: tuple[str, ...] = ()
        self._complete = False  # it prints no more

    def lines(self, action: Action) -> tuple[str, ...]:
        """What an action's command has printed, as far as it is known."""
        return self._lines if action.plan.id == self._action_id else ()

    def ask(self, reader: Reader, action: Action) -> None:
        """Ask for what an action's command has printed, while it may print more."""
        known = action.plan.id == self._action_id and self._complete
        if known or action.plan.kind is not ActionKind.REBUILD or reader.is_busy(self.topic):
            return
        board, action_id, most, complete = reader.board, action.plan.id, self.most, action.outcome is not None
        reader.ask(self.topic, lambda: (action_id, board.output(action_id, most=most), complete))

    def take(self, answer: object) -> bool:
        """Take an answer; tell whether something else is to be shown."""
        if not isinstance(answer, tuple):
            return False  # it could not be read: it is asked for again
        former = self._action_id, self._lines
        self._action_id, self._lines, self._complete = answer
        return former != (self._action_id, self._lines)


def printed_facts(lines: Sequence[str], role: str = "text") -> Iterator[Fact]:
    """Yield lines that a command has printed."""
    for line in lines:
        yield Fact("", ((safe(line, _LONG), role),), line)


def is_at_command(action: Action) -> bool:
    """Tell whether the command of a rebuild is under way, or is what failed."""
    return any(one.step.kind == "train" and one.stand not in _UNTOLD for one in steps_of(action))
