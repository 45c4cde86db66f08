"""Runs: every run of every experiment, to be filtered, sorted, marked, compared and written to a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mlops_dash.ui import offering
from mlops_dash.ui.commands import RUNS
from mlops_dash.ui.screens.runs_asking import MOST_MARKED, between, prepare_comparison
from mlops_dash.ui.screens.runs_choosing import Choosing
from mlops_dash.ui.screens.runs_writing import Writing
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.widgets.run_table import RunTable
from mlops_dash.ui.wording import plural

RANGE, PREPARE = f"{RUNS}.range", f"{RUNS}.prepare"
MOST_COMPARED = 100


class RunsScreen(Writing, Choosing):
    """The screen: marks, and the ways on from it."""

    _prepared = False

    def take_answer(self, topic: str, answer: object) -> None:
        """Show an answer, or what went wrong."""
        if topic == PREPARE:
            return
        if topic != RANGE:
            super().take_answer(topic, answer)
        elif isinstance(answer, Exception):
            self.dash.say(f"mark to here: {answer}", severity="warning")
        elif isinstance(answer, Sequence):
            self._mark(answer)

    # -- marks --------------------------------------------------------------------------------------------

    def why_not_mark(self) -> str | None:
        """No run."""
        return None if self.table.selected_key else "no run is selected"

    def do_mark(self) -> None:
        """Mark the selected run, or take its mark away."""
        key = self.table.selected_key
        if key in self.table.marks:
            del self.table.marks[key]
            self._headline()
        elif key is not None:
            self._mark([key])

    def _mark(self, keys: Sequence[str]) -> None:
        marks = self.table.marks
        room = MOST_MARKED - len(marks)
        fresh = [key for key in keys if key not in marks]
        marks.update(dict.fromkeys(fresh[:room]))
        if len(fresh) > room:
            self.dash.say(f"at most {MOST_MARKED:,} runs are marked at once: u clears", severity="warning")
        if len(marks) > 1 and self._reader is not None and not self._prepared:
            self._prepared = True
            self._reader.ask(PREPARE, prepare_comparison)
        self._headline()
        self.update_keys()

    def on_run_table_mark_clicked(self, event: RunTable.MarkClicked) -> None:
        """As the key."""
        self.do_mark()
        self.update_keys()

    def why_not_mark_range(self) -> str | None:
        """Nothing to begin with."""
        if not self.table.marks:
            return "no run is marked: mark the first one with space"
        return self.why_not_mark()

    def do_mark_range(self) -> None:
        """Mark all from the last mark to here."""
        index, cursor = self.index, self.table.cursor
        if self._reader is not None and index is not None and cursor is not None:
            last = next(reversed(self.table.marks))
            self._reader.ask(RANGE, partial(between, index, last, cursor))

    def why_not_unmark(self) -> str | None:
        """No marks."""
        return None if self.table.marks else "no run is marked"

    def do_unmark(self) -> None:
        """Take all marks away."""
        self.table.marks.clear()
        self._headline()

    # -- ways on ------------------------------------------------------------------------------------------

    def compared(self) -> tuple[str, ...]:
        """What is marked; the one that is, against the selected one; else the selected one against what is
        live."""
        marks = list(self.table.marks)
        if len(marks) > 1:
            return tuple(f"run:{key}" for key in marks)
        key = self.table.selected_key
        if marks and key is not None and key != marks[0]:
            return f"run:{marks[0]}", f"run:{key}"
        key = marks[0] if marks else key
        return offering.beside_run(self.dash.answer, key, f"run:{key}") if key is not None else ()

    def why_not_compare(self) -> str | None:
        """Fewer than two, or too many."""
        if len(self.table.marks) > MOST_COMPARED:
            return f"{plural(len(self.table.marks), 'run')} are marked; at most {MOST_COMPARED} are compared"
        if len(self.compared()) > 1:
            return None
        return "no run is selected" if not self.table.selected_key else "mark two runs with space"

    def selected_run(self) -> str | None:
        """The run under the cursor."""
        return self.table.selected_key

    def selected_ref(self) -> str | None:
        """The selected fact's reference, else the run's."""
        if self.panel() is self.details and self.details.selected is not None:
            return self.details.selected.ref or self._run_ref()
        return self._run_ref()

    def _run_ref(self) -> str | None:
        key = self.table.selected_key
        return f"run:{key}" if key else None

    def why_not_open(self) -> str | None:
        """No run."""
        return None if self.selected_ref() else "no run is selected"

    def do_open(self) -> None:
        """Go to the lineage."""
        if (ref := self.selected_ref()) is not None:
            self.dash.follow(ref)

    def on_list_view_opened(self, event: ListView.Opened) -> None:
        """A double click is enter."""
        self.dash.do("open")

    def copied(self) -> tuple[str, str] | None:
        """The selected fact; on the table the run's id."""
        if self.panel() is self.details:
            return super().copied()
        key = self.table.selected_key
        return (key, "run id") if key else None

    def why_not_full(self) -> str | None:
        """Nothing to show."""
        return None if self.index is not None and self.index.total else "there are no runs yet"

    def do_full(self) -> None:
        """Give the focused panel the whole screen; where only the table is shown, its run."""
        if self.has_class("-run"):
            self._leave_run()
        elif self.details.display or self.has_class("-full"):
            super().do_full()
        else:
            self.add_class("-run")
            self.call_after_refresh(self._to_run)

    def _to_run(self) -> None:
        self.details.focus()
        self.show_details()
        self.ask_whole()

    def _leave_run(self) -> bool:
        if not self.has_class("-run"):
            return False
        self.remove_class("-run")
        self.call_after_refresh(self.table.focus)
        return True

    def leave_full(self) -> bool:
        """Show all panels again."""
        return self._leave_run() or super().leave_full()

    def do_back(self) -> None:
        """Show all panels; show all runs; the former screen."""
        if self.leave_full():
            return
        if self.filter.strip():
            self.ask_index(filter="")
        elif self.panel() is self.details:
            self.table.focus()
        else:
            self.dash.leave()
