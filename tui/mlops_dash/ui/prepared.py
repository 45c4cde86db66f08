"""The process that will carry a plan out: got ready while the plan is read, told to go or to leave."""

from __future__ import annotations

from threading import Lock

from mlops_dash.domain.plans import Plan
from mlops_dash.errors import RefusedError
from mlops_dash.ui.board import AgentLike, Board


class Prepared:
    """An agent that there may not be yet. Every method may block: it is called in a thread.

    Attributes:
        plan: what it carries out.
    """

    def __init__(self, board: Board, plan: Plan) -> None:
        self.plan = plan
        self._board = board
        self._lock = Lock()
        self._agent: AgentLike | None = None
        self._left = False

    def get_ready(self) -> None:
        """Start it, unless it was told to leave meanwhile.

        Raises:
            DashError: it could not be started.
        """
        with self._lock:
            if self._agent is None and not self._left:
                self._agent = self._board.prepare(self.plan)

    def go(self, reason: str) -> str:
        """Have the plan carried out; return the action's id.

        Raises:
            DashError: nothing was changed, or it is not known whether it was.
        """
        self.get_ready()
        with self._lock:
            agent, left = self._agent, self._left
            self._left = True
        if agent is None or left:
            raise RefusedError("the plan was left; nothing was changed", "make a new plan")
        return agent.go(reason)

    def leave(self) -> None:
        """Have it go away; after :meth:`go` this changes nothing."""
        with self._lock:
            agent, left = self._agent, self._left
            self._left = True
        if agent is not None and not left:
            agent.leave()
