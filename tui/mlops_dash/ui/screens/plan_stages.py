"""The plan screen's stages: what is shown at each, its keys, and the ways back and out."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from msgspec import structs
from textual.containers import Container
from textual.widget import Widget

from mlops_dash.domain.changes import Candidate
from mlops_dash.domain.plans import Action, ActionKind, Plan
from mlops_dash.errors import DashError
from mlops_dash.ui.commands import PLAN, Command, in_bar
from mlops_dash.ui.holding import release
from mlops_dash.ui.prepared import Prepared
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.plan_form import Early, ReasonForm
from mlops_dash.ui.screens.plan_versions import candidates_table
from mlops_dash.ui.screens.printed import PRINTED_TITLE, Printed
from mlops_dash.ui.widgets.bars import KeyBar, KeyHint
from mlops_dash.ui.widgets.facts import Fact, Facts
from mlops_dash.ui.widgets.log_view import LogView
from mlops_dash.ui.wording import Line, safe

CANDIDATES, PLANNED, TICK, DIFFERENCE, AGENT, SEEN, PRINTED = (
    f"{PLAN}.{what}" for what in ("candidates", "planned", "tick", "difference", "agent", "seen", "printed")
)
_PRINTED_MOST = 100  # lines of a command's output that can be scrolled through


class Stage(StrEnum):
    """How far the person is. ``STARTING``: it is confirmed, and has not begun. ``STOPPED``: there is nothing
    to go on with, it cannot be done or is there already."""

    LOOKING = "looking"
    CHOOSING = "choosing"
    PLANNING = "planning"
    PLANNED = "planned"
    STARTING = "starting"
    BEGUN = "begun"
    ENDED = "ended"
    STOPPED = "stopped"


_TYPING = (Stage.PLANNING, Stage.PLANNED)
_ON = {Stage.CHOOSING: "plan it", Stage.PLANNING: "carry out", Stage.PLANNED: "carry out"}
_NOT_MEANT = {Stage.CHOOSING: ("undo", "refresh"), Stage.ENDED: ("filter", "refresh", "back")}


class PlanStages(BoardScreen):
    """What the screen is made of.

    Args:
        action: rollback, promotion or rebuild.
        environment, model: where; both empty for a rebuild.
        wanted: version that is under the cursor at first.
        takes_back: id of the action that is to be taken back: there is no list of versions then.
        ref: what is to be rebuilt: there is no list of versions then either.
    """

    kind = PLAN
    CSS_PATH: ClassVar[Path] = Path(__file__).with_name("plan.tcss")

    def __init__(
        self,
        action: ActionKind,
        environment: str,
        model: str,
        *,
        wanted: str | None = None,
        takes_back: str | None = None,
        ref: str = "",
    ) -> None:
        super().__init__()
        self.action, self.environment, self.model = action, environment, model
        self.wanted, self.takes_back, self.ref = wanted, takes_back, ref
        self.stage = Stage.LOOKING
        self.candidates: tuple[Candidate, ...] = ()
        self.plan: Plan | None = None
        self.begun: Action | None = None
        self.prepared: Prepared | None = None
        self.printed = Printed(PRINTED, _PRINTED_MOST)
        self.early = Early()
        self.versions = candidates_table(lambda: self.dash.now())
        self.about = Facts(label_width=11, id="about")
        self.page = Facts(title="Plan", label_width=9, id="page")
        self.change = Facts(title="", label_width=9, id="change")
        self.log_view = LogView(id="log")
        self.printed_view = LogView(title=PRINTED_TITLE, label_width=0, wraps=False, id="printed")
        self.message = Facts(label_width=0, id="message")
        self.form = ReasonForm()

    def body(self) -> Iterable[Widget]:
        """The list, or the plan with its form, or a message."""
        yield self.early
        yield self.versions
        yield self.about
        yield Container(self.page, self.change, self.log_view, id="both")
        yield self.printed_view
        yield self.message
        yield self.form

    @property
    def rebuilds(self) -> bool:
        """A run is made again, and no environment is changed."""
        return self.action is ActionKind.REBUILD

    @property
    def verb(self) -> str:
        """What is to be done, and where."""
        where = safe(self.environment, 40)
        if self.rebuilds:
            return "Rebuild"
        if self.takes_back is not None:
            return f"Undo on {where}"
        return f"Roll back {where}" if self.action is ActionKind.ROLLBACK else f"Promote to {where}"

    def go_to(self, stage: Stage) -> None:
        """Show what belongs to a stage."""
        self.stage = stage
        listed = stage is Stage.CHOOSING
        planned = stage in (*_TYPING, Stage.STARTING)
        begun = stage in (Stage.BEGUN, Stage.ENDED)
        for widget, shown in (
            (self.versions, listed),
            (self.about, listed),
            (self.query_one("#both"), planned or begun),
            (self.message, stage in (Stage.LOOKING, Stage.STOPPED)),
            (self.form, planned),
        ):
            widget.display = shown
        self.set_class(planned, "-planned")
        self.set_class(begun, "-begun")
        self.update_keys()

    def tell(self, title: str, *lines: Line) -> None:
        """Show a message."""
        self.message.show([Fact("", line, "".join(text for text, _ in line)) for line in lines], title=title)

    def stop(self, title: str, error: Exception | None, *lines: Line) -> None:
        """Say why it does not go on."""
        told = list(lines)
        if error is not None:
            told.append(((safe(error.message if isinstance(error, DashError) else error, 2000), "bad"),))
            if isinstance(error, DashError) and error.remedy:
                told.append(((safe(error.remedy, 2000), "text"),))
        back = "esc goes back" + (" to the versions" if self.candidates else "")
        self.tell(title, *told, ((back, "dim"),))
        self.go_to(Stage.STOPPED)
        self.give_focus(self.message)

    def give_focus(self, widget: Widget) -> None:
        """Give the focus, and after it what was typed meanwhile."""
        self.dash.keep_keys(self.early.handed_on())
        widget.focus()
        release(self.app)

    # -- back and out -------------------------------------------------------------------------------------

    def do_back(self) -> None:
        """To all versions, to the list of them, or away."""
        if self.stage is Stage.CHOOSING and self.versions.needle:
            self.filter_changed("")
        elif self.candidates and self.stage in (*_TYPING, Stage.STOPPED):
            self.let_go()
            self.form.forget()
            self.go_to(Stage.CHOOSING)
            self.versions.focus()
        else:
            self.leave_plan()

    def leave_plan(self) -> None:
        """Leave. What has begun goes on."""
        if self.stage in (Stage.STARTING, Stage.BEGUN):
            self.dash.say("It goes on: Jobs shows how, and you are told how it ends")
        else:
            self.let_go()
        self.dismiss()

    def let_go(self) -> None:
        """Nobody waits for the plan any more."""
        reader, prepared = self.dash.reader, self.prepared
        self.prepared = self.plan = None
        if reader is not None:
            for topic in (PLANNED, TICK, DIFFERENCE):
                reader.forget(topic)
            if prepared is not None:
                reader.run(AGENT, prepared.leave)

    # -- keys ---------------------------------------------------------------------------------------------

    def update_keys(self) -> None:
        """Show the keys that mean something at this stage."""
        bar = next(iter(self.query(KeyBar)), None)
        if bar is not None:
            bar.show([self._hint(command) for command in in_bar(PLAN) if self._is_meant(command)])

    def _is_meant(self, command: Command) -> bool:
        if command.id == "cancel":
            return self.rebuilds and self.stage is Stage.BEGUN
        if command.id == "undo" and self.rebuilds:
            return False  # it has changed nothing that could be taken back
        if self.stage in _TYPING:
            return command.id in ("open", "back")
        return command.id not in _NOT_MEANT.get(self.stage, ("undo", "filter", "refresh"))

    def _hint(self, command: Command) -> KeyHint:
        hint = super()._hint(command)
        title = {
            "open": _ON.get(self.stage, "leave"),
            "back": "leave" if self.stage in (Stage.LOOKING, Stage.STARTING, Stage.BEGUN) else "back",
        }.get(command.id)
        return structs.replace(hint, title=title or hint.title)

    def why_not_open(self) -> str | None:
        """There is nothing to confirm."""
        return "wait a moment" if self.stage in (Stage.LOOKING, Stage.STARTING) else None

    def why_not_filter(self) -> str | None:
        """No list."""
        return None if self.stage is Stage.CHOOSING else "there is no list to narrow"

    def why_not_undo(self) -> str | None:
        """It has not ended."""
        return None if self.stage is Stage.ENDED else "this action has not ended"

    def aimed(self) -> tuple[str | None, str, str | None] | None:
        """The environment of the plan."""
        return None if self.rebuilds else (self.environment, self.model, None)

    def copied(self) -> tuple[str, str] | None:
        """The selected fact; on the list the version's reference."""
        if self.panel() is self.versions and self.versions.selected is not None:
            return f"models:/{self.model}/{self.versions.selected.version}", "reference"
        return super().copied()
