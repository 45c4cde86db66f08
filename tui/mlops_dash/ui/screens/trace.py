"""Trace: the lineage of one thing, backward and forward, and the facts of each node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.containers import Container
from textual.widget import Widget

from mlops_dash.answers.node_ids import split_id
from mlops_dash.answers.shapes import TraceAnswer
from mlops_dash.errors import DashError
from mlops_dash.ui import offering
from mlops_dash.ui.commands import TRACE
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.lineage import (
    COLUMNS,
    GIVES,
    LineageLine,
    line_cells,
    line_text,
    lineage_lines,
    title_of,
)
from mlops_dash.ui.screens.lineage_facts import node_facts
from mlops_dash.ui.widgets.facts import Fact, Facts
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.widgets.table import Cell, Table
from mlops_dash.ui.wording import safe


class TraceScreen(BoardScreen):
    """Lineage and facts."""

    kind = TRACE
    CSS_PATH: ClassVar[str] = "trace.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.ref: str | None = None
        self.answer: TraceAnswer | None = None
        self._visited: list[str] = []
        self.lineage: Table[LineageLine] = Table(
            COLUMNS,
            GIVES,
            key_of=lambda line: line.key,
            cells_of=self._cells,
            text_of=line_text,
            selectable_of=lambda line: line.node is not None,
            steady=True,
            title="Lineage",
            id="lineage",
        )
        self.facts = Facts(title="Facts", label_width=11, id="facts")
        self.message = Facts(label_width=0, id="message")
        self.both = Container(self.lineage, self.facts, id="both")

    def body(self) -> Iterable[Widget]:
        """Lineage and facts, or a message in their place."""
        yield self.both
        yield self.message

    def on_mount(self) -> None:
        """Begin with what to do."""
        super().on_mount()
        if self.ref is None:
            self._say_nothing_followed()
        else:
            self._ask(self.ref)
        self.lineage.focus()

    # -- what is followed ---------------------------------------------------------------------------------

    def follow(self, ref: str, *, remember: bool = True) -> None:
        """Ask for the lineage of ``ref``; what is shown stays until the answer is there."""
        if remember and self.ref is not None and self.ref != ref:
            self._visited.append(self.ref)
        self.ref = ref
        if self.is_mounted:  # else it is asked for as soon as there is something to show it on
            self._ask(ref)

    def _ask(self, ref: str) -> None:
        if self.dash.reader is None:
            self._say(((f"{safe(ref)} is followed as soon as the project is open", "dim"),))
            return
        self.dash.reader.ask_trace(ref)
        if self.answer is None:
            self._say((("following ", "dim"), (safe(ref), "strong"), (" …", "dim")))

    def again(self) -> None:
        """Facts may have changed: ask again for what is shown."""
        if self.ref is not None and self.answer is not None and self.dash.reader is not None:
            self.dash.reader.ask_trace(self.ref)

    def take(self, ref: str, answer: TraceAnswer | Exception) -> None:
        """Show an answer, or why there is none."""
        if ref != self.ref:
            return
        if isinstance(answer, TraceAnswer):
            new = self.answer is None or self.answer.focus != answer.focus
            self.answer = answer
            self._show_message(False)
            if new:
                self.lineage.cursor = None
                self.lineage.needle = ""
            self.lineage.show(lineage_lines(answer))
            if new:
                self.lineage.select(answer.focus)
            self._title(answer)
            self._show_facts()
        else:
            self.answer = None
            remedy = answer.remedy if isinstance(answer, DashError) else None
            self._say(
                ((f"{safe(answer.message if isinstance(answer, DashError) else answer, 1000)}", "bad"),),
                *([((safe(remedy, 1000), "text"),)] if remedy else []),
                (("t types another reference · esc goes back", "dim"),),
            )
        self.update_keys()

    def _title(self, answer: TraceAnswer) -> None:
        focus = next((node for node in answer.nodes if node.id == answer.focus), None)
        name = "".join(text for text, _ in title_of(focus)) if focus is not None else safe(answer.ref)
        where = ", ".join(dict.fromkeys(environment for environment, _ in answer.live_in))
        self.lineage.title = f"Lineage of {name}"
        self.lineage.note = f"live in {safe(where, 80)}" if where else "live nowhere"
        self.lineage.forget_strips()

    def _show_facts(self) -> None:
        line = self.lineage.selected
        if line is None or line.node is None or self.answer is None:
            self.facts.show(
                [Fact("", (("nothing matches · esc shows all again", "dim"),))], title="Facts", note=""
            )
            return
        title = "".join(text for text, _ in title_of(line.node))
        facts = node_facts(line.node, self.answer, self.dash.now(), self.dash.metric_rules)
        self.facts.show(list(facts), title=title, note=line.node.kind)

    def _show_message(self, shown: bool) -> None:
        self.message.set_class(not shown, "-gone")
        self.both.set_class(shown, "-gone")

    def _say(self, *lines: tuple[tuple[str, str], ...]) -> None:
        self._show_message(True)
        self.message.show([Fact("", line) for line in lines])

    def _say_nothing_followed(self) -> None:
        refs = "an environment, models:/NAME/VERSION, a run id, a commit, data:DIGEST"
        self._say(
            (("Nothing is followed yet.", "strong"),),
            ((f"t types a reference: {refs}.", "text"),),
            (("Or select something on Live (1) and press enter.", "text"),),
        )

    def _cells(self, line: LineageLine) -> Sequence[Cell]:
        return line_cells(line, self.dash.now(), self.dash.metric_rules)

    # -- what happens -------------------------------------------------------------------------------------

    def on_list_view_selected(self, event: ListView.Selected) -> None:  # type: ignore[override]
        """Show the facts of the node under the cursor."""
        if event.view is self.lineage and self.answer is not None:
            self._show_facts()
        self.update_keys()

    def on_list_view_opened(self, event: ListView.Opened) -> None:
        """A double click is enter."""
        self.dash.do("open")

    def why_not_open(self) -> str | None:
        """Nothing else to follow."""
        line = self.lineage.selected
        if self.answer is None or line is None or line.node is None:
            return "no node is selected"
        return "this is what is followed already" if line.node.id == self.answer.focus else None

    def do_open(self) -> None:
        """Follow the selected node."""
        line = self.lineage.selected
        if line is not None and line.node is not None:
            self.leave_full()
            self.lineage.focus()
            self.follow(line.node.id)

    def copied(self) -> tuple[str, str] | None:
        """The selected fact; on the lineage the node's reference."""
        line = self.lineage.selected
        if self.panel() is self.lineage and line is not None and line.node is not None:
            return line.node.id, "reference"
        return super().copied()

    def why_not_filter(self) -> str | None:
        """Nothing to narrow."""
        return None if self.answer is not None else "there is nothing to narrow"

    def do_filter(self) -> None:
        """Narrow the lineage."""
        self.leave_full()
        self.lineage.focus()
        self.prompt("filter", "/", value=self.lineage.needle, hint="kind, name, hash, digest…")

    def filter_changed(self, text: str) -> None:
        """Narrow as it is typed."""
        self.lineage.narrow(text)
        self._show_facts()

    def do_back(self) -> None:
        """Show all panels; show all nodes; the former focus; the former screen."""
        if self.leave_full():
            return
        if self.lineage.needle:
            self.lineage.narrow("")
        elif self._visited:
            self.follow(self._visited.pop(), remember=False)
        else:
            self.ref = None
            self.dash.leave()

    def selected_run(self) -> str | None:
        """The selected node, if it is a run."""
        kind, name = split_id(self.selected_ref() or "")
        return name if kind == "run" else None

    def compared(self) -> tuple[str, ...]:
        """The selected run, version or environment against what is live."""
        return offering.beside_node(self.dash.answer, self.selected_ref() or "")

    def why_not_compare(self) -> str | None:
        """Neither a run, a version nor an environment; or nothing else is live."""
        kind = split_id(self.selected_ref() or "")[0]
        if kind not in ("run", "models", "env"):
            return "select a run, a version or an environment"
        return None if self.compared() else "nothing else is live to compare it with"

    def selected_ref(self) -> str | None:
        """The reference of the selected node."""
        line = self.lineage.selected
        return line.node.id if line is not None and line.node is not None else None
