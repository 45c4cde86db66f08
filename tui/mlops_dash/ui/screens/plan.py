"""The plan screen: what to go to, what that would change, the reason, then how it goes and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from mlops_dash.answers.plan_difference import PlanDifference
from mlops_dash.domain.plans import Action, Plan, Precondition
from mlops_dash.errors import DashError
from mlops_dash.ui.action_words import UNDER_WAY, ended_at
from mlops_dash.ui.holding import release
from mlops_dash.ui.screens import action_facts
from mlops_dash.ui.screens.plan_deciding import PlanDeciding
from mlops_dash.ui.screens.plan_facts import gap, title_of
from mlops_dash.ui.screens.plan_form import ReasonForm
from mlops_dash.ui.screens.plan_stages import (
    AGENT,
    CANDIDATES,
    DIFFERENCE,
    PLANNED,
    PRINTED,
    SEEN,
    TICK,
    Stage,
)
from mlops_dash.ui.screens.printed import is_at_command, printed_facts
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.wording import HEALTH, Line, ago, health_word, version

_FOLLOW = 0.1  # seconds between two looks at the journal of what is under way
_LOOK = 0.25  # seconds between two looks at what a command prints
_CATCH_UP = 10.0  # seconds for which a plan waits until an action's changes are read
_UNKNOWN = 4  # exit code of an error that leaves open whether anything was changed


class PlanScreen(PlanDeciding):
    """Versions, plan, progress, outcome; pushed over any other screen."""

    _asked = False

    def on_mount(self) -> None:
        """Ask for the versions, or at once for the plan."""
        super().on_mount()
        self.set_interval(_FOLLOW, self._follow)
        if self.rebuilds:
            self.set_interval(_LOOK, self._look)
        self.early.focus()
        release(self.app)
        self.tell(self.verb, (("reading what was changed just now …", "dim"),))
        self.go_to(Stage.LOOKING)
        if self.dash.behind:  # a plan from what was there before would be a wrong one
            self.set_timer(_CATCH_UP, self.caught_up)
        else:
            self.caught_up()

    def caught_up(self) -> None:
        """Facts are those of now: begin, unless that was done."""
        if self._asked:
            return
        self._asked = True
        if self.takes_back is not None or self.rebuilds:
            self.ask_plan(None)
        else:
            self.ask_versions()

    # -- under way, and the end ---------------------------------------------------------------------------

    def take_begun(self, plan_id: str, answer: str | Exception) -> None:
        """The action has begun, or why not."""
        if self.plan is None or plan_id != self.plan.id:
            return
        if isinstance(answer, Exception):
            unknown = isinstance(answer, DashError) and answer.exit_code == _UNKNOWN
            title = "Nobody knows yet whether it has begun" if unknown else "It was not begun"
            self.stop(title, answer)
            return
        self.go_to(Stage.BEGUN)
        self.page.show([Fact("", (UNDER_WAY, (" begun", "accent")))], title=title_of(self.plan), note="")
        self.page.focus()
        self._follow()

    @property
    def shown_action(self) -> str | None:
        """The id of the action that is followed here."""
        return self.plan.id if self.plan is not None and self.stage in (Stage.BEGUN, Stage.ENDED) else None

    def _follow(self) -> None:
        reader, plan = self.dash.reader, self.plan
        if self.stage is Stage.BEGUN and plan is not None and reader is not None and not reader.is_busy(SEEN):
            reader.ask(SEEN, partial(reader.board.action, plan.id))

    def _take_seen(self, action: Action) -> None:
        self.begun = action
        self.dash.actions_seen((action,))
        if action.outcome is not None and not action.running and self.stage is Stage.BEGUN:
            self.go_to(Stage.ENDED)
        self._show_begun()

    def _look(self) -> None:
        """Ask for what the command has printed, while that is shown."""
        reader, action = self.dash.reader, self.begun
        if reader is not None and action is not None and is_at_command(action):
            self.printed.ask(reader, action)

    def _show_begun(self) -> None:
        if self.begun is None or self.stage not in (Stage.BEGUN, Stage.ENDED):
            return
        action = self.begun
        facts = [*action_facts.outcome_facts(action, self.dash.now()), *self._live_now(action), gap()]
        verdict = list(action_facts.verdict_facts(action))
        facts += [*verdict, *([gap()] if verdict else []), *action_facts.step_facts(action)]
        self.page.show(facts, title=action_facts.title_of(action), note="")
        self.log_view.tell(list(action_facts.log_facts(action)), subject=action.plan.id)
        self._show_printed(action)

    def _show_printed(self, action: Action) -> None:
        """Show the end of what the command has printed, beneath the steps, until it has done its work."""
        lines = self.printed.lines(action) if is_at_command(action) else ()
        self.set_class(bool(lines), "-printing")
        if lines:
            note = f"the last {len(lines)}" if len(lines) == self.printed.most else ""
            self.printed_view.tell(list(printed_facts(lines, "dim")), subject=action.plan.id, note=note)

    def _live_now(self, action: Action) -> Iterable[Fact]:
        """What Live says of the environment now."""
        answer, ended = self.dash.answer, ended_at(action)
        for row in answer.environments if answer is not None else ():
            if (row.environment, row.model) != (self.environment, self.model) or ended is None:
                continue
            line: Line = ((f"{version(row.live)} {row.basis.value}", "strong"),)
            if (seen := row.observed) is not None and seen.asked_at < ended:
                line = (("asking again …", "dim"),)
            elif seen is not None:
                glyph, role = HEALTH[row.health]
                asked = f" · asked {ago(seen.asked_at, self.dash.now())}"
                line = (*line, (f" {glyph} {health_word(row.health, seen.detail)}", role), (asked, "dim"))
            yield Fact("live now", line, f"{row.environment} {row.live}")

    # -- answers ------------------------------------------------------------------------------------------

    def take_answer(self, topic: str, answer: object) -> None:
        """Show an answer, or what went wrong, if it is still wanted at this stage."""
        error = answer if isinstance(answer, Exception) else DashError("there is no answer")
        match topic, self.stage:
            case (t, Stage.CHOOSING) if t == CANDIDATES:
                if isinstance(answer, tuple):
                    self.take_changed(answer)
            case (t, Stage.LOOKING) if t == CANDIDATES:
                if isinstance(answer, tuple):
                    self.take_candidates(answer)
                else:
                    self.stop(self.verb, error)
            case (t, Stage.PLANNING) if t == PLANNED:
                if isinstance(answer, Plan):
                    self.take_plan(answer)
                else:
                    self.stop(f"{self.verb}: this cannot be done", error)
            case (t, Stage.PLANNED) if t == TICK:
                if answer is None or isinstance(answer, Precondition):
                    self.take_tick(answer)
                else:
                    self.stop("What must hold could not be looked at", error)
            case (t, Stage.PLANNED | Stage.STARTING) if t == DIFFERENCE:
                self.take_difference(answer if isinstance(answer, PlanDifference) else error)
            case (t, Stage.PLANNED) if t == AGENT:
                self.stop(f"{self.verb}: this cannot be done here", error)
            case (t, _) if t == SEEN and isinstance(answer, Action):
                self._take_seen(answer)
            case (t, _) if t == PRINTED and self.printed.take(answer):
                self._show_begun()

    def again(self) -> None:
        """Live says something else: so may the versions to choose from."""
        self._show_begun()
        reader = self.dash.reader
        if self.stage is Stage.CHOOSING and reader is not None and not reader.is_busy(CANDIDATES):
            reader.ask(CANDIDATES, partial(reader.board.candidates, self.environment, self.model))

    def tick(self) -> None:
        """Ages grow."""
        super().tick()
        self._show_begun()

    def on_resize(self) -> None:
        """What changes stands beside the plan where there is room."""
        self.call_after_refresh(self.show_plan)

    # -- what happens -------------------------------------------------------------------------------------

    def on_list_view_selected(self, event: ListView.Selected) -> None:  # type: ignore[override]
        """Show the version under the cursor."""
        if event.view is self.versions:
            self.show_about()
        self.update_keys()

    def on_list_view_opened(self, event: ListView.Opened) -> None:
        """A double click on a version is enter."""
        if event.view is self.versions:
            self.choose()

    def on_reason_form_accepted(self) -> None:
        """Enter."""
        self.confirm()

    def on_reason_form_typed(self) -> None:
        """Something else is missing now."""
        self._complaint = None
        self.show_form()

    def on_reason_form_scrolled(self, event: ReasonForm.Scrolled) -> None:
        """Scroll the plan while the reason is typed."""
        height = max(1, self.page.size.height - 2)
        far = {"up": -1, "down": 1, "page_up": -height, "page_down": height}[event.way]
        for view in (self.page, self.change):
            view.scroll_relative(y=far, animate=False)

    def do_open(self) -> None:
        """Enter: choose, carry out, or leave what has ended."""
        if self.stage is Stage.CHOOSING:
            self.choose()
        elif self.stage in (Stage.PLANNING, Stage.PLANNED):
            self.confirm()
        else:
            self.do_back()
