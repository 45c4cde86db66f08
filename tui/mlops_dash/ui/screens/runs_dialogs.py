"""The dialogs of the Runs screen: the order, the columns, and saved filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from msgspec import Struct
from textual.binding import Binding, BindingType

from mlops_dash.answers.run_shapes import RunColumn
from mlops_dash.ui.screens.runs_cells import NAME, heading
from mlops_dash.ui.widgets.choose import Choice, Chooser
from mlops_dash.ui.widgets.table import DROP, Column, Give
from mlops_dash.ui.wording import Line, plural, safe

_KINDS = {
    "metric": "metric", "param": "parameter", "tag": "tag", "attribute": "of the run", "code": "code",
    "data": "data", "version": "registry", "live": "environment",
}  # fmt: skip
_BETTER = {"min": "lower is better", "max": "higher is better"}


def _about(column: RunColumn) -> tuple[Line, Line, Line]:
    """Return kind, number of runs, and what else is to be known of a column."""
    same = "" if column.varies else "the same in all" if column.runs else "in no run"
    note = _BETTER.get(column.better or "", "") or same
    counted: Line = ((f"{column.runs:,}" if column.runs else "", "text"),)
    return ((_KINDS.get(column.kind, safe(column.kind, 12)), "dim"),), counted, ((note, "dim"),)


class SortDialog(Chooser[str]):
    """Answers with the column to sort by.

    Args:
        columns: the columns, those that are shown first.
        shown: the ids of those that are shown.
        sort: the present order.
    """

    def __init__(
        self, columns: Sequence[RunColumn], shown: Iterable[str], sort: tuple[str, bool] | None
    ) -> None:
        super().__init__(
            "Sort by",
            (Column("COLUMN"), Column(""), Column("KIND"), Column("RUNS", right=True), Column("")),
            hint="type to narrow",
            keys=(("enter", "sorts, again reverses"), ("esc", "leaves it as it is")),
            gives=(Give(4, DROP), Give(2, DROP)),
        )
        self._columns, self._shown, self._sort = columns, set(shown), sort

    def offered(self) -> Iterable[Choice]:
        """The columns."""
        for column in self._columns:
            here = self._sort is not None and self._sort[0] == column.id
            role = "strong" if here or column.id in self._shown else "text"
            arrow = "" if self._sort is None or not here else ("↓ now" if self._sort[1] else "↑ now")
            name: Line = ((safe(column.id, 60), role),)
            yield Choice(column.id, (name, ((arrow, "accent"),), *_about(column)), column.id)

    def begin_at(self) -> str | None:
        """The column that is sorted by."""
        return self._sort[0] if self._sort is not None else None

    def answer(self, key: str | None) -> str | None:
        """The column."""
        return key


class ColumnsDialog(Chooser[tuple[str, ...]]):
    """Answers with the ids of the columns to show, in their order.

    Args:
        columns: every column.
        shown: the ids of those that are shown, in order.
        default: the ids of those that are shown unless others were chosen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "switch", show=False, priority=True),
        Binding("ctrl+up,shift+up", "place(-1)", show=False, priority=True),
        Binding("ctrl+down,shift+down", "place(1)", show=False, priority=True),
        Binding("ctrl+r", "default", show=False, priority=True),
    ]

    keys_of_its_own = frozenset({"space"})

    def __init__(self, columns: Sequence[RunColumn], shown: Sequence[str], default: Sequence[str]) -> None:
        super().__init__(
            "Columns",
            (
                Column("#", right=True), Column("COLUMN"), Column("KIND"), Column("RUNS", right=True),
                Column(""),
            ),
            hint="type to narrow",
            keys=(
                ("space", "shows or hides"), ("enter", "keeps"), ("⇧↑ ⇧↓", "order"), ("esc", "leaves"),
                ("^r", "default"),
            ),
            gives=(Give(4, DROP), Give(2, DROP), Give(1, None, 12)),
        )  # fmt: skip
        self._by_id = {column.id: column for column in columns if column.id != NAME}
        self.chosen = [column for column in shown if column in self._by_id]
        self._default = default
        self._order = self._sorted()

    def _sorted(self) -> list[str]:
        chosen = dict.fromkeys(self.chosen)
        return [*chosen, *(column for column in self._by_id if column not in chosen)]

    def offered(self) -> Iterable[Choice]:
        """Those that are shown first, then all others."""
        places = {column: str(place) for place, column in enumerate(self.chosen, 1)}
        for column in self._order:
            place = places.get(column, "")
            name: Line = ((safe(column, 60), "strong" if place else "text"),)
            yield Choice(column, (((place, "accent"),), name, *_about(self._by_id[column])), column)

    def action_switch(self) -> None:
        """Show or hide the column under the cursor."""
        if (key := self.choices.selected_key) is None:
            return
        if key in self.chosen:
            self.chosen.remove(key)
        else:
            self.chosen.append(key)
        self.offer()

    def action_place(self, step: int) -> None:
        """Move the column under the cursor up or down among those that are shown."""
        key = self.choices.selected_key
        if key not in self.chosen:
            self.say((("only a column that is shown has a place: space shows it", "warn"),))
            return
        at = self.chosen.index(key)
        to = max(0, min(len(self.chosen) - 1, at + step))
        self.chosen.insert(to, self.chosen.pop(at))
        self._order = self._sorted()
        self.offer()

    def action_default(self) -> None:
        """Show what is shown unless others were chosen."""
        self.chosen = [column for column in self._default if column in self._by_id]
        self._order = self._sorted()
        self.offer()

    def answer(self, key: str | None) -> tuple[str, ...] | None:
        """The columns."""
        return tuple(self.chosen)


