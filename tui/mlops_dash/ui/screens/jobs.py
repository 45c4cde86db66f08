"""Jobs: rollbacks, promotions and rebuilds under way and done, what became of each, and its log, live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from textual.containers import Container
from textual.widget import Widget

from mlops_dash.domain.plans import Action, ActionKind
from mlops_dash.ui.commands import BY_ID, JOBS, keys_of
from mlops_dash.ui.screens.action_facts import (
    log_facts,
    outcome_facts,
    step_facts,
    title_of,
    verdict_facts,
)
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.jobs_rows import COLUMNS, GIVES, row_cells, row_key, row_text
from mlops_dash.ui.screens.live_empty import opening_facts, refusal_facts
from mlops_dash.ui.screens.printed import PRINTED_TITLE, Printed, printed_facts
from mlops_dash.ui.widgets.facts import Fact, Facts
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.widgets.log_view import LogView
from mlops_dash.ui.widgets.table import Cell, Table
from mlops_dash.ui.wording import plural, safe

LIST, PRINTED = f"{JOBS}.list", f"{JOBS}.printed"
_PRINTED_MOST = 1_000  # lines of a command's output that are shown
_FOLLOW = 0.25  # seconds between two looks at the journals while something is under way
_IDLE = 8  # looks are so much rarer while nothing is: another program may begin something


class JobsScreen(BoardScreen):
    """Actions, and the selected one's outcome, steps and log."""

    kind = JOBS
    CSS_PATH: ClassVar[Path] = Path(__file__).with_name("jobs.tcss")

    def __init__(self) -> None:
        super().__init__()
        self.actions: tuple[Action, ...] | None = None
        self._failed: Exception | None = None
        self._looks = 0
        self._printed = Printed(PRINTED, _PRINTED_MOST)
        self._output: tuple[tuple[str, ...], list[Fact]] = ((), [])  # lines, and how they are shown
        self.jobs: Table[Action] = Table(
            COLUMNS,
            GIVES,
            key_of=row_key,
            cells_of=self._cells,
            text_of=row_text,
            steady=True,
            id="jobs",
        )
        self.outcome = Facts(title="Outcome", label_width=9, id="outcome")
        self.log_view = LogView(id="log")
        self.message = Facts(label_width=0, id="message")

    def body(self) -> Iterable[Widget]:
        """Actions above, the selected one below; or a message."""
        yield self.jobs
        yield Container(self.outcome, self.log_view, id="below")
        yield self.message

    def on_mount(self) -> None:
        """Begin to look."""
        super().on_mount()
        self._show()
        self.set_interval(_FOLLOW, self._look)
        self.jobs.focus()
        self._ask()

    def on_screen_resume(self) -> None:
        """Look at once."""
        super().on_screen_resume()
        self._ask()

    # -- looking ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._looks += 1
        under_way = any(action.running for action in self.actions or ())
        if self.is_current and (under_way or self._looks % _IDLE == 0):
            self._ask()

    def _ask(self) -> None:
        reader = self.dash.reader
        if reader is not None and not reader.is_busy(LIST):
            reader.ask(LIST, reader.board.actions)

    def take_answer(self, topic: str, answer: object) -> None:
        """Show the actions, and what a command has printed."""
        if topic == PRINTED and self._printed.take(answer):
            self._show()
        if topic != LIST:
            return
        if isinstance(answer, Exception):
            self._failed = answer
        elif isinstance(answer, tuple):
            self._failed, self.actions = None, answer
            self.dash.actions_seen(answer)
        self._show()

    def again(self) -> None:
        """The project may be another one."""
        self._ask()
        self._show()

    # -- what is shown ------------------------------------------------------------------------------------

    def _show(self) -> None:
        told = self._told()
        for widget in (self.jobs, *self.query("#below")):
            widget.set_class(told is not None, "-gone")
        self.message.set_class(told is None, "-gone")
        if told is not None:
            self.message.show(told[1], title=told[0])
        elif self.actions is not None:
            self.jobs.show(self.actions)
            self._show_selected()
        self.update_keys()

    def _told(self) -> tuple[str, list[Fact]] | None:
        """What is said in place of the actions."""
        if self.dash.reader is None:
            return "Jobs", list(refusal_facts(self.dash.fatal) if self.dash.fatal else opening_facts())
        if self.actions is None and self._failed is not None:
            error = ((safe(self._failed, 2000), "bad"),)
            return "The journals could not be read", [Fact("", error, str(self._failed))]
        if self.actions is None:
            return "Jobs", [Fact("", (("looking …", "dim"),))]
        if self.actions:
            return None
        back, on, again, to = (self._key(name) for name in ("rollback", "promote", "rebuild", "live"))
        return "Nothing was done yet", [
            Fact("", ((words, role),))
            for words, role in (
                ("Rollbacks, promotions and rebuilds that begin on this machine stand here.", "text"),
                (f"Select an environment on Live ({to}): {back} rolls it back, {on} promotes to it,", "text"),
                (f"{again} makes its run again and says whether it is the same.", "text"),
                ("What the rest of the team did stands on History.", "dim"),
            )
        ]

    def _key(self, command: str) -> str:
        return next(iter(keys_of(BY_ID[command], self.dash.configured_keys)), command)

    def _show_selected(self) -> None:
        action = self.jobs.selected
        if action is None:
            text = f"nothing matches “{safe(self.jobs.needle, 60)}” · esc shows all again"
            self.outcome.show([Fact("", ((text, "dim"),))], title="Outcome")
            self.log_view.tell([], subject="")
            return
        verdict = list(verdict_facts(action))
        facts = [*outcome_facts(action, self.dash.now()), Fact("", ()), *verdict]
        facts += [*([Fact("", ())] if verdict else []), *step_facts(action)]
        self.outcome.show(facts, title=title_of(action), note="")
        self.log_view.tell([*log_facts(action), *self._printed_by(action)], subject=action.plan.id)
        if self.dash.reader is not None:
            self._printed.ask(self.dash.reader, action)

    def _printed_by(self, action: Action) -> list[Fact]:
        lines = self._printed.lines(action)
        if lines != self._output[0]:
            head = [Fact("", ()), Fact("", ((PRINTED_TITLE, "title"),))] if lines else []
            self._output = lines, [*head, *printed_facts(lines)]
        return self._output[1]

    def _cells(self, action: Action) -> Sequence[Cell]:
        return row_cells(action, self.dash.now())

    def tick(self) -> None:
        """Ages grow."""
        super().tick()
        if self.actions:
            self.jobs.redraw()
            self._show_selected()

    # -- what happens -------------------------------------------------------------------------------------

    @property
    def selected_action(self) -> Action | None:
        """The action under the cursor."""
        return self.jobs.selected

    @property
    def shown_action(self) -> str | None:
        """The id of the action whose log is shown."""
        return self.jobs.selected_key

    def show_action(self, action_id: str) -> None:
        """Put the cursor on an action."""
        self.jobs.select(action_id)

    def aimed(self) -> tuple[str | None, str, str | None] | None:
        """The environment of the selected action; a rebuild has none."""
        action = self.jobs.selected
        if action is None or action.plan.kind is ActionKind.REBUILD:
            return None
        return action.plan.environment, action.plan.model, None

    def selected_run(self) -> str | None:
        """The run of the version that the selected action brought, or made again."""
        return self.jobs.selected.plan.after.run_id if self.jobs.selected is not None else None

    def on_list_view_selected(self, event: ListView.Selected) -> None:  # type: ignore[override]
        """Show the action under the cursor."""
        if event.view is self.jobs and self.actions:
            self._show_selected()
        self.update_keys()

    def on_list_view_opened(self, event: ListView.Opened) -> None:
        """A double click is enter."""
        self.dash.do("open")

    def selected_ref(self) -> str | None:
        """The version that the selected action brought."""
        action = self.jobs.selected
        if action is None:
            return None
        after = action.plan.after
        return f"models:/{action.plan.model}/{after.version}" if after.version else f"run:{after.run_id}"

    def why_not_open(self) -> str | None:
        """Nothing selected."""
        return None if self.selected_ref() else "no action is selected"

    def do_open(self) -> None:
        """Go to the lineage of the version."""
        if (ref := self.selected_ref()) is not None:
            self.dash.follow(ref)

    def copied(self) -> tuple[str, str] | None:
        """The selected line; on the list the action's id."""
        if self.panel() is self.jobs and self.jobs.selected is not None:
            return self.jobs.selected.plan.id, "action"
        return super().copied()

    def why_not_filter(self) -> str | None:
        """Nothing to search."""
        return None if self.actions else "there is nothing to narrow"

    def do_filter(self) -> None:
        """Search the log where it has the focus, else the actions."""
        log = self.panel() is self.log_view
        needle, hint = (self.log_view.needle, "step, word, version…") if log else (
            self.jobs.needle, "environment, version, who, reason…"
        )  # fmt: skip
        self._searched: LogView | Table[Action] = self.log_view if log else self.jobs
        self.prompt("filter", "/", value=needle, hint=hint)

    def filter_changed(self, text: str) -> None:
        """Narrow as it is typed."""
        self._searched.narrow(text)
        self._show_selected()

    def do_back(self) -> None:
        """Show all panels; all lines; the list; the former screen."""
        if self.leave_full():
            return
        if self.log_view.needle:
            self.log_view.narrow("")
        elif self.panel() is not self.jobs:
            self.jobs.focus()
        elif self.jobs.needle:
            self.jobs.narrow("")
            self._show_selected()
        else:
            self.dash.leave()

    def summary(self) -> str:
        """What is shown, in words."""
        return plural(self.jobs.item_count(), "action")
