"""What the app does when a command is given: by key, by click, or from the palette."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from mlops_dash.domain.text import visible
from mlops_dash.ui.commands import (
    BY_ID,
    COMMANDS,
    COMPARE,
    HISTORY,
    JOBS,
    LIVE,
    RUNS,
    TRACE,
    bindings,
    keys_of,
    on_screen,
)
from mlops_dash.ui.deeds import Deeds
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.live import LiveScreen
from mlops_dash.ui.theme import DARK, LIGHT

_SAID = 300  # characters of a notification


def _runs_screen() -> Screen[Any]:
    from mlops_dash.ui.screens.runs import RunsScreen

    return RunsScreen()


def _compare_screen() -> Screen[Any]:
    from mlops_dash.ui.screens.compare import CompareScreen

    return CompareScreen()


def _trace_screen() -> Screen[Any]:
    from mlops_dash.ui.screens.trace import TraceScreen

    return TraceScreen()


def _history_screen() -> Screen[Any]:
    from mlops_dash.ui.screens.history import HistoryScreen

    return HistoryScreen()


def _jobs_screen() -> Screen[Any]:
    from mlops_dash.ui.screens.jobs import JobsScreen

    return JobsScreen()


class Acting(Deeds):
    """The commands, each a ``do_<id>`` here or on a screen, and the ways between screens."""

    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(moves=False)]
    MODES: ClassVar[dict[str, Any]] = {
        LIVE: LiveScreen,
        RUNS: _runs_screen,
        COMPARE: _compare_screen,
        TRACE: _trace_screen,
        HISTORY: _history_screen,
        JOBS: _jobs_screen,
    }
    DEFAULT_MODE = LIVE

    def __init__(self) -> None:
        super().__init__()
        self._modes_visited: list[str] = []
        self._configured_keys: dict[str, str] = {}

    @property
    def configured_keys(self) -> dict[str, str]:
        """Keys that the configuration rebinds, by command, as Textual names them."""
        return self._configured_keys

    def use_keys(self, configured: dict[str, str]) -> None:
        """Rebind keys as the configuration says."""
        from mlops_dash.config_file.keys import plain_keys

        keyless = [command.id for command in COMMANDS if not command.keys]  # a keymap does not reach these
        for name in keyless:
            for key in self._configured_keys.get(name, "").split(","):
                self._bindings.key_to_bindings.pop(key, None)
        self._configured_keys = {name: plain_keys(keys) for name, keys in configured.items() if name in BY_ID}
        self.set_keymap(self._configured_keys)
        for name in keyless:
            if keys := self._configured_keys.get(name):
                self.bind(keys, f"do('{name}')", show=False)

    def refresh_facts(self, *, thorough: bool = False) -> None:
        """Read all sources and ask all targets, each unless that is under way."""
        raise NotImplementedError

    def board_screen(self) -> BoardScreen | None:
        """The screen that is shown, or stands under the palette."""
        return next(
            (screen for screen in reversed(self.screen_stack) if isinstance(screen, BoardScreen)), None
        )

    def action_do(self, command: str) -> None:
        """A key was pressed."""
        self.do(command)

    def why_not(self, command: str) -> str | None:
        """Why a command can't act now; ``None`` where it can."""
        return self.why_not_here(command, self.board_screen())

    def why_not_here(self, command: str, screen: BoardScreen | None) -> str | None:
        """Why a command can't act now on a screen."""
        own = getattr(self, f"why_not_{command}", None)
        if own is not None and (reason := own()):
            return str(reason)
        return screen.why_not(command) if screen is not None else None

    def do(self, command: str) -> None:
        """Do a command, or say why it can't act now."""
        if reason := self.why_not(command):
            self.say(f"{BY_ID[command].title}: {reason}", severity="warning")
            return
        for screen in self.screen, self.board_screen():
            if isinstance(screen, BoardScreen) and screen.do(command):
                screen.update_keys()
                return
        act = getattr(self, f"do_{command}", None)
        if act is not None:
            act()

    def do_live(self) -> None:
        """Go to Live."""
        self.go(LIVE)

    def do_runs(self) -> None:
        """Go to Runs."""
        self.go(RUNS)

    def do_comparison(self) -> None:
        """Go to Compare."""
        self.go(COMPARE)

    def do_history(self) -> None:
        """Go to History."""
        self.go(HISTORY)

    def do_jobs(self) -> None:
        """Go to Jobs."""
        self.go(JOBS)

    def do_compare(self) -> None:
        """Compare what the screen offers for it."""
        if (screen := self.board_screen()) is not None:
            self.compare(screen.compared())

    def compare(self, refs: tuple[str, ...]) -> None:
        """Set references side by side on Compare, the first one being the baseline."""
        self.go(COMPARE)
        screen = self.board_screen()
        if screen is not None and screen.kind == COMPARE:
            screen.compare(refs)  # type: ignore[attr-defined]

    def do_trace(self) -> None:
        """Go to Trace: of what is selected, if nothing is followed there yet."""
        screen = self.board_screen()
        ref = screen.selected_ref() if screen is not None and screen.kind != TRACE else None
        if ref is not None:
            self.follow(ref)
        else:
            self.go(TRACE)

    def go(self, mode: str) -> None:
        """Switch to a screen; a plan that is shown is left."""
        if isinstance(self.screen, BoardScreen):
            self.screen.leave_plan()
        if mode != self.current_mode:
            self._modes_visited.append(self.current_mode)
            self.switch_mode(mode)

    def leave(self) -> None:
        """Go back to the former screen."""
        self.switch_mode(self._modes_visited.pop() if self._modes_visited else LIVE)

    def follow(self, ref: str) -> None:
        """Show the lineage of a reference on Trace."""
        self.go(TRACE)
        screen = self.board_screen()
        if screen is not None and screen.kind == TRACE:
            screen.follow(ref)  # type: ignore[attr-defined]

    def do_help(self) -> None:
        """Show the help."""
        from mlops_dash.ui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def do_palette(self) -> None:
        """Show the palette."""
        self.action_command_palette()

    def do_refresh(self) -> None:
        """Read and ask now."""
        self.refresh_facts(thorough=True)
        self.say_quietly("reading every source and asking every target")

    def do_theme(self) -> None:
        """Dark to light and back."""
        self.theme = LIGHT if self.current_theme.dark else DARK

    def do_suspend(self) -> None:
        """Leave the terminal to the shell."""
        self.action_suspend_process()

    def do_quit(self) -> None:
        """Leave."""
        self.exit(return_code=0)

    def do_next(self) -> None:
        """Go to the next panel."""
        self.screen.focus_next()

    def do_previous(self) -> None:
        """Go to the previous panel."""
        self.screen.focus_previous()

    def browse(self, address: str) -> None:
        """Open an http(s) address in the browser."""
        self.open_url(address)
        self.say(f"Opened {address}")

    def say(self, message: str, *, severity: Any = "information") -> None:
        """Tell the person something that passes."""
        self.notify(visible(message, _SAID), severity=severity, markup=False, timeout=6)

    def say_quietly(self, message: str) -> None:
        """Tell something that a glance at the screen tells too: only where nothing else is said."""
        if message:
            self.notify(visible(message, _SAID), markup=False, timeout=2)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: the same table of commands, and the themes."""
        kind = board.kind if (board := self.board_screen()) else LIVE
        for command in on_screen(kind):
            if command.id == "palette" or command.moves:
                continue
            reason = self.why_not(command.id)
            keys = " ".join(keys_of(command, self.configured_keys))
            about = f"can't act now: {reason}" if reason else command.description
            title = f"{command.title.capitalize()}  {keys}".rstrip()
            yield SystemCommand(title, visible(about), lambda name=command.id: self.do(name))
        for name in (DARK, LIGHT):
            yield SystemCommand(
                f"Theme {name}", "Change the colours.", lambda name=name: self._set_theme(name)
            )

    def _set_theme(self, name: str) -> None:
        self.theme = name