class FilterChoice(Struct, frozen=True):
    """What was done in the dialog of filters: ``text`` was taken."""

    text: str


class FiltersDialog(Chooser[FilterChoice]):
    """Answers with a filter that was taken. Keeping and deleting are done while it is open.

    Args:
        present: the filter in force, which can be kept.
        filters: saved filters by name.
        recent: filters that were used, the newest first.
        keep: keeps the present filter under a name.
        delete: deletes a saved one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "keep", show=False, priority=True),
        Binding("ctrl+d,delete", "delete", show=False, priority=True),
    ]

    def __init__(
        self,
        present: str,
        filters: Mapping[str, str],
        recent: Sequence[str],
        *,
        keep: Callable[[str], None],
        delete: Callable[[str], None],
    ) -> None:
        super().__init__(
            "Filters",
            (Column("NAME"), Column("FILTER")),
            hint="type to narrow, or a name for the present filter",
            keys=(("enter", "takes"), ("^s", "keeps the present one"), ("^d", "deletes"), ("esc", "leaves")),
            gives=(Give(1, None, 24),),
        )
        self._present, self._filters, self._recent = present, dict(filters), recent
        self._keep, self._delete = keep, delete
        self._sure: str | None = None  # the name that ^d was pressed on once

    def offered(self) -> Iterable[Choice]:
        """Saved ones by name, then those that were used."""
        for name, text in sorted(self._filters.items(), key=lambda pair: pair[0].casefold()):
            role = "strong" if text == self._present else "text"
            yield Choice(
                f"name:{name}", (((safe(name, 40), role),), ((safe(text, 300), "text"),)), name + text
            )
        saved = set(self._filters.values())
        for text in self._recent:
            if text not in saved:
                yield Choice(f"text:{text}", ((("used before", "dim"),), ((safe(text, 300), "text"),)), text)

    def on_mount(self) -> None:
        """Say what there is where there is nothing."""
        if not self._filters and not self._recent:
            what = "^s keeps the present one under the name typed" if self._present else "/ types a filter"
            self.say(((f"no filter is saved yet: {what}", "dim"),))

    def answer(self, key: str | None) -> FilterChoice | None:
        """The filter under the cursor; without any, the present one is kept under what was typed."""
        kind, _, name = (key or "").partition(":")
        if kind == "name":
            return FilterChoice(self._filters[name])
        if kind == "text":
            return FilterChoice(name)
        if self.text.strip():
            self.action_keep()
        return None

    def action_keep(self) -> None:
        """Keep the present filter under the name typed."""
        name = self.text.strip()
        if not self._present:
            self.say((("no filter is in force that could be kept: / types one", "warn"),))
        elif not name:
            self.say((("type a name for it first, then ^s again", "warn"),))
        else:
            renewed = name in self._filters
            self._filters[name] = self._present
            self._keep(name)
            self.offer()
            self.choices.select(f"name:{name}")
            self.say(((f"✓ {'replaced' if renewed else 'kept as'} “{safe(name, 40)}”", "good"),))

    def action_delete(self) -> None:
        """Delete the saved filter under the cursor, the second time it is asked for."""
        kind, _, name = (self.choices.selected_key or "").partition(":")
        if kind != "name":
            self.say((("only a saved filter can be deleted", "warn"),))
        elif self._sure != name:
            self._sure = name
            self.say(((f"^d again deletes “{safe(name, 40)}”", "warn"),))
        else:
            self._sure = None
            del self._filters[name]
            self._delete(name)
            self.offer()
            self.say(((f"deleted “{safe(name, 40)}”; {plural(len(self._filters), 'filter')} left", "text"),))

    def action_move(self, command: str) -> None:
        """Another one is meant."""
        self._sure = None
        super().action_move(command)


def sort_words(sort: tuple[str, bool] | None) -> str:
    """Return an order in words: ``sorted by rmse ↑``; ``newest first``."""
    if sort is None or sort == ("attributes.start_time", True):
        return "newest first"
    return f"sorted by {heading(sort[0])} {'↓' if sort[1] else '↑'}"
