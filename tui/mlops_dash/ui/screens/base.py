"""What all screens share: title bar, key bar, and commands that say why they can't act."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget

from mlops_dash.ui.commands import BY_ID, SCREENS, Command, in_bar, keys_of, places_of
from mlops_dash.ui.holding import hold
from mlops_dash.ui.offering import aimed_by
from mlops_dash.ui.widgets.bars import KeyBar, KeyHint, TitleBar
from mlops_dash.ui.widgets.facts import Facts
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.wording import clipboard, safe

if TYPE_CHECKING:
    from mlops_dash.ui.dashboard import Dashboard
    from mlops_dash.ui.widgets.prompt import Prompt

_WIDTHS = [(0, "-narrow"), (120, "-wide")]
_HEIGHTS = [(0, "-tiny"), (14, "-low"), (32, "-high")]
_SHORT = 60  # characters of what was copied that are said


class BoardScreen(Screen[None]):
    """A screen of the dashboard.

    Subclasses compose their body in :meth:`body`, name what they can do in ``can`` (command id to the reason
    why not, ``None`` where it can) and do it in ``do_<command>`` methods.
    """

    kind: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = []
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    _asked_from: ListView | None = None
    _laid_out: Size | None = None

    @property
    def dash(self) -> Dashboard:
        """The app."""
        return self.app  # type: ignore[return-value]

    def body(self) -> Iterable[Widget]:
        """The widgets between title bar and key bar."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Lay out."""
        self._suit(self.app.size)
        yield TitleBar(self.dash.now, self.dash.do)
        yield from self.body()
        yield KeyBar(self.dash.do)

    def _suit(self, size: Size) -> None:
        """Take the classes of a size before the first layout: taken after it, all is laid out twice."""
        for classes, cells in ((_WIDTHS, size.width), (_HEIGHTS, size.height)):
            found = [name for least, name in classes if cells >= least]
            for _, name in classes:
                self.set_class(name == found[-1], name, update=False)

    def _screen_resized(self, size: Size) -> None:
        """As Textual's, but once for a size while starting: a start has three resize events."""
        if self.dash.starting and self._laid_out == size:
            return
        if self.is_mounted:
            self._laid_out = size
        super()._screen_resized(size)

    def _compositor_refresh(self) -> None:
        """As Textual's, without the drawing that it throws away while the app still starts."""
        if not (self.dash.starting and self.app._batch_count):
            super()._compositor_refresh()

    def paint_now(self) -> None:
        """Paint at once, not at the next tick of the screen's timer."""
        self.refresh()
        self._on_timer_update()

    def on_mount(self) -> None:
        """Fill from what the app holds already."""
        self.update_title()
        self.update_keys()

    def on_screen_resume(self) -> None:
        """Catch up with what changed while another screen was shown."""
        self.update_title(force=True)
        self.update_keys()

    def tick(self) -> None:
        """A second has passed: ages grow."""
        self.update_title()

    def again(self) -> None:
        """Facts may have changed."""

    def take_answer(self, topic: str, answer: object) -> None:
        """Show the answer to a question that this screen asked, or the error that it raised."""

    def leave_plan(self) -> None:
        """Leave, where this is a plan; what has begun goes on."""

    def caught_up(self) -> None:
        """What an action has changed was read and asked."""

    def again_able(self) -> None:
        """What can be acted on may be another than before."""

    def aimed(self) -> tuple[str | None, str, str | None] | None:
        """The environment, model and version that an acting key would be about; ``None`` where none is
        selected. Without an environment the person is asked for one."""
        return aimed_by(self.selected_ref(), self.selected_run(), self.dash.answer)

    def selected_run(self) -> str | None:
        """The id of the run that is selected, or that what is selected came from."""
        return None

    def selected_ref(self) -> str | None:
        """The reference of what is selected; ``None`` where it has no lineage."""
        return None

    def compared(self) -> tuple[str, ...]:
        """The references that ``compare`` would set side by side now, the baseline first."""
        return ()

    def why_not_compare(self) -> str | None:
        """Fewer than two things."""
        return None if len(self.compared()) > 1 else "there is nothing to compare it with"

    def update_progress(self) -> None:
        """A reading has come further."""
        self.update_title()

    def update_title(self, *, force: bool = False) -> None:
        """Show project and sources as the app knows them."""
        if bar := next(iter(self.query(TitleBar)), None):
            keys = self.dash.configured_keys
            bar.screens = tuple(
                (" ".join(keys_of(BY_ID[name], keys)[:1]), BY_ID[name].title, name == self.kind, name)
                for name in SCREENS
            )
            bar.show(self.dash.project_name, self.dash.sources, self.dash.progress, force=force)

    def update_keys(self) -> None:
        """Show the keys, those that can't act now greyed."""
        bar = next(iter(self.query(KeyBar)), None)
        if bar is None:
            return
        bar.show([self._hint(command) for command in in_bar(self.kind)])

    def why_not_back(self) -> str | None:
        """Nothing to go back from."""
        return None

    def _hint(self, command: Command) -> KeyHint:
        keys = keys_of(command, self.dash.configured_keys)
        able = self.dash.why_not_here(command.id, self) is None
        return KeyHint(command.id, keys[0] if keys else "", command.title, able)

    # -- commands -----------------------------------------------------------------------------------------

    def why_not(self, command: str) -> str | None:
        """Why a command can't act now, in plain words; ``None`` where it can."""
        there = BY_ID[command].screens
        if there and self.kind not in there:
            return f"it belongs to {places_of(BY_ID[command])}"
        reason: Callable[[], str | None] | None = getattr(self, f"why_not_{command}", None)
        return reason() if reason else None

    def do(self, command: str) -> bool:
        """Do a command if this screen knows it; tell whether it does."""
        act: Callable[[], object] | None = getattr(self, f"do_{command}", None)
        if act is None:
            return False
        act()
        return True

    def panel(self) -> ListView | None:
        """The panel that has the focus."""
        return self.focused if isinstance(self.focused, ListView) else None

    def copied(self) -> tuple[str, str] | None:
        """What ``copy`` would copy now: the text, and what it is."""
        panel = self.panel()
        if isinstance(panel, Facts) and panel.selected is not None and panel.selected.copy is not None:
            return panel.selected.copy, panel.selected.label
        return None

    def why_not_copy(self) -> str | None:
        """Nothing selected."""
        return None if self.copied() else "no fact is selected: go to one with tab and the arrow keys"

    def do_copy(self) -> None:
        """Copy the selected fact, whole, and say what was copied."""
        if (found := self.copied()) is None:
            return
        text = clipboard(found[0])
        self.app.copy_to_clipboard(text)
        part = " (its first 100,000 characters)" if len(found[0]) > len(text) else ""
        self.dash.say(f"Copied {found[1]}{part}: {safe(text, _SHORT)}")

    def do_full(self) -> None:
        """Give the focused panel the whole screen, and back."""
        panel = self.panel()
        full = not self.has_class("-full") and panel is not None
        self.set_class(full, "-full")
        kept = set(panel.ancestors_with_self) if full and panel is not None else set()
        boxes = {box for view in self.query(ListView) for box in view.ancestors_with_self} - {self, self.app}
        for box in boxes:
            if isinstance(box, Widget):
                box.set_class(box in kept, "-shown")
                box.set_class(full and box not in kept, "-hidden")

    def leave_full(self) -> bool:
        """Show all panels again; tell whether only one was shown."""
        if not self.has_class("-full"):
            return False
        self.do_full()
        return True

    # -- the prompt ---------------------------------------------------------------------------------------

    def prompt(self, purpose: str, label: str, *, value: str = "", hint: str = "") -> None:
        """Ask for a line of text in place of the key bar."""
        from mlops_dash.ui.widgets.prompt import Prompt

        self.open_prompt(Prompt(purpose, label, value=value, hint=hint))

    def open_prompt(self, prompt: Prompt) -> None:
        """Show a prompt in place of the key bar."""
        from mlops_dash.ui.widgets.prompt import Prompt

        hold(self.app)
        for former in self.query(Prompt):
            former.remove()
        self._asked_from = self.panel() or self._asked_from
        self.query_one(KeyBar).display = False
        self.mount(prompt)

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        """Narrow as it is typed."""
        if event.purpose == "filter":
            self.filter_changed(event.text)

    def close_prompt(self) -> None:
        """Show the key bar again, and give the focus back."""
        from mlops_dash.ui.widgets.prompt import Prompt

        for prompt in self.query(Prompt):
            prompt.remove()
        self.query_one(KeyBar).display = True
        if self._asked_from is not None:
            self._asked_from.focus()

    def on_prompt_done(self, event: Prompt.Done) -> None:
        """Take what was typed."""
        self.prompt_done(event)

    def prompt_done(self, event: Prompt.Done) -> None:
        """Take what was typed; given up, a filter shows all again."""
        self.close_prompt()
        if event.purpose == "filter" and event.text is None:
            self.filter_changed("")
        elif event.purpose == "ask" and event.text and event.text.strip():
            self.dash.follow(event.text.strip())

    def filter_changed(self, text: str) -> None:
        """Narrow to what contains ``text``."""

    def do_ask(self) -> None:
        """Ask for a reference."""
        hint = "production, models:/NAME/VERSION, run id, commit, data:DIGEST"
        self.prompt("ask", "trace", hint=hint)

    def on_descendant_focus(self) -> None:
        """Other keys may act now."""
        self.update_keys()

    def on_list_view_selected(self) -> None:
        """Other keys may act now."""
        self.update_keys()
