"""Live: what is live in every environment, what deserves attention, and all about the selected one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Container
from textual.widget import Widget

from mlops_dash.answers.shapes import Attention, EnvironmentRow, LiveAnswer
from mlops_dash.domain.environments import Health
from mlops_dash.domain.freshness import Freshness, names_of
from mlops_dash.domain.plans import ActionKind
from mlops_dash.ui import offering
from mlops_dash.ui.commands import BY_ID, LIVE, keys_of
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.live_empty import empty_facts, opening_facts, refusal_facts
from mlops_dash.ui.screens.live_facts import environment_facts
from mlops_dash.ui.screens.live_metrics import metrics_table, show_metrics
from mlops_dash.ui.screens.live_rows import (
    COLUMNS,
    DEEDS,
    GIVES,
    METRIC,
    lineage_of,
    pressing,
    row_cells,
    row_key,
    row_text,
    trouble_line,
    troubled,
)
from mlops_dash.ui.screens.live_versions import show_versions, versions_table
from mlops_dash.ui.widgets.facts import Fact, Facts
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.widgets.table import Cell, Column, Table
from mlops_dash.ui.wording import ATTENTION, HEALTH, PROTECTED, plural, safe, version

if TYPE_CHECKING:
    from mlops_dash.answers.versions import VersionsAnswer


class LiveScreen(BoardScreen):
    """The board."""

    kind = LIVE
    CSS_FILE: ClassVar[Path] = Path(__file__).with_name("live.tcss")
    CSS_PATH = CSS_FILE

    def __init__(self) -> None:
        super().__init__()
        self._name_metric = True
        self._answer: LiveAnswer | None = None
        self.environments: Table[EnvironmentRow] = Table(
            COLUMNS,
            GIVES,
            key_of=row_key,
            cells_of=self._cells,
            text_of=row_text,
            steady=True,
            id="environments",
        )
        self.attention = Facts(title="Attention", label_width=1, id="attention")
        self.details = Facts(title="Details", id="details")
        self.metrics = metrics_table()
        self.versions = versions_table(lambda: self.dash.now())
        self._curve: VersionsAnswer | None = None
        self._about: dict[int, str] = {}  # place in the attention list -> the environment that it is about
        self.message = Facts(label_width=11, id="message")

    def body(self) -> Iterable[Widget]:
        """Table, attention and details; or the message of an empty or opening board."""
        yield self.environments
        yield Container(
            Container(self.attention, self.metrics, self.versions, id="left"), self.details, id="below"
        )
        yield self.message

    def on_mount(self) -> None:
        """Fill from what the app holds already."""
        self.update_answer(self.dash.answer)
        super().on_mount()
        self.environments.focus()

    def on_screen_resume(self) -> None:
        """Catch up with what changed meanwhile."""
        if self._answer is not self.dash.answer:
            self.update_answer(self.dash.answer)
        super().on_screen_resume()

    # -- what is shown ------------------------------------------------------------------------------------

    def update_answer(self, answer: LiveAnswer | None) -> None:
        """Show an answer; selection and scroll are kept."""
        rows: Sequence[EnvironmentRow] = answer.environments if answer else ()
        self._answer = answer
        self._show_message(answer)
        if answer is None:
            return
        metrics = {row.primary_metric for row in rows if row.primary_metric}
        self._name_metric = len(metrics) > 1
        title = safe(next(iter(metrics)), 12) if len(metrics) == 1 else "METRIC"
        self.environments.columns[METRIC] = Column(title)
        self.environments.show(rows)
        self._show_attention(answer)
        self._show_details()

    def update_progress(self) -> None:
        """A reading has come further."""
        super().update_progress()
        if self.dash.answer is None or not self.dash.answer.environments:
            self._show_message(self.dash.answer)

    def tick(self) -> None:
        """Ages grow."""
        super().tick()
        if self.dash.answer is not None and self.dash.answer.environments:
            self.environments.redraw()
            self._show_attention(self.dash.answer)
            self._show_details()
        else:
            self._show_message(self.dash.answer)

    def _show_message(self, answer: LiveAnswer | None) -> None:
        empty = answer is None or not answer.environments
        for widget in (self.environments, *self.query("#below")):
            widget.set_class(empty, "-gone")
        self.message.set_class(not empty, "-gone")
        if answer is None:
            refused = self.dash.fatal
            facts = refusal_facts(refused) if refused else opening_facts()
            self.message.show(list(facts), title="The configuration can't be used" if refused else "")
        elif empty:
            reading = any(source.status is Freshness.READING for source in answer.sources)
            reading = reading or bool(self.dash.progress)
            title = "Reading for the first time" if reading else "No environments yet"
            self.message.show(
                list(empty_facts(answer, self.dash.now(), self.dash.progress, reading=reading)), title=title
            )

    def _show_attention(self, answer: LiveAnswer) -> None:
        now = self.dash.now()
        rows = {row_key(row): row for row in answer.environments}
        facts = []
        for alike in troubled(self.dash.sources):
            mark, line = trouble_line(alike, now)
            text = f"{names_of(alike)}: {alike[0].detail or alike[0].status.value}"
            facts.append(Fact("", line, text, mark=mark, tail=self._key("refresh")))
        self._about = {}
        found = pressing(answer, self.dash.unread)
        needle = self.environments.needle
        left = {row_key(row) for row in self.environments.shown} if needle else set(rows)
        about = [item for item in found if f"env:{item.environment}/{item.model}" in left]
        for item in about:
            starts = item.message.startswith(f"{item.environment} is starting: ")
            mark = HEALTH[Health.DEGRADED] if starts else ATTENTION.get(item.code, ("!", "warn"))
            line = ((safe(item.message, 600), "text"),)
            key = f"env:{item.environment}/{item.model}"
            self._about[len(facts)] = key
            ref = lineage_of(item, rows.get(key))
            tail = self._key(self._acts_on(item))
            facts.append(Fact("", line, item.message, ref, mark=mark, tail=tail))
        note = str(len(facts)) if facts else ""
        if len(about) < len(found):  # the list follows the filter, and says so
            note = f"{len(facts)} of {len(facts) + len(found) - len(about)}, “{safe(needle, 20)}”"
        if not facts:
            text = "nothing to act on in what the filter shows" if needle else "nothing to act on"
            facts.append(Fact("", ((text, "dim"),), mark=("✓", "good")))
        self.attention.show(facts, note=note)

    def _acts_on(self, item: Attention) -> str:
        """The command that acts on an item of the attention list, if it can; else the one that looks."""
        kind = DEEDS.get(item.code)
        if kind is None or item.environment is None or item.model is None:
            return "jobs" if item.code == "failed-action" else "open"
        able = self.dash.why_not_act((kind, item.environment, item.model)) is None
        return ("rollback" if kind is ActionKind.ROLLBACK else "promote") if able else "open"

    def again_able(self) -> None:
        """Other keys act on what deserves attention."""
        if self.dash.answer is not None:
            self._show_attention(self.dash.answer)

    def aimed(self) -> tuple[str | None, str, str | None] | None:
        """The selected environment; from the versions also the selected version."""
        row, version = self.environments.selected, self.versions.selected
        if row is None:
            return None
        chosen = version.version if self.panel() is self.versions and version is not None else None
        return row.environment, row.model, chosen

    def _key(self, command: str) -> tuple[str, str]:
        keys = keys_of(BY_ID[command], self.dash.configured_keys)
        return (keys[0] if keys else "", "accent")

    def _show_details(self) -> None:
        row = self.environments.selected
        if row is None:
            text = f"nothing matches “{safe(self.environments.needle, 60)}” · esc shows all again"
            self.details.show([Fact("", ((text, "dim"),))], title="Details", note="")
            return
        title = f"{safe(row.environment, 40)} · {safe(row.model, 40)} {version(row.live)}"
        airy = self.has_class("-high") and self.has_class("-wide")
        curve = self._curve
        if curve is not None and (curve.model, curve.environment) != (row.model, row.environment):
            curve = None
        facts = environment_facts(row, self.dash.now(), self.dash.unread, airy=airy, curve=curve)
        note = f"{PROTECTED[0]} protected" if row.protected else ""
        self.details.show(list(facts), title=title, note=note)
        if self.dash.answer is not None:
            show_metrics(self.metrics, row, self.dash.answer.environments)

    def _cells(self, row: EnvironmentRow) -> Sequence[Cell]:
        return row_cells(row, self.dash.now(), name_metric=self._name_metric, unread=self.dash.unread)

    # -- what happens -------------------------------------------------------------------------------------

    def on_list_view_selected(self, event: ListView.Selected) -> None:  # type: ignore[override]
        """Show the details of the environment under the cursor."""
        if event.view is self.environments and self.dash.answer is not None:
            self._show_details()
            self._ask_versions()
        elif event.view is self.attention and self.attention.has_focus:
            self.environments.select(self._about.get(self.attention.cursor or 0, ""))
        self.update_keys()

    # -- versions -----------------------------------------------------------------------------------------

    def _ask_versions(self) -> None:
        row = self.environments.selected
        if row is not None and self.dash.reader is not None:
            self.dash.reader.ask_versions(row.model, row.environment)

    def take_versions(self, answer: VersionsAnswer) -> None:
        """Show the versions of the selected environment's model."""
        row = self.environments.selected
        if row is not None and (row.model, row.environment) == (answer.model, answer.environment):
            self._curve = answer
            self._show_details()
            show_versions(self.versions, answer, self.dash.now)

    def do_versions(self) -> None:
        """Show the versions, where they are not on screen already, and go to them; from them, back."""
        self.leave_full()
        if self.panel() is self.versions:
            self._leave_versions()
            return
        self.add_class("-versions")
        self._ask_versions()
        self.versions.focus()

    def _leave_versions(self) -> None:
        self.environments.focus()
        self.remove_class("-versions")

    def why_not_versions(self) -> str | None:
        """No model."""
        return None if self.environments.selected is not None else "no environment is selected"

    def on_resize(self) -> None:
        """There may be room for the versions now."""
        self.call_after_refresh(self._ask_versions)

    def on_list_view_opened(self, event: ListView.Opened) -> None:
        """A double click is enter."""
        self.dash.do("open")

    def selected_run(self) -> str | None:
        """The run of the selected version, else of the selected environment."""
        row, version = self.environments.selected, self.versions.selected
        if self.panel() is self.versions and version is not None:
            return version.run_id
        return row.run.run_id if row is not None and row.run is not None else None

    def selected_ref(self) -> str | None:
        """The reference of what is selected: a version's, a fact's, else the environment's."""
        panel, row = self.panel(), self.environments.selected
        if panel in (self.details, self.attention):
            assert isinstance(panel, Facts)
            return panel.selected.ref if panel.selected else None
        if panel is self.versions and row is not None and self.versions.selected is not None:
            return f"models:/{row.model}/{self.versions.selected.version}"
        return self.environments.selected_key

    def compared(self) -> tuple[str, ...]:
        """The selected version against what is live here; else the environment against another one."""
        row, answer = self.environments.selected, self.dash.answer
        if row is None:
            return ()
        if self.panel() is self.versions and (ref := self.selected_ref()) is not None and answer is not None:
            return (offering.environment_ref(row, answer), ref) if row.run is not None else ()
        return offering.beside_environment(answer, row.environment, row.model)

    def why_not_compare(self) -> str | None:
        """No other environment."""
        return None if self.compared() else "there is no other environment to compare it with"

    def why_not_open(self) -> str | None:
        """Nothing that has a lineage is selected."""
        return None if self.selected_ref() else "nothing with a lineage is selected"

    def do_open(self) -> None:
        """Go to the lineage of what is selected."""
        if (ref := self.selected_ref()) is not None:
            self.dash.follow(ref)

    def copied(self) -> tuple[str, str] | None:
        """The selected fact; on the tables the model version's reference."""
        row = self.environments.selected
        if self.panel() in (self.details, self.attention):
            return super().copied()
        if row is None:
            return None
        if self.panel() is self.versions:
            ref = self.selected_ref() if self.versions.selected is not None else None
            return (ref, "reference") if ref else None
        if row.live is None:
            return row.environment, "environment"
        return f"models:/{row.model}/{row.live}", "reference"

    def why_not_filter(self) -> str | None:
        """Nothing to narrow."""
        return None if self.environments.items else "there is nothing to narrow"

    def do_filter(self) -> None:
        """Narrow the table."""
        self.leave_full()
        self.environments.focus()
        self.prompt("filter", "/", value=self.environments.needle, hint="environment, model, commit, digest…")

    def filter_changed(self, text: str) -> None:
        """Narrow as it is typed."""
        count = self._narrow(text)
        self.dash.say_quietly("" if count else "nothing matches")

    def _narrow(self, text: str) -> int:
        count = self.environments.narrow(text)
        if self.dash.answer is not None:
            self._show_attention(self.dash.answer)
        return count

    def _address(self) -> str | None:
        row = self.environments.selected
        address = row.observed.address if row is not None and row.observed is not None else None
        return address if address and address.startswith(("http://", "https://")) else None

    def why_not_browse(self) -> str | None:
        """No address is known."""
        return None if self._address() else "no serving address is known for this environment"

    def do_browse(self) -> None:
        """Open the serving address."""
        if address := self._address():
            self.dash.browse(address)

    def why_not_back(self) -> str | None:
        """This is where one comes from."""
        away = (
            self.has_class("-full")
            or self.has_class("-versions")
            or self.environments.needle
            or self.panel() is not self.environments
        )
        return None if away else "this is the first screen; q leaves"

    def do_back(self) -> None:
        """Show all panels; show all rows; the cursor back to the table."""
        if self.leave_full():
            return
        if self.environments.needle:
            self._narrow("")
        self._leave_versions()

    def summary(self) -> str:
        """What is shown, in words, for tests and screen readers."""
        return plural(self.environments.item_count(), "environment")
