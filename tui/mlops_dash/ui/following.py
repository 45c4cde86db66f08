"""Actions beside the screens: where one may act, what is under way or was interrupted, how each ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mlops_dash.domain.plans import Action, ActionKind, Outcome
from mlops_dash.errors import DashError
from mlops_dash.ui.action_words import ended_words, subject
from mlops_dash.ui.commands import JOBS, PLAN
from mlops_dash.ui.holding import Holding

if TYPE_CHECKING:
    from mlops_dash.ui.board import Board
    from mlops_dash.ui.reader import Reader

ACTING = "acting"
"""Topic of the questions that are the app's own, not a screen's."""

_RESUME, _WATCHED, _DISABLED = (f"{ACTING}.{what}" for what in ("resume", "watched", "disabled"))
_SEVERITY = {
    Outcome.VERIFIED: "information",
    Outcome.REFUSED: "warning",
    Outcome.FAILED: "error",
    Outcome.UNKNOWN: "error",
}

Deed = tuple[ActionKind, str, str]  # kind, environment, model


class Following(Holding):
    """An app that knows its actions."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: Action | None = None
        """The last action of this project that ended or is under way on this machine."""
        self._watched: dict[str, None] = {}
        self._cannot: dict[Deed, str | None] = {}
        self._outdated: set[Deed] = set()
        self._wanted: set[Deed] = set()
        self._unanswered: set[Deed] = set()

    # -- what the app has ---------------------------------------------------------------------------------

    @property
    def asked(self) -> Reader | None:
        """Whom questions go to."""
        return getattr(self, "reader", None)

    def say(self, message: str, *, severity: Any = "information") -> None:
        """Tell the person something that passes."""
        raise NotImplementedError

    def facts_changed(self) -> None:
        """Something was changed in a system: it is read and asked again."""

    def reasons_changed(self) -> None:
        """Other keys may act now."""

    # -- where one may act --------------------------------------------------------------------------------

    def why_not_act(self, deed: Deed) -> str | None:
        """Why an environment cannot be acted on, as far as it is known: it is asked for in the background."""
        reader = self.asked
        if reader is None:
            return "the project is still being opened"
        if reader.board.read_only:
            return "mlops-dash was started with --read-only"
        if deed not in self._cannot or deed in self._outdated:
            self._outdated.discard(deed)
            self._cannot.setdefault(deed, None)
            if not self._wanted:
                self.call_later(self._ask_disabled)
            self._wanted.add(deed)
        return self._cannot[deed]

    def _ask_disabled(self) -> None:
        reader = self.asked
        self._unanswered |= self._wanted  # a newer question makes the one before it void
        self._wanted.clear()
        if reader is not None and self._unanswered:
            board, deeds = reader.board, tuple(self._unanswered)
            reader.ask(_DISABLED, lambda: {deed: _disabled(board, deed) for deed in deeds})

    def places_changed(self) -> None:
        """The board says something else: what was learned of its places is asked for again."""
        self._outdated = set(self._cannot)

    # -- what is under way --------------------------------------------------------------------------------

    def begin_following(self, reader: Reader) -> None:
        """Have what was interrupted gone on with, and learn of what is under way."""
        self._cannot, self._outdated, self._wanted, self._unanswered = {}, set(), set(), set()
        self._watched, self.latest = {}, None
        board = reader.board
        reader.ask(_RESUME, lambda: (board.resume_unfinished(), board.actions()))

    @property
    def going_on(self) -> int:
        """How many actions are under way, as far as was seen: they do not need the dashboard."""
        return len(self._watched)

    def follow_action(self, action_id: str) -> None:
        """An action was begun: tell how it ends."""
        self._watched[action_id] = None

    def look_after_actions(self) -> None:
        """A second has passed."""
        reader = self.asked
        if reader is not None and self._watched and not reader.is_busy(_WATCHED):
            board, ids = reader.board, tuple(self._watched)
            reader.ask(_WATCHED, lambda: [board.action(one) for one in ids])

    def actions_seen(self, actions: Iterable[Action]) -> None:
        """Another look at actions, the newest first."""
        for place, action in enumerate(actions):
            rebuilds = action.plan.kind is ActionKind.REBUILD  # which z has nothing to do with
            if place == 0 and not rebuilds and (self.latest is None or action.plan.id >= self.latest.plan.id):
                self.latest = action
            if action.outcome is None and action.running:
                self._watched[action.plan.id] = None
            elif action.outcome is not None and action.plan.id in self._watched:
                self._ended(action)

    def take_acting(self, topic: str, answer: object) -> None:
        """An answer to one of the app's own questions."""
        if isinstance(answer, Exception):
            if topic == _RESUME:
                self.say(f"Interrupted actions could not be looked at: {answer}", severity="error")
        elif topic == _DISABLED and isinstance(answer, dict):
            self._unanswered -= answer.keys()
            before = dict(self._cannot)
            self._cannot.update(answer)
            if before != self._cannot:
                self.reasons_changed()
        elif topic == _WATCHED and isinstance(answer, list):
            known = [action for action in answer if action is not None]
            self.actions_seen(sorted(known, key=lambda action: action.plan.id, reverse=True))
        elif topic == _RESUME and isinstance(answer, tuple):
            self._resumed(*answer)

    def _resumed(self, ids: tuple[str, ...], actions: tuple[Action, ...]) -> None:
        self.actions_seen(actions)
        left = {action.plan.id: action for action in actions if action.plan.id in ids}
        going_on = [action for action in left.values() if action.outcome in (None, Outcome.UNKNOWN)]
        self._watched.update({action.plan.id: None for action in going_on if action.outcome is None})
        for action in going_on:
            what = "was interrupted" if action.outcome is None else "ended with its outcome unknown"
            self.say(f"{subject(action.plan)} {what}; it is gone on with: Jobs shows it", severity="warning")
        self.reasons_changed()

    def _ended(self, action: Action) -> None:
        self._watched.pop(action.plan.id, None)
        if self.latest is not None and self.latest.plan.id == action.plan.id:
            self.latest = action
        self.facts_changed()
        screen = self.screen
        shown = getattr(screen, "kind", "") in (PLAN, JOBS) and getattr(screen, "shown_action", None)
        if shown != action.plan.id and action.outcome is not None:
            self.say(ended_words(action), severity=_SEVERITY[action.outcome])
        self.reasons_changed()


def _disabled(board: Board, deed: Deed) -> str | None:
    try:
        return board.disabled(*deed)
    except DashError as error:  # there is no such place any more
        return error.message
