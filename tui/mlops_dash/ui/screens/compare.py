"""Compare: runs, versions or environments side by side; which is better, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from textual.containers import Container
from textual.widget import Widget

from mlops_dash.answers.compare_shapes import CodeBetween, CompareAnswer, CurvesAnswer
from mlops_dash.ui.commands import BY_ID, COMPARE, keys_of
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.compare_asking import MOST, Compared, ask, first_offer
from mlops_dash.ui.screens.compare_code import between_lines
from mlops_dash.ui.screens.compare_curves import Curves
from mlops_dash.ui.screens.compare_panels import VerdictBar, being_read, nothing_chosen, refused, sides
from mlops_dash.ui.screens.compare_pick import reference, whole
from mlops_dash.ui.screens.compare_rows import compare_rows
from mlops_dash.ui.screens.compare_verdict import Score
from mlops_dash.ui.screens.compare_ways import Ways
from mlops_dash.ui.widgets.diff_view import DiffLine, DiffView, diff_lines
from mlops_dash.ui.widgets.facts import Facts
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.widgets.side_by_side import SideBySide
from mlops_dash.ui.wording import plural, safe

if TYPE_CHECKING:
    from mlops_dash.ui.reader import Reader
    from mlops_dash.ui.widgets.prompt import Prompt

_ITEMS, _CURVES = "comparison.items", "comparison.curves"
_AT_ONCE = 0.2  # seconds that Git and artifacts have for the first answer
_MANY = 4  # items from which the table takes the whole width


class CompareScreen(Ways, BoardScreen):
    """Items side by side, the curves of the selected metric, and the code between two of them."""

    kind = COMPARE
    CSS_PATH: ClassVar[str] = "compare.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.refs: tuple[str, ...] = ()
        self.answer: CompareAnswer | None = None
        self.gone: tuple[tuple[str, str], ...] = ()  # references that are not there any more, and why
        self.differences = False
        self.needle = ""
        self.metric: str | None = None
        self._asked: Reader | None = None  # who is being asked
        self._ask_again = False
        self._curves: dict[str, CurvesAnswer] = {}
        self._diffs: dict[int, list[DiffLine]] = {}
        self._scores: list[Score] = []
        self.verdict = VerdictBar(id="verdict")
        self.table = SideBySide(title="Compare", id="table")
        self.curves = Curves(id="curves")
        self.code = DiffView(title="Code", id="code")
        self.message = Facts(label_width=0, id="message")
        self.side = Container(self.curves, self.code, id="side")
        self.both = Container(self.table, self.side, id="both")

    def body(self) -> Iterable[Widget]:
        """The verdict, the panels, or a message in their place."""
        yield self.verdict
        yield self.both
        yield self.message

    def on_mount(self) -> None:
        """Begin with what was chosen, else with the first offer."""
        super().on_mount()
        self._show_message(True)
        self.again()
        self.table.focus()

    def on_screen_resume(self) -> None:
        """Facts may have changed while another screen was shown."""
        super().on_screen_resume()
        if self.answer is not None:
            self.again()

    # -- what is compared ---------------------------------------------------------------------------------

    def compare(self, refs: tuple[str, ...]) -> None:
        """Set references side by side, the first one being the baseline."""
        if len(refs) < 2:
            return
        if self.answer is None or refs != self.refs:
            self.answer, self.gone, self.needle = None, (), ""
            self._curves, self._diffs = {}, {}
            self.table.cursor, self.table.column = None, 1
        self.refs = refs[:MOST]
        if len(refs) > MOST:
            self.dash.say(f"The first {MOST} of {plural(len(refs), 'item')} are compared", severity="warning")
        if self.is_mounted:  # else it is asked for as soon as there is something to show it on
            self.ask_for(self.refs, 0)

    def again(self) -> None:
        """Facts may have changed: ask again for what is shown; with nothing chosen, offer something."""
        if not self.refs and self.dash.answer is not None:
            self.refs = first_offer(self.dash.answer.environments)
            self.table.column = 1
        if len(self.refs) > 1:
            self.ask_for(self.refs, self.answer.baseline if self.answer is not None else 0, forgive=True)
        elif self.answer is None:
            self.message.show(nothing_chosen(self.key_of), title="Compare")

    def ask_for(self, refs: tuple[str, ...], baseline: int, *, forgive: bool = False) -> None:
        """Ask; what is shown stays until the answer is there.

        Args:
            forgive: what is not there any more is left out, if it was there before.
        """
        reader = self.dash.reader
        if reader is None:
            self.message.show(being_read(refs), title="Compare")
            return
        if forgive and self._asked is reader:  # asked anew it would begin anew: a slow one would never end
            self._ask_again = True
            return
        self._asked = reader
        board = reader.board
        # what the store knows is shown at once, unless more than that is shown already
        within = None if forgive and self.answer is not None else _AT_ONCE
        forgive = forgive and self.answer is not None
        reader.ask(_ITEMS, lambda: ask(board, refs, baseline, forgive=forgive, within=within))
        if self.answer is None:
            self._show_message(True)
            self.message.show(being_read(refs), title="Compare")
        else:
            self._show_title()

    def take_answer(self, topic: str, answer: object) -> None:
        """Show an answer, or why there is none."""
        if topic == _ITEMS:
            self._asked = None
            if isinstance(answer, Compared):
                self._take(answer)
            elif isinstance(answer, Exception):
                self._refuse(answer)
            if self._ask_again or (isinstance(answer, Compared) and answer.answer.reading):
                self._ask_again = False
                self.again()
        elif topic == _CURVES:
            self._take_curves(answer)
        else:
            self.take_written(topic, answer)
        self.update_keys()

    def _take(self, found: Compared) -> None:
        former, self.answer, self.refs = self.answer, found.answer, found.refs
        if found.gone:
            self.gone = (*self.gone, *(one for one in found.gone if one not in self.gone))
            for ref, why in found.gone:
                self.dash.say(f"{ref} is not compared any more: {why}", severity="warning")
        self._show_message(False)
        same = former is not None and structs.replace(former, as_of=found.answer.as_of) == found.answer
        self._scores = found.scores
        if not same:
            self._diffs = {}
            self._show_answer()
            self._curves_anew()
        self._show_title()

    def _refuse(self, error: Exception) -> None:
        if self.answer is None:
            self._show_message(True)
            self.message.show(refused(error, self.key_of), title="This can't be compared", note="")
            self.refs = self.refs if len(self.refs) > 1 else ()
            return
        self.dash.say(str(error), severity="error")
        self._show_title(str(error).splitlines()[0])

    # -- what is shown ------------------------------------------------------------------------------------

    def _show_message(self, shown: bool) -> None:
        self.message.set_class(not shown, "-gone")
        for widget in self.verdict, self.both:
            widget.set_class(shown, "-gone")
        if shown and self.table.has_focus:
            self.message.focus()
        elif not shown and self.message.has_focus:
            self.table.focus()

    def _show_answer(self) -> None:
        answer = self.answer
        assert answer is not None
        self.set_class(len(answer.items) == 2, "-two")
        self.set_class(len(answer.items) > _MANY, "-many")
        self.verdict.show(answer, self.curves.mark, self.dash.metric_rules.primary)
        self.show_rows()
        self._show_code()

    def show_rows(self) -> None:
        """Show the lines of the table."""
        answer = self.answer
        if answer is None:
            return
        newer = {
            data.digest: data.newer
            for row in (self.dash.answer.environments if self.dash.answer is not None else ())
            for data in row.data
        }
        rows = compare_rows(
            answer,
            differences=self.differences,
            needle=self.needle,
            airy=self.has_class("-high"),
            newer=newer,
            marks=self.curves.mark,
        )
        self.table.show(sides(answer, self.curves.mark, self._scores), rows, answer.baseline)
        self._show_title()

    def _show_title(self, trouble: str = "") -> None:
        self.table.title = "Compare · differences only" if self.differences else "Compare"
        left, right = self.table.hidden
        notes = [
            f"◂ {left} more" if left else "",
            f"{right} more ▸" if right else "",
            f"“{safe(self.needle, 20)}”" if self.needle else "",
            f"{plural(len(self.gone), 'item')} gone: {safe(self.gone[-1][0], 24)}" if self.gone else "",
            safe(trouble, 60),
            "reading …" if self._asked is not None else "",
        ]
        self.table.note = " · ".join(note for note in notes if note)
        self.table.refresh()

    def _between(self) -> CodeBetween | None:
        """What lies between the baseline and the item whose column is selected, else the first one."""
        if self.answer is None:
            return None
        found = [code for code in self.answer.code if code.item == self.table.column]
        return next(iter(found or self.answer.code), None)

    def _show_code(self) -> None:
        answer, code = self.answer, self._between()
        if answer is None:
            return
        if code is None:
            line = DiffLine("text", line=(("no commit is known of two items", "dim"),))
            self.code.show("", [line], title="Code")
            return
        lines = self._diffs.get(code.item)
        if lines is None:
            lines = self._diffs[code.item] = list(diff_lines(code.diff))
            if code.cut:
                lines.append(DiffLine("note", text="… the diff is longer; git diff shows it whole"))
        head = between_lines(answer, code, self.curves.mark, self.dash.now())
        names = [safe(answer.items[place].label, 24) for place in (answer.baseline, code.item)]
        self.code.show(f"{code.base}..{code.head}", [*head, *lines], title="Code", note=" → ".join(names))

    # -- curves -------------------------------------------------------------------------------------------

    def _curves_anew(self) -> None:
        self._curves = {}
        if self.answer is not None and self.metric not in {line.key for line in self.answer.metrics}:
            primary = self.dash.metric_rules.primary
            keys = [line.key for line in self.answer.metrics]
            self.metric = primary if primary in keys else next(iter(keys), None)
        self._show_curves()

    def _show_curves(self) -> None:
        answer, key = self.answer, self.metric
        if answer is None or key is None:
            self.curves.say("no metric was logged", title="Curves")
            return
        if (found := self._curves.get(key)) is not None:
            self.curves.show_answer(answer, key, found)
            return
        if self.curves.metric != key:  # else those of before stay until there are newer ones
            self.curves.wait(key)
        runs = list(dict.fromkeys(item.run_id for item in answer.items if item.run_id is not None))
        if self.dash.reader is not None:
            board = self.dash.reader.board
            self.dash.reader.ask(_CURVES, lambda: (key, board.curves(runs, [key])))

    def _take_curves(self, answer: object) -> None:
        if isinstance(answer, Exception):
            self.curves.say(f"the curves could not be read: {safe(answer, 300)}", role="warn")
            return
        assert isinstance(answer, tuple)
        key, found = answer
        self._curves[key] = found
        if key == self.metric and self.answer is not None:
            self.curves.show_answer(self.answer, key, found)

    # -- what happens -------------------------------------------------------------------------------------

    def on_list_view_selected(self, event: ListView.Selected) -> None:  # type: ignore[override]
        """Other panels follow the row under the cursor."""
        row = self.table.selected
        if event.view is not self.table or row is None:
            return
        kind, _, name = row.key.partition("/")
        if kind in ("metric", "repeat") and name != self.metric:
            self.metric = name
            self._show_curves()
        elif kind == "file":
            self.code.go_to_file(name)

    def on_side_by_side_column_chosen(self) -> None:
        """The code panel follows the column."""
        self._show_code()
        self._show_title()
        self.update_keys()

    def on_list_view_opened(self, event: ListView.Opened) -> None:
        """A double click is enter."""
        self.dash.do("open")

    def on_resize(self) -> None:
        """Other sections fit, and other columns."""
        self.call_after_refresh(self.show_rows)

    def prompt_done(self, event: Prompt.Done) -> None:
        """Take a reference to add, or where to write."""
        super().prompt_done(event)
        purpose, text = event.purpose, (event.text or "").strip()
        if purpose == "add" and text:
            if self.answer is not None or len(self.refs) == 1:
                self.ask_for((*self.refs, text), self.answer.baseline if self.answer is not None else 0)
            else:
                self._begun_with(text)
        elif purpose == "export" and text:
            self.written_to(text)
        elif purpose == "replace":
            self.replace(text)

    def _begun_with(self, text: str) -> None:
        """One reference alone waits for another."""
        self.refs = (text,)
        self.do_add()

    def filter_changed(self, text: str) -> None:
        """Narrow as it is typed."""
        self.needle = text
        self.show_rows()

    def key_of(self, command: str) -> str:
        """The first key of a command."""
        return next(iter(keys_of(BY_ID[command], self.dash.configured_keys)), command)

    def selected_run(self) -> str | None:
        """The run of the selected column."""
        answer = self.answer
        return answer.items[self.table.column].run_id if answer is not None else None

    def selected_ref(self) -> str | None:
        """The reference of the selected cell, or of the selected commit of the code panel."""
        if self.answer is None:
            return None
        if self.panel() is self.code:
            return self.code.selected.ref if self.code.selected is not None else None
        return reference(self.answer, self.table.selected, self.table.column)

    def copied(self) -> tuple[str, str] | None:
        """The selected cell, whole."""
        if self.panel() is self.code and self.code.selected is not None and self.code.selected.copy:
            return self.code.selected.copy, self.code.selected.kind
        row = self.table.selected
        if self.panel() is self.table and self.answer is not None and row is not None:
            return whole(self.answer, row, self.table.column)
        return super().copied() if self.panel() is self.message else None
