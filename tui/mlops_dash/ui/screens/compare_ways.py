"""The commands of the Compare screen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.compare_asking import MOST, export, report, report_folder
from mlops_dash.ui.wording import plural, safe

if TYPE_CHECKING:
    from mlops_dash.ui.screens.compare import CompareScreen

_REPORT, _EXPORT = "comparison.report", "comparison.export"
_HINT = "production, models:/NAME/VERSION, models:/NAME@ALIAS, run id"
_NOTHING = "nothing is compared yet"


class Ways(BoardScreen):
    """Part of :class:`~mlops_dash.ui.screens.compare.CompareScreen`: what its keys do."""

    _path: Path | None = None  # what would be replaced, while that is asked

    def _own(self) -> CompareScreen:
        return self  # type: ignore[return-value]

    def _nothing(self) -> str | None:
        return None if self._own().answer is not None else _NOTHING

    why_not_differences = why_not_filter = why_not_smooth = why_not_logarithmic = why_not_axis = _nothing
    why_not_browse = why_not_export = _nothing

    def do_differences(self) -> None:
        """Only what differs, and all again."""
        own = self._own()
        own.differences = not own.differences
        own.show_rows()

    def why_not_baseline(self) -> str | None:
        """It is the baseline already."""
        own = self._own()
        if own.answer is None:
            return _NOTHING
        same = own.table.column == own.answer.baseline
        return "the selected item is the baseline: choose another with ← and →" if same else None

    def do_baseline(self) -> None:
        """Compare the others with the selected item."""
        own = self._own()
        own.ask_for(own.refs, own.table.column)

    def why_not_add(self) -> str | None:
        """There are enough."""
        return f"{MOST} items are compared: take one out first" if len(self._own().refs) >= MOST else None

    def do_add(self) -> None:
        """Type a reference."""
        chosen = self._own().refs
        label = f"compare {safe(chosen[0], 30)} with" if len(chosen) == 1 else "add"
        self.prompt("add", label, hint=_HINT)

    def why_not_remove(self) -> str | None:
        """Two have to be left."""
        own = self._own()
        if own.answer is None:
            return _NOTHING
        return "two items are the fewest that can be compared" if len(own.refs) < 3 else None

    def do_remove(self) -> None:
        """Take the selected item out."""
        own = self._own()
        assert own.answer is not None
        place, base = own.table.column, own.answer.baseline
        refs = tuple(ref for at, ref in enumerate(own.refs) if at != place)
        if place == base:  # the first that is left takes its place
            base = 0
        elif place < base:
            base -= 1
        own.ask_for(refs, base)

    # -- curves -------------------------------------------------------------------------------------------

    def do_axis(self) -> None:
        """By step, by time, by time since the start."""
        self._own().curves.next_axis()

    def do_smooth(self) -> None:
        """Smoother, and not at all again."""
        self._own().curves.next_smoothing()

    def do_logarithmic(self) -> None:
        """On a logarithmic scale, and back."""
        self._own().curves.toggle_logarithmic()

    # -- panels -------------------------------------------------------------------------------------------

    def do_next(self) -> None:
        """Go to the next panel, which may be out of sight."""
        self._step(1)

    def do_previous(self) -> None:
        """Go to the previous panel."""
        self._step(-1)

    def _step(self, step: int) -> None:
        own = self._own()
        if own.answer is None:
            return
        panels = (own.table, own.curves, own.code)
        here = next((at for at, panel in enumerate(panels) if panel.has_focus), 0)
        self.go_to((here + step) % len(panels))

    def go_to(self, at: int, then: Callable[[], object] | None = None) -> None:
        """Show a panel and give it the focus: 0 the table, 1 the curves, 2 the code; ``then`` is called when
        it has it."""
        own = self._own()
        full = self.leave_full()
        self.set_class(at == 1, "-at-curves")
        self.set_class(at == 2, "-at-code")
        panel = (own.table, own.curves, own.code)[at]

        def focus() -> None:
            panel.focus()
            if full:
                self.do_full()
            if then is not None:
                then()

        # not before the style says that it is shown
        self.call_after_refresh(focus)

    def do_full(self) -> None:
        """Give the focused panel the whole screen, and back."""
        own = self._own()
        panels = (own.table, own.curves, own.code)
        panel = next((each for each in panels if each.has_focus), own.table)
        full = not self.has_class("-full")
        self.set_class(full, "-full")
        for each in panels:
            each.set_class(full and each is panel, "-shown")
            each.set_class(full and each is not panel, "-hidden")
        own.side.set_class(full and panel is not own.table, "-shown")
        own.side.set_class(full and panel is own.table, "-hidden")
        own.verdict.set_class(full, "-hidden")

    def why_not_full(self) -> str | None:
        """No panel."""
        return self._nothing()

    def do_filter(self) -> None:
        """Narrow the lines."""
        own = self._own()
        self.leave_full()
        self.remove_class("-at-curves", "-at-code")
        # at once: what is typed next is for the prompt
        self.prompt("filter", "/", value=own.needle, hint="metric, parameter, file, value…")
        self._asked_from = own.table

    def why_not_back(self) -> str | None:
        """There is always a way back."""
        return None

    def do_back(self) -> None:
        """Show all panels; show all lines; back to the table; the former screen."""
        own = self._own()
        if self.leave_full():
            return
        if own.needle:
            own.filter_changed("")
        elif own.answer is not None and not own.table.has_focus:
            self.go_to(0)
        else:
            self.dash.leave()

    def why_not_open(self) -> str | None:
        """Nothing that has a lineage is selected."""
        own = self._own()
        if own.answer is None:
            return _NOTHING
        if self._file() is not None:
            return None
        return None if self.selected_ref() else "nothing with a lineage is selected"

    def _file(self) -> str | None:
        """The file that is selected in the table or above the diff."""
        own = self._own()
        if self.panel() is own.code:
            line = own.code.selected
            return line.path if line is not None and line.kind == "file" else None
        row = own.table.selected
        kind, _, name = row.key.partition("/") if row is not None else ("", "", "")
        return name if kind == "file" else None

    def do_open(self) -> None:
        """A file's diff; else the lineage of what is selected."""
        path = self._file()
        if path is not None:
            self.go_to(2, lambda: self._own().code.go_to_file(path))
        elif (ref := self.selected_ref()) is not None:
            self.dash.follow(ref)

    # -- ways out -----------------------------------------------------------------------------------------

    def do_browse(self) -> None:
        """Write the report and open it."""
        own, reader = self._own(), self.dash.reader
        if own.answer is None or reader is None:
            return
        answer, board = own.answer, reader.board
        title, primary = self.dash.project_name, self.dash.metric_rules.primary
        reader.ask(_REPORT, lambda: report(board, answer, report_folder(), title, primary))
        self.dash.say_quietly("writing the report …")

    def do_export(self) -> None:
        """Ask where to."""
        hint = "NAME.csv, .json, .md, .parquet or .html"
        self.prompt("export", "write to", value="compare.csv", hint=hint)

    def written_to(self, name: str) -> None:
        """Write, unless a file is there: then ask."""
        self._path = Path(name).expanduser()
        if self._path.exists():
            self.prompt("replace", f"{safe(self._path.name, 40)} is there", hint="type yes to replace it")
        else:
            self._write(overwrite=False)

    def replace(self, text: str) -> None:
        """Write in the place of what is there, if that was wanted."""
        if text.casefold() in ("y", "yes"):
            self._write(overwrite=True)
        else:
            self.dash.say_quietly("nothing was written")

    def _write(self, *, overwrite: bool) -> None:
        own, reader, path = self._own(), self.dash.reader, self._path
        if own.answer is None or reader is None or path is None:
            return
        title, primary = self.dash.project_name, self.dash.metric_rules.primary
        question = partial(export, reader.board, own.answer, path, title, primary)
        reader.ask(_EXPORT, partial(question, differences=own.differences, overwrite=overwrite))

    def take_written(self, topic: str, answer: object) -> None:
        """Say where a file is, or why there is none."""
        if isinstance(answer, Path):
            if topic == _REPORT:
                self.app.open_url(answer.absolute().as_uri())
            what = "the report" if topic == _REPORT else plural(len(self._own().refs), "item")
            self.dash.say(f"Wrote {what} to {answer.absolute()}")
        elif isinstance(answer, Exception):
            self.dash.say(f"Nothing was written: {answer}", severity="error")
