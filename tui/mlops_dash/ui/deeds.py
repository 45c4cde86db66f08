"""The acting keys: roll back, promote, undo. Each opens a plan; none changes anything by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mlops_dash.domain.plans import Action, ActionKind, Outcome
from mlops_dash.ui.action_words import subject
from mlops_dash.ui.commands import JOBS, PLAN, RUNS
from mlops_dash.ui.following import ACTING, Following
from mlops_dash.ui.holding import hold
from mlops_dash.ui.wording import safe

if TYPE_CHECKING:
    from mlops_dash.answers.run_shapes import RunRow
    from mlops_dash.answers.shapes import EnvironmentRow
    from mlops_dash.domain.plans import Plan
    from mlops_dash.ui.prepared import Prepared
    from mlops_dash.ui.screens.base import BoardScreen

_GO, CANCEL = f"{ACTING}.go", f"{ACTING}.cancel"
_NO_PLACE = "select an environment, a version or a run of a registered version"


class Deeds(Following):
    """An app that acts."""

    def __init__(self) -> None:
        super().__init__()
        self._told_to_go: set[str] = set()  # topics under which agents were told to go

    def board_screen(self) -> BoardScreen | None:
        """The screen that is shown, or stands under the palette."""
        raise NotImplementedError

    # -- what the keys are about --------------------------------------------------------------------------

    def _aimed(self) -> tuple[str | None, str, str | None] | None:
        screen = self.board_screen()
        if screen is not None and screen.kind == RUNS:
            row: RunRow | None = screen.table.selected  # type: ignore[attr-defined]
            return (None, *row.versions[0]) if row is not None and row.versions else None
        return screen.aimed() if screen is not None else None

    def _places(self, model: str) -> list[EnvironmentRow]:
        answer = getattr(self, "answer", None)
        return [row for row in answer.environments if row.model == model] if answer is not None else []

    def _why_not(self, kind: ActionKind) -> str | None:
        if self.asked is None:
            return "the project is still being opened"
        if self.asked.board.read_only:
            return "mlops-dash was started with --read-only"
        aim = self._aimed()
        if aim is None:
            return _NO_PLACE
        environment, model, _ = aim
        if environment is not None:
            return self.why_not_act((kind, environment, model))
        places = self._places(model)
        if not places:
            return f"no environment serves {safe(model, 60)}"
        reasons = [self.why_not_act((kind, row.environment, model)) for row in places]
        return None if None in reasons else reasons[0]

    def why_not_rollback(self) -> str | None:
        """Nothing that can be acted on."""
        return self._why_not(ActionKind.ROLLBACK)

    def why_not_promote(self) -> str | None:
        """Nothing that can be acted on."""
        return self._why_not(ActionKind.PROMOTE)

    def _rebuilt(self) -> str | None:
        """The run, or the version, that a rebuild would be of."""
        screen = self.board_screen()
        if screen is None:
            return None
        ref = screen.selected_ref() or ""
        return screen.selected_run() or (ref if ref.startswith("models:/") else None)

    def why_not_rebuild(self) -> str | None:
        """Nothing that was made by a run."""
        if self.asked is None:
            return "the project is still being opened"
        if self.asked.board.read_only:
            return "mlops-dash was started with --read-only"
        return (
            None if self._rebuilt() else "select a run, a version, or an environment whose version is known"
        )

    def do_rebuild(self) -> None:
        """Plan to make it again."""
        from mlops_dash.ui.screens.plan import PlanScreen

        if (ref := self._rebuilt()) is not None:
            hold(self)
            self.push_screen(PlanScreen(ActionKind.REBUILD, "", "", ref=ref))

    def why_not_cancel(self) -> str | None:
        """It is no rebuild, or has ended."""
        action = self._undone()
        if action is None or action.plan.kind is not ActionKind.REBUILD:
            return "only a rebuild can be stopped half-way"
        return "it has ended" if action.outcome is not None else None

    def do_cancel(self) -> None:
        """Have a rebuild stopped."""
        if self.asked is not None and (action := self._undone()) is not None:
            self.asked.run(CANCEL, partial(self.asked.board.cancel, action.plan.id))
            self.say(f"{subject(action.plan)} is being stopped")

    def do_rollback(self) -> None:
        """Plan to go back."""
        self._plan(ActionKind.ROLLBACK)

    def do_promote(self) -> None:
        """Plan to go on."""
        self._plan(ActionKind.PROMOTE)

    def _plan(self, kind: ActionKind) -> None:
        if (aim := self._aimed()) is None:
            return
        environment, model, version = aim
        if environment is not None:
            self.show_plan(kind, environment, model, wanted=version)
            return
        places = [
            row
            for row in self._places(model)
            if row.live != version and self.why_not_act((kind, row.environment, model)) is None
        ]
        if len(places) == 1:
            self.show_plan(kind, places[0].environment, model, wanted=version)
        elif not places:
            self.say(f"{safe(model, 60)} {safe(version, 40)} is live in every environment already")
        else:
            self._ask_place(kind, model, version, places)

    def _ask_place(
        self, kind: ActionKind, model: str, version: str | None, places: list[EnvironmentRow]
    ) -> None:
        from mlops_dash.ui.screens.plan_place import PlaceDialog

        def chosen(environment: str | None) -> None:
            if environment is not None:
                self.show_plan(kind, environment, model, wanted=version)

        hold(self)
        self.push_screen(PlaceDialog(kind, model, version, places), chosen)

    def show_plan(self, kind: ActionKind, environment: str, model: str, *, wanted: str | None = None) -> None:
        """Show the versions that an environment could go to."""
        from mlops_dash.ui.screens.plan import PlanScreen

        hold(self)
        self.push_screen(PlanScreen(kind, environment, model, wanted=wanted))

    # -- undo ---------------------------------------------------------------------------------------------

    def _undone(self) -> Action | None:
        """The action that undo is about: on Jobs the selected one, else the last one."""
        screen = self.board_screen()
        if screen is not None and screen.kind == JOBS:
            return getattr(screen, "selected_action", None)
        if screen is not None and screen.kind == PLAN:
            return getattr(screen, "begun", None)
        return self.latest

    def why_not_undo(self) -> str | None:
        """Nothing to take back."""
        if self.asked is None:
            return "the project is still being opened"
        if self.asked.board.read_only:
            return "mlops-dash was started with --read-only"
        action = self._undone()
        if action is None:
            return "nothing was done here yet that could be taken back"
        if action.plan.kind is ActionKind.REBUILD:
            return "a rebuild has changed nothing that could be taken back"
        if action.outcome is None:
            return (
                "it is still under way" if action.running else "it was interrupted; it is gone on with first"
            )
        if action.outcome in (Outcome.REFUSED, Outcome.FAILED):
            return f"it was {'refused' if action.outcome is Outcome.REFUSED else 'taken back already'}"
        return None

    def do_undo(self) -> None:
        """Plan to take the last action back."""
        from mlops_dash.ui.screens.plan import PlanScreen

        if (action := self._undone()) is None:
            return
        plan = action.plan
        if (screen := self.board_screen()) is not None:
            screen.leave_plan()
        hold(self)
        self.push_screen(PlanScreen(plan.kind, plan.environment, plan.model, takes_back=plan.id))

    # -- going --------------------------------------------------------------------------------------------

    @property
    def going_on(self) -> int:
        """Also those that were told to go and have not said yet that they have begun."""
        reader = self.asked
        beginning = sum(map(reader.is_busy, self._told_to_go)) if reader is not None else 0
        return super().going_on + beginning

    def carry_out(self, prepared: Prepared, reason: str) -> None:
        """Have a plan carried out; the screen that shows it is told, or the person."""
        reader = self.asked
        if reader is None:
            return
        topic = next(topic for place in range(1000) if not reader.is_busy(topic := f"{_GO}{place or ''}"))
        self._told_to_go.add(topic)
        reader.ask(topic, partial(_gone, prepared, reason))

    def take_acting(self, topic: str, answer: object) -> None:
        """Also: an action has begun, or could not."""
        from mlops_dash.ui.screens.plan import PlanScreen

        if not topic.startswith(_GO) or not isinstance(answer, tuple):
            super().take_acting(topic, answer)
            return
        prepared, result = answer
        planned: Plan = prepared.plan
        if isinstance(result, str):
            self.follow_action(result)
        shown = False
        for screen in self.screen_stack:
            if isinstance(screen, PlanScreen) and screen.plan is planned:
                screen.take_begun(planned.id, result)
                shown = True
        if isinstance(result, Exception) and not shown:
            self.say(f"{subject(planned)} was not begun: {result}", severity="error")


def _gone(prepared: Prepared, reason: str) -> tuple[Prepared, Any]:
    try:
        return prepared, prepared.go(reason)
    except Exception as error:  # noqa: BLE001 - shown as what became of it
        return prepared, error
