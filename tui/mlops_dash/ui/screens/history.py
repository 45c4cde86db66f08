"""History: who changed what, where, when and why; what was live at a given time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.widget import Widget

from mlops_dash.answers.history import HistoryAnswer
from mlops_dash.answers.history_times import local, parse_moment
from mlops_dash.domain.changes import Change, WasLive
from mlops_dash.errors import UsageError
from mlops_dash.ui.commands import HISTORY
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.history_facts import change_facts, nothing_facts, title_of, was_facts
from mlops_dash.ui.screens.history_rows import (
    COLUMNS,
    GIVES,
    WAS_COLUMNS,
    WAS_GIVES,
    from_to,
    row_cells,
    row_key,
    row_text,
    was_cells,
    was_key,
    was_text,
)
from mlops_dash.ui.screens.live_empty import opening_facts, refusal_facts
from mlops_dash.ui.screens.runs_states import failed_facts
from mlops_dash.ui.widgets.facts import Fact, Facts
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.widgets.prompt import Prompt
from mlops_dash.ui.widgets.table import Cell, Table
from mlops_dash.ui.wording import plural, safe

LIST, THEN = f"{HISTORY}.list", f"{HISTORY}.then"


class HistoryScreen(BoardScreen):
    """Changes, newest first, and the selected one's facts; or what was live at a moment."""

    kind = HISTORY
    CSS_PATH: ClassVar[Path] = Path(__file__).with_name("history.tcss")

    def __init__(self) -> None:
        super().__init__()
        self.answer: HistoryAnswer | None = None
        self.then: HistoryAnswer | None = None
        self._moment: datetime | None = None
        self._failed: Exception | None = None
        self.changes: Table[Change] = Table(
            COLUMNS,
            GIVES,
            key_of=row_key,
            cells_of=self._cells,
            text_of=row_text,
            steady=True,
            title="History",
            id="changes",
        )
        self.was: Table[WasLive] = Table(
            WAS_COLUMNS,
            WAS_GIVES,
            key_of=was_key,
            cells_of=was_cells,
            text_of=was_text,
            steady=True,
            id="was",
        )
        self.detail = Facts(title="Change", label_width=10, id="detail")
        self.message = Facts(label_width=0, id="message")

    def body(self) -> Iterable[Widget]:
        """Changes or what was live above, the selected one's facts below; or a message."""
        yield self.changes
        yield self.was
        yield self.detail
        yield self.message

    def on_mount(self) -> None:
        """Begin to look."""
        super().on_mount()
        self._show()
        self.changes.focus()
        self._ask()

    def on_screen_resume(self) -> None:
        """Catch up with what changed while another screen was shown."""
        super().on_screen_resume()
        self._ask()

    # -- asking -------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        reader, moment = self.dash.reader, self._moment
        if reader is None:
            return
        reader.ask(LIST, lambda: reader.board.history())
        if moment is not None:
            reader.ask(THEN, lambda: reader.board.history(at=moment))

    def again(self) -> None:
        """Facts may have changed, or the project is another one."""
        self._ask()
        if self.answer is None:
            self._show()

    def take_answer(self, topic: str, answer: object) -> None:
        """Show an answer, or why there is none."""
        if isinstance(answer, Exception):
            self._failed = answer
            if self.answer is not None:
                self.dash.say(f"the history could not be told: {answer}", severity="error")
        elif isinstance(answer, HistoryAnswer):
            former, self._failed = self._failed, None
            if topic == LIST:
                same = self.answer is not None and replace(self.answer, as_of=answer.as_of) == answer
                self.answer = answer
                if same and former is None:
                    return  # nothing to draw anew
            elif topic == THEN and answer.at == self._moment:
                self.then = answer
        self._show()

    # -- what is shown ------------------------------------------------------------------------------------

    @property
    def table(self) -> Table[Change] | Table[WasLive]:
        """The list that is shown."""
        return self.was if self._moment is not None else self.changes

    def _show(self) -> None:
        told = self._told()
        for widget in (self.changes, self.was, self.detail):
            gone = told is not None or (widget is not self.detail and widget is not self.table)
            widget.set_class(gone, "-gone")
        self.message.set_class(told is None, "-gone")
        if told is not None:
            self.message.show(told, title="History")
        elif self._moment is not None:
            self._show_then(self._moment)
        elif self.answer is not None:
            self.changes.note = self._note(self.answer)
            self.changes.show(self.answer.changes)
        self._show_selected()
        self.update_keys()

    def _told(self) -> list[Fact] | None:
        """What is said in place of the changes."""
        if self.dash.reader is None:
            return list(refusal_facts(self.dash.fatal) if self.dash.fatal else opening_facts())
        if self.answer is None:
            if self._failed is not None:
                return list(failed_facts(self._failed))
            return [Fact("", (("gathering the evidence …", "dim"),))]
        if self._moment is None and not self.answer.changes:
            return list(nothing_facts(self.answer, reading=bool(self.dash.unread)))
        return None

    def _note(self, answer: HistoryAnswer) -> str:
        count = len(self.changes.shown) if self.changes.needle else len(answer.changes)
        note = plural(count, "change")
        if self.changes.needle:
            note += f" of {len(answer.changes):,} with “{safe(self.changes.needle, 40)}”"
        if answer.unseen:
            note += f" · {safe(answer.unseen, 200)}"
        elif answer.stale:
            note += (
                f" · {', '.join(source.name for source in answer.stale)} could not be read: as it was then"
            )
        return note

    def _show_then(self, moment: datetime) -> None:
        here, utc = local(moment).removesuffix(" +00:00"), f"{moment:%Y-%m-%d %H:%M:%S}"
        self.was.title = f"Live at {here}"
        self.was.note = "looking …" if self.then is None else "UTC" if here == utc else f"{utc} UTC"
        self.was.show(self.then.was if self.then is not None else ())

    def _show_selected(self) -> None:
        if self._moment is not None:
            was = self.was.selected
            if was is not None and self.then is not None:
                title = f"{safe(was.environment, 40)} · {safe(was.model, 40)}"
                self.detail.show(list(was_facts(was, self.then)), title=title, note="then")
                return
            words = "looking …" if self.then is None else "nothing matches · esc shows all again"
            self.detail.show([Fact("", ((words, "dim"),))], title="Then", note="")
            return
        change = self.changes.selected
        if change is not None:
            self.detail.show(list(change_facts(change, self.dash.now())), title=title_of(change), note="")
        else:
            words = f"nothing matches “{safe(self.changes.needle, 60)}” · esc shows all again"
            self.detail.show([Fact("", ((words, "dim"),))], title="Change", note="")

    def _cells(self, change: Change) -> Sequence[Cell]:
        return row_cells(change, self.dash.now())

    # -- what happens -------------------------------------------------------------------------------------

    def on_list_view_selected(self, event: ListView.Selected) -> None:  # type: ignore[override]
        """Show the facts of what is under the cursor."""
        if event.view is self.table:
            self._show_selected()
        self.update_keys()

    def on_list_view_opened(self, event: ListView.Opened) -> None:
        """A double click is enter."""
        self.dash.do("open")

    def why_not_when(self) -> str | None:
        """Nothing is known yet."""
        return None if self.answer is not None else "the evidence is still being gathered"

    def do_when(self) -> None:
        """Ask for a moment."""
        self.leave_full()
        hint = "3 days ago, 2h, yesterday, 2026-11-20, 2026-11-20 09:30 (local time)"
        self.prompt("when", "live at", hint=hint)

    def prompt_done(self, event: Prompt.Done) -> None:
        """Take the moment that was typed; one that cannot be understood leaves the prompt open."""
        if event.purpose != "when":
            super().prompt_done(event)
            return
        if event.text is not None and event.text.strip():
            try:
                moment = parse_moment(event.text, self.dash.now())
            except UsageError as error:
                self.dash.say(str(error), severity="warning")
                return
            self._moment, self.then = moment, None
        self.close_prompt()
        self._show()
        self._ask()
        self.table.focus()

    def aimed(self) -> tuple[str | None, str, str | None] | None:
        """The environment that is selected."""
        chosen = self._chosen()
        return (chosen.environment, chosen.model, None) if chosen is not None else None

    def _chosen(self) -> Change | WasLive | None:
        return self.was.selected if self._moment is not None else self.changes.selected

    def selected_ref(self) -> str | None:
        """The commit or run that the selected fact names, else the version that became, or was, live."""
        if self.panel() is self.detail and self.detail.selected is not None and self.detail.selected.ref:
            return self.detail.selected.ref
        chosen = self._chosen()
        found = chosen.after if isinstance(chosen, Change) else chosen.version if chosen else None
        return f"models:/{chosen.model}/{found}" if chosen is not None and found is not None else None

    def why_not_open(self) -> str | None:
        """Nothing that has a lineage is selected."""
        if self._chosen() is None:
            return "nothing is selected"
        return None if self.selected_ref() else "no version is known there"

    def do_open(self) -> None:
        """Go to the lineage of the version."""
        if (ref := self.selected_ref()) is not None:
            self.dash.follow(ref)

    def copied(self) -> tuple[str, str] | None:
        """The selected fact; on the list the change in a line."""
        chosen = self._chosen()
        if self.panel() is self.table and isinstance(chosen, Change):
            who = chosen.by or "unknown"
            return f"{chosen.at.isoformat()} {chosen.environment} {from_to(chosen)} by {who}", "change"
        if self.panel() is self.table and isinstance(chosen, WasLive):
            return f"{chosen.environment} {chosen.version or 'unknown'}: {chosen.words}", "what was live"
        return super().copied()

    def why_not_filter(self) -> str | None:
        """Nothing to narrow."""
        return None if self.answer is not None and self.table.items else "there is nothing to narrow"

    def do_filter(self) -> None:
        """Narrow the list."""
        self.leave_full()
        self.table.focus()
        self.prompt("filter", "/", value=self.table.needle, hint="environment, version, who, why, failed…")

    def filter_changed(self, text: str) -> None:
        """Narrow as it is typed."""
        self.table.narrow(text)
        self._show()

    def do_back(self) -> None:
        """Show all panels; the list; all of it; the changes; the former screen."""
        if self.leave_full():
            return
        if self.panel() is self.detail and self._told() is None:
            self.table.focus()
        elif self.table.needle:
            self.table.narrow("")
            self._show()
        elif self._moment is not None:
            self._moment = self.then = None
            self._show()
            self.changes.focus()
        else:
            self.dash.leave()
