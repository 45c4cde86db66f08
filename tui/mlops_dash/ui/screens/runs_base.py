"""The Runs screen's state, what it asks, and what it does with the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Container
from textual.widget import Widget

from mlops_dash.answers.run_shapes import RunColumn, RunColumns, RunIndex, RunRow, RunsRequest, RunWhole
from mlops_dash.errors import FilterError, UsageError
from mlops_dash.ui.commands import RUNS
from mlops_dash.ui.remembered import Memory, Remembered
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.live_empty import opening_facts, refusal_facts
from mlops_dash.ui.screens.runs_asking import Looked, Stand, look, rows_of
from mlops_dash.ui.screens.runs_cells import STARTED, name_line, shown_columns, status_of
from mlops_dash.ui.screens.runs_dialogs import sort_words
from mlops_dash.ui.screens.runs_facts import row_facts, whole_facts
from mlops_dash.ui.screens.runs_states import failed_facts, gone_facts, no_runs_facts
from mlops_dash.ui.widgets.facts import Fact, Facts
from mlops_dash.ui.widgets.filter_bar import FilterBar
from mlops_dash.ui.widgets.index_table import IndexTable, Stretch
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.widgets.run_table import RunTable
from mlops_dash.ui.wording import Line, plural, safe

if TYPE_CHECKING:
    from mlops_dash.answers.shapes import LiveAnswer
    from mlops_dash.ui.board import Board
    from mlops_dash.ui.reader import Reader

NEWEST = (STARTED, True)
_SOON = 0.12  # seconds after which what the table knows of a run stands in its panel, if no more is known
_LABELS = 10  # cells of the labels in the side panel
BEGIN, COLUMNS, INDEX, ROWS, WHOLE = (
    f"{RUNS}.{what}" for what in ("begin", "columns", "index", "rows", "whole")
)


class RunsBase(BoardScreen):
    """Table and side panel, and the questions behind them."""

    kind = RUNS
    CSS_PATH: ClassVar[str] = "runs.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.table = RunTable(name_of=name_line, glyph_of=status_of, id="runs")
        self.details = Facts(title="Run", label_width=_LABELS, id="details")
        self.message = Facts(label_width=10, id="message")
        self.both = Container(self.table, self.details, id="both")
        self.memory: Memory | None = None
        self.columns: RunColumns | None = None
        self.shown: tuple[str, ...] = ()  # ids of the columns that the rows in hand have values of
        self.index: RunIndex | None = None
        self.filter = ""
        self.sort = NEWEST
        self.whole: RunWhole | None = None
        self._gone: str | None = None  # the run that was asked for last, where it is not there any more
        self.failed: Exception | None = None
        self._reader: Reader | None = None
        self._seen: LiveAnswer | None = None  # the board's answer when facts were asked for last
        self._asked: RunsRequest | None = None  # what the answer that is awaited will be to
        self._stand: Stand | None = None
        self._refreshing = False  # the answer that is awaited changes neither filter nor order
        self._fetching: object = None  # the reader and the index whose rows are awaited
        self._then: Callable[[], None] | None = None
        self._begun = False  # what is remembered is known

    def body(self) -> Iterable[Widget]:
        """Table and details, or a message in their place."""
        yield self.both
        yield self.message

    def on_mount(self) -> None:
        """Begin to ask."""
        self.again()
        self.table.focus()

    def on_unmount(self) -> None:
        """Write what is to be remembered."""
        if self.memory is not None:
            self.memory.close()

    def on_screen_resume(self) -> None:
        """Catch up with what changed meanwhile."""
        if self._seen is not self.dash.answer:
            self.again()

    # -- asking -------------------------------------------------------------------------------------------

    @property
    def board(self) -> Board | None:
        """What questions go to."""
        return self._reader.board if self._reader is not None else None

    def again(self) -> None:
        """Facts may have changed; the project may be another one."""
        reader, self._seen = self.dash.reader, self.dash.answer
        if reader is None:
            self.show_state()
        elif reader is not self._reader:
            self._begin(reader)
        elif self._begun:
            reader.ask(COLUMNS, reader.board.run_columns)
            self.ask_index(refresh=True)

    def _begin(self, reader: Reader) -> None:
        self._reader, self._fetching, self._asked, self._begun = reader, None, None, False
        self.columns = None
        if self.memory is not None:
            self.memory.close()
        self.memory = memory = Memory(reader.board.identity)
        reader.ask(BEGIN, memory.load)
        self.show_state()

    def ask_index(
        self,
        *,
        filter: str | None = None,  # noqa: A002 - as in the request
        sort: tuple[str, bool] | None = None,
        refresh: bool = False,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Ask which runs match; what is shown stays until the answer is there.

        Args:
            filter, sort: what changes.
            refresh: nothing does but facts and columns: the cursor stays on its run in any case.
            then: done once the answer is shown.
        """
        reader, former = self._reader, self._asked
        if reader is None:
            return
        text = former.filter if former is not None else self.filter
        order = former.sort if former is not None else (self.sort,)
        self._then = self._then if refresh and then is None else then
        refresh = refresh and (former is None or self._refreshing)
        self._refreshing = refresh
        request = RunsRequest(text if filter is None else filter, sort=(sort,) if sort else order)
        self._asked, self._stand = request, self._look_from(refresh)
        reader.ask(
            INDEX,
            partial(look, reader.board, request, self.wanted_columns, self._stand, keep_top=refresh),
        )

    @property
    def wanted_columns(self) -> tuple[str, ...]:
        """The ids of the columns to show: those chosen, or by default; unknown ones are left out."""
        if self.columns is None:
            return ()
        known = {column.id for column in self.columns.columns}
        chosen = self.memory.now.columns if self.memory is not None else None
        return tuple(column for column in (chosen or self.columns.default) if column in known)

    def _look_from(self, refresh: bool) -> Stand:
        table = self.table
        height = max(1, table.size.height - 2)
        top = round(table.scroll_y)
        if self.index is None or table.cursor is None or not (refresh or table.chosen):
            return Stand(None, 0, None, 0, height)
        in_sight = top <= table.cursor < top + height
        first = None if in_sight else table.key_at(top) or None
        return Stand(table.selected_key or "", table.cursor, first, top, height)

    def on_index_table_wanted(self, event: IndexTable.Wanted) -> None:
        """Fetch rows, one stretch at a time: what is in sight then is asked for when they are there."""
        reader = self._reader
        if reader is None or event.index is not self.index or self._fetching == (reader, event.index):
            return
        self._fetching = (reader, event.index)
        self.call_after_refresh(self._fetch, reader, event)  # first what is there is painted

    def _fetch(self, reader: Reader, event: IndexTable.Wanted) -> None:
        index, columns = self.index, self.shown
        if index is None or self._fetching != (reader, index):
            return
        first, end, board = event.first, event.end, reader.board

        def fetch() -> tuple[RunIndex, tuple[str, ...], Stretch[RunRow]]:
            return index, columns, rows_of(board, index, first, end, columns)

        reader.ask(ROWS, fetch)

    def ask_whole(self) -> None:
        """Ask for all of the selected run, where there is room to show it."""
        key = self.table.selected_key
        if key is not None and self._reader is not None and self.details.display:
            self._reader.ask(WHOLE, partial(self._reader.board.run_whole, key))

    # -- answers ------------------------------------------------------------------------------------------

    def take_answer(self, topic: str, answer: object) -> None:
        """Show an answer, or what went wrong."""
        if isinstance(answer, Exception):
            self._take_error(topic, answer)
        elif topic == BEGIN and isinstance(answer, Remembered):
            self._take_begun(answer)
        elif topic == COLUMNS and isinstance(answer, RunColumns):
            self._take_columns(answer)
        elif topic == INDEX and isinstance(answer, Looked):
            self._take_index(answer)
        elif topic == ROWS and isinstance(answer, tuple):
            self._take_rows(*answer)
        elif topic == WHOLE:
            self.whole = answer if isinstance(answer, RunWhole) else None
            self._gone = self.table.selected_key if answer is None else None
            self.show_details()

    def _take_begun(self, remembered: Remembered) -> None:
        """Show names at once: which columns there are takes longer to find out."""
        self._begun = True
        if self._reader is not None:
            self._reader.ask(COLUMNS, self._reader.board.run_columns)
        self.sort = remembered.sort[0] if remembered.sort else NEWEST
        self.ask_index(refresh=True)

    def _take_columns(self, answer: RunColumns) -> None:
        known, self.columns = self.columns, answer
        if known is None or set(self.wanted_columns) != set(self.shown):
            # those by default may be others: runs have just been read, or one is the first of its kind
            self.ask_index(refresh=True)

    def _take_index(self, looked: Looked) -> None:
        index, stand, table = looked.index, self._stand, self.table
        self.index, self._asked, self.failed, self._fetching = index, None, None, None
        self.filter, self.sort = index.request.filter, index.request.sort[0]
        cursor, top = looked.cursor, looked.top
        if stand is not None and stand.key is not None and table.index is not None:
            # the person has gone on meanwhile
            cursor += (table.cursor or 0) - stand.place
            top += round(table.scroll_y) - stand.top
        self.show_state()
        if looked.columns != self.shown or not table.columns:
            self.shown = looked.columns
            known: tuple[RunColumn, ...] = self.columns.columns if self.columns is not None else ()
            table.reshape(shown_columns(self.shown, known, lambda: self.dash.now()))
        self._headline()
        table.show_index(index, looked.held, cursor=max(0, cursor), top=max(0, top))
        then, self._then = self._then, None
        self.index_taken()
        if then is not None:
            then()
        self.update_keys()

    def index_taken(self) -> None:
        """An answer is shown."""

    def _take_rows(self, index: RunIndex, columns: tuple[str, ...], held: Stretch[RunRow]) -> None:
        self._fetching = None
        if columns == self.shown:
            self.table.take_rows(index, held)

    def _take_error(self, topic: str, error: Exception) -> None:
        if topic == ROWS:
            self._fetching = None
        if topic == INDEX:
            asked, self._asked, self._then = self._asked, None, None
            if isinstance(error, FilterError) and self.filter_refused(error, asked):
                return
            if isinstance(error, UsageError) and asked is not None and asked.sort != (NEWEST,):
                self.sort = NEWEST  # the column that was sorted by may be gone
                self.dash.say(f"{error}; the newest runs come first", severity="warning")
                self.ask_index(filter=self.filter, sort=NEWEST, refresh=True)
                return
        if topic in (BEGIN, INDEX) and self.index is None:
            self.failed = error
            self.show_state()
        elif topic != WHOLE:
            self.dash.say(f"The runs could not be read: {error}", severity="error")
        if topic == WHOLE:
            self.details.show([Fact("", ((safe(error, 400), "bad"),), str(error))])

    def filter_refused(self, error: FilterError, asked: RunsRequest | None) -> bool:
        """A filter is off; tell whether that was said."""
        self.dash.say(f"The filter was not taken: {error}", severity="error")
        return self.index is not None

    # -- what is shown ------------------------------------------------------------------------------------

    def _headline(self) -> None:
        index, table = self.index, self.table
        if index is None:
            return
        count = f"{len(index):,} of {plural(index.total, 'run')}" if self.filter.strip() else ""
        table.title = count or plural(index.total, "run")
        table.sort = self.sort
        line: Line = ()
        if table.marks:
            line = ((" · ", "dim"), (f"{len(table.marks):,} marked", "accent"))
        if index.running:
            line = (*line, (" · ", "dim"), (f"{index.running:,} running", "accent"))
        line = (*line, (f" · {sort_words(self.sort)}", "dim"))
        if self.filter.strip():
            line = (*line, (" · filter ", "dim"), (safe(self.filter.strip(), 300), "text"))
        table.headline = line
        text = safe(self.filter.strip(), 60)
        table.nothing = (
            ("nothing matches ", "dim"),
            (text, "text"),
            (" · / changes it · esc shows all", "dim"),
        )
        table.redraw()

    def show_state(self) -> None:
        """Show the table, or why there is none."""
        nothing = self.index is None or (not self.index.total and not self.filter.strip())
        self.both.set_class(nothing, "-gone")
        self.message.set_class(not nothing, "-gone")
        if not nothing:
            return
        dash = self.dash
        if dash.reader is None:
            self.message.show(
                list(refusal_facts(dash.fatal) if dash.fatal else opening_facts()), title="Runs"
            )
        elif self.failed is not None:
            self.message.show(list(failed_facts(self.failed)), title="The runs could not be read")
        elif self.index is None:
            self.message.show([Fact("", (("Looking for runs …", "dim"),))], title="Runs")
        else:
            reading = "tracking" in dash.unread or "tracking" in dash.progress
            facts = no_runs_facts(dash.sources, dash.progress, dash.now(), reading=reading)
            self.message.show(list(facts), title="Reading for the first time" if reading else "No runs yet")

    def show_details(self) -> None:
        """Show the selected run: what the table knows of it, until all of it is there."""
        key, row = self.table.selected_key, self.table.selected
        if key is None:
            waiting = bool(self.index is not None and len(self.index))
            text = "reading …" if waiting else "no run is selected"
            self.details.show([Fact("", ((text, "dim"),))], title="Run", note="")
            return
        if key == self._gone or (
            row is None and self.table.cursor is not None and self.table.is_gone(self.table.cursor)
        ):
            self.details.show(list(gone_facts()), title="Run", note="")
        elif self.whole is not None and self.whole.run.run_id == key:
            room = self.details.inner_width - _LABELS - 4
            facts = list(whole_facts(self.whole, self.dash.now(), self.dash.metric_rules, width=room))
            self.details.show(facts, title=safe(self.whole.run.name, 60), note="")
        elif row is not None:
            self.details.show(list(row_facts(row, self.dash.now())), title=safe(row.name, 60), note="")

    # -- what happens -------------------------------------------------------------------------------------

    def on_list_view_selected(self, event: ListView.Selected) -> None:  # type: ignore[override]
        """Show the run under the cursor."""
        if event.view is self.table:
            known = self.whole is not None and self.whole.run.run_id == self.table.selected_key
            if known or self.table.selected_key is None:
                self.show_details()
            elif self.details.display:  # all of it may be there before a part of it would be seen
                self.set_timer(_SOON, self.show_details)
            self.call_after_refresh(self.ask_whole)  # the table first
        self.update_keys()

    def on_resize(self) -> None:
        """There may be room for the details now."""
        self.call_after_refresh(self.show_details)
        self.call_after_refresh(self.ask_whole)

    def tick(self) -> None:
        """Ages grow, and what runs goes on."""
        super().tick()
        if self.index is None:
            return
        if self.index.running or self.dash.now().second == 0:
            self.table.redraw()
            if (row := self.table.selected) is not None and row.status == "RUNNING":
                self.show_details()

    def update_progress(self) -> None:
        """A reading has come further."""
        super().update_progress()
        if self.index is None or not self.index.total:
            self.show_state()

    @property
    def filter_bar(self) -> FilterBar | None:
        """The prompt for a filter, while it is open."""
        return next(iter(self.query(FilterBar)), None)
