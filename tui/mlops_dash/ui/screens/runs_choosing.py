"""Which runs, in which order, with which columns: filters, sorting and the dialogs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from msgspec import structs

from mlops_dash.answers.run_shapes import RunColumn, RunsRequest
from mlops_dash.errors import FilterError
from mlops_dash.ui.holding import hold
from mlops_dash.ui.remembered import Remembered, used
from mlops_dash.ui.screens.runs_base import RunsBase
from mlops_dash.ui.screens.runs_cells import NAME, STARTED
from mlops_dash.ui.screens.runs_dialogs import (
    ColumnsDialog,
    FilterChoice,
    FiltersDialog,
    SortDialog,
    sort_words,
)
from mlops_dash.ui.widgets.filter_bar import FilterBar
from mlops_dash.ui.widgets.prompt import Prompt
from mlops_dash.ui.widgets.run_table import RunTable
from mlops_dash.ui.wording import Line, plural, safe

_FIELD = re.compile(r"\b(?:metrics|params|tags)\.[A-Za-z_][\w.]*")
_LOOKED_AT = 2000  # characters, and names, among which a slip is looked for
_PLAIN = re.compile(r"[A-Za-z_][\w.]*")
_NAME_COLUMN = RunColumn(NAME, "attribute", "run_name", 0, True)


class Choosing(RunsBase):
    """Filter, order and columns."""

    def __init__(self) -> None:
        super().__init__()
        self._before = ""  # the filter to return to
        self._entered: str | None = None  # enter was pressed on this text before its answer was there
        self._wrong: tuple[str, FilterError] | None = None  # the text that is typed, where it is wrong

    def _nothing_there(self) -> str | None:
        return None if self.index is not None and self.index.total else "there are no runs yet"

    why_not_filter = why_not_sort_next = why_not_sort_previous = _nothing_there

    def why_not_columns(self) -> str | None:
        """Not known yet."""
        return self._nothing_there() or (None if self.columns is not None else "they are not read yet")

    why_not_sort = why_not_columns

    def why_not_filters(self) -> str | None:
        """Not read yet."""
        return None if self.memory is not None and self.index is not None else "the runs are not read yet"

    # -- filter -------------------------------------------------------------------------------------------

    def do_filter(self) -> None:
        """Type a filter."""
        self.leave_full()
        self._before, self._entered, self._wrong = self.filter, None, None
        recent: Sequence[str] = self.memory.now.recent if self.memory is not None else ()
        self.open_prompt(
            FilterBar(self.filter, [text for text in recent if text != self.filter], self._fields())
        )
        self.call_after_refresh(self._say_count)

    def _fields(self) -> list[str]:
        columns = self.columns.columns if self.columns is not None else ()
        shown = dict.fromkeys(self.shown)
        names = [*shown, *(column.id for column in columns if column.id not in shown)]
        return [name for name in names if _PLAIN.fullmatch(name)]

    def _say_count(self) -> None:
        bar, index = self.filter_bar, self.index
        if bar is None or index is None:
            return
        if self.filter.strip():
            matching = f"{len(index):,} of {plural(index.total, 'run')} match"
            count: Line = ((matching, "good" if len(index) else "warn"),)
            if not len(index) and (hint := self._unknown_field()):
                bar.say((*count, (f" · {hint}", "text")))
                return
        else:
            count = ((f"all {plural(index.total, 'run')}", "text"),)
        bar.say((*count, ("   enter keeps · esc gives up · ↑ former ones", "dim")))

    def _unknown_field(self) -> str:
        """Say which metric, parameter or tag of the filter no run has, and which one is meant perhaps."""
        names = [column.id for column in self.columns.columns] if self.columns is not None else []
        known = set(names)
        for name in _FIELD.findall(self.filter[:_LOOKED_AT]):
            if names and name not in known:
                near = difflib.get_close_matches(name, names[:_LOOKED_AT], n=1)
                return f"no run has {safe(name, 60)}" + (
                    f": did you mean {safe(near[0], 60)}?" if near else ""
                )
        return ""

    def filter_changed(self, text: str) -> None:
        """Filter as it is typed."""
        self._entered = None
        asked = self._asked.filter if self._asked is not None else self.filter
        if text != asked or self._wrong is not None:
            self._wrong = None
            self.ask_index(filter=text)

    def index_taken(self) -> None:
        """Say how many match, and close the prompt if enter waits for this."""
        if (bar := self.filter_bar) is None:
            return
        if bar.text == self.filter:
            self._wrong = None
            self._say_count()
            if self._entered == self.filter:
                self._keep()

    def filter_refused(self, error: FilterError, asked: RunsRequest | None) -> bool:
        """Say what is wrong under its place; what matched before stays."""
        bar = self.filter_bar
        if bar is None:
            return super().filter_refused(error, asked)
        if asked is not None and asked.filter == bar.text:
            self._wrong, self._entered = (asked.filter, error), None
            bar.say_wrong(error)
        return True

    def prompt_done(self, event: Prompt.Done) -> None:
        """Keep the filter that was typed, or return to the former one."""
        if event.purpose != "filter":
            super().prompt_done(event)
        elif event.text is None:
            self.close_prompt()
            if self.filter != self._before or self._asked is not None:
                self.ask_index(filter=self._before)
        elif self._wrong is not None and self._wrong[0] == event.text:
            self.app.bell()
        elif self._asked is None and event.text == self.filter:
            self._keep()
        else:
            self._entered = event.text
            if self._asked is None or self._asked.filter != event.text:
                self.ask_index(filter=event.text)

    def _keep(self) -> None:
        self._entered = None
        self.close_prompt()
        if (text := self.filter.strip()) and self.memory is not None:
            self.memory.change(used(text))
        self.update_keys()

    def do_filters(self) -> None:
        """Take, keep or delete saved filters."""
        memory = self.memory
        assert memory is not None

        def keep(name: str) -> None:
            text = self.filter.strip()
            memory.change(lambda now: structs.replace(now, filters={**now.filters, name: text}))

        def delete(name: str) -> None:
            memory.change(
                lambda now: structs.replace(now, filters={k: v for k, v in now.filters.items() if k != name})
            )

        hold(self.app)
        self.app.push_screen(
            FiltersDialog(
                self.filter.strip(), memory.now.filters, memory.now.recent, keep=keep, delete=delete
            ),
            self._take_filter,
        )

    def _take_filter(self, choice: FilterChoice | None) -> None:
        if choice is not None and self.memory is not None:
            self.memory.change(used(choice.text))
            self.ask_index(filter=choice.text)

    # -- order --------------------------------------------------------------------------------------------

    def do_sort(self) -> None:
        """Choose the column to sort by."""
        assert self.columns is not None
        shown = [NAME, *self.shown]
        by_id = {NAME: _NAME_COLUMN, **{column.id: column for column in self.columns.columns}}
        columns = [by_id[column] for column in shown if column in by_id]
        columns += [column for name, column in by_id.items() if name not in shown]
        hold(self.app)
        self.app.push_screen(SortDialog(columns, shown, self.sort), self._take_sort)

    def _take_sort(self, column: str | None) -> None:
        if column is not None:
            self.sort_by(column)

    def sort_by(self, column: str) -> None:
        """Sort by a column, the better or newer first; by the same again, the other way round."""
        sort = self._asked.sort[0] if self._asked is not None else self.sort
        descending = not sort[1] if sort[0] == column else self._first_way(column)
        self._order((column, descending))

    def _order(self, sort: tuple[str, bool]) -> None:
        def remember(now: Remembered) -> Remembered:
            return structs.replace(now, sort=(sort,))

        memory = self.memory

        def then() -> None:
            self.table.reveal_column(sort[0])
            if memory is not None:
                memory.change(remember)

        self.ask_index(sort=sort, then=then)

    def _first_way(self, column: str) -> bool:
        known = self.columns.columns if self.columns is not None else ()
        better = next((each.better for each in known if each.id == column), None)
        return better == "max" or column in (STARTED, "attributes.end_time", "attributes.duration")

    def do_sort_next(self) -> None:
        """Sort by the column to the right."""
        self._sort_beside(1)

    def do_sort_previous(self) -> None:
        """Sort by the column to the left."""
        self._sort_beside(-1)

    def _sort_beside(self, step: int) -> None:
        columns = [NAME, *self.shown]
        sort = self._asked.sort[0] if self._asked is not None else self.sort
        outside = 0 if step > 0 else len(columns) - 1
        at = columns.index(sort[0]) + step if sort[0] in columns else outside
        if not 0 <= at < len(columns):
            self.dash.say_quietly(f"{sort_words(self.sort)}: there is no column further on")
            return
        self._order((columns[at], self._first_way(columns[at])))

    def on_run_table_heading_clicked(self, event: RunTable.HeadingClicked) -> None:
        """A click on a heading sorts."""
        self.sort_by(event.column)

    # -- columns ------------------------------------------------------------------------------------------

    def do_columns(self) -> None:
        """Choose the columns."""
        assert self.columns is not None
        dialog = ColumnsDialog(self.columns.columns, self.shown, self.columns.default)
        hold(self.app)
        self.app.push_screen(dialog, self._show_columns)

    def _show_columns(self, chosen: tuple[str, ...] | None) -> None:
        if chosen is None or chosen == self.shown or self.columns is None:
            return
        kept = None if chosen == self.columns.default else chosen
        if self.memory is not None:
            self.memory.change(lambda now: structs.replace(now, columns=kept))
        self.ask_index(refresh=True)
