"""The app: holds the answers in force, asks the reader for new ones, and hands them to the visible screen."""

from __future__ import annotations

import asyncio
import gc
import os
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs
from textual.app import App
from textual.filter import ANSIToTruecolor, LineFilter

from mlops_dash.answers.shapes import LiveAnswer
from mlops_dash.domain.environments import Health
from mlops_dash.domain.freshness import Freshness, SourceStatus, newest
from mlops_dash.domain.progress import Progress
from mlops_dash.domain.text import visible
from mlops_dash.errors import ConfigError, DashError
from mlops_dash.ui import glance, messages, terminal
from mlops_dash.ui.catching_up import CatchingUp
from mlops_dash.ui.commands import TRACE
from mlops_dash.ui.fence import ControlFence
from mlops_dash.ui.following import ACTING
from mlops_dash.ui.glance import Glance
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.screens.live import LiveScreen
from mlops_dash.ui.theme import THEMES, preferred

if TYPE_CHECKING:
    from concurrent.futures import Future

    from textual.timer import Timer

    from mlops_dash.domain.metrics import MetricRules
    from mlops_dash.ui.app import Opening
    from mlops_dash.ui.board import Board
    from mlops_dash.ui.reader import Reader

_UNSETTLED = 2.0  # seconds between two askings of the targets while one is not healthy: it may be starting
_WATCH = 0.5  # seconds between two looks whether the terminal is still there


class Dashboard(CatchingUp):
    """mlops-dash on a terminal.

    Args:
        opening: the project being opened, with the board's answer from the last snapshot; begun after the
            first frame where it has not begun yet.
        seen: the board as it was last seen.
        place: where to keep what was seen, for the next start.
    """

    TITLE = "mlops-dash"
    CSS_PATH = LiveScreen.CSS_FILE  # read with the rest: a screen's own style sheet is read in a second pass

    def __init__(self, opening: Opening, *, seen: Glance | None = None, place: Path | None = None) -> None:
        super().__init__()
        self._opening = opening
        self._place = place
        self._kept = False
        self.starting = True  # until the first frame
        self._read_once = False
        self.project_name = ""
        self._fence = ControlFence()
        self.board: Board | None = None
        self.reader: Reader | None = None
        self.answer: LiveAnswer | None = None
        self.sources: tuple[SourceStatus, ...] = ()
        self.progress: dict[str, Progress] = {}
        self.misconfigured: SourceStatus | None = None  # told beside the sources
        self.fatal: DashError | None = None
        self._rhythm: list[Timer] = []
        self.problems: list[str] = []
        for theme in THEMES:
            self.register_theme(theme)
        self._begin_with(seen.theme if seen is not None else None)
        if seen is not None:
            self._take(seen.answer)
            self.project_name = seen.project
        elif opening.done() and opening.exception() is None:
            self._adopt(*opening.result())

    # -- start and end ------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)

    @property
    def metric_rules(self) -> MetricRules:
        """What the configuration says of metrics; the primary one is the board's where rows agree."""
        from mlops_dash.answers.live import metric_rules
        from mlops_dash.config import Config

        rules = metric_rules(self.board.config if self.board is not None else Config())
        shown = {row.primary_metric for row in self.answer.environments} if self.answer is not None else set()
        return replace(rules, primary=shown.pop()) if len(shown) == 1 and not rules.primary else rules

    @property
    def unread(self) -> frozenset[str]:
        """The sources whose first reading is under way: nothing of theirs can be called missing yet."""
        known = {status.name for status in self.sources}
        waiting = {status.name for status in self.sources if status.status is Freshness.READING}
        # data is read last, and has no status until then
        return frozenset(waiting if self._read_once or "data" in known else waiting | {"data"})

    def _adopt(self, board: Board, answer: LiveAnswer) -> None:
        self.board = board
        self.project_name = board.name
        self._take(answer)
        self._use_theme(board.config.ui.theme)
        if board.config.keys or self.configured_keys:
            self.use_keys(board.config.keys)

    def _begin_with(self, theme: str | None) -> None:
        """Set the first theme without the restyling that a change of theme brings: it costs a frame."""
        name = theme if theme in self.available_themes else preferred(os.environ.get("COLORFGBG"))
        self.set_reactive(App.theme, name)
        self.set_class(self.current_theme.dark, "-dark-mode", update=False)
        self.set_class(not self.current_theme.dark, "-light-mode", update=False)
        self.stylesheet.set_variables(self.get_css_variables())

    def _use_theme(self, name: str | None) -> None:
        if name and name in self.available_themes and name != self.theme:
            self.theme = name

    def on_mount(self) -> None:
        """Begin to read."""
        terminal.on_end(asyncio.get_running_loop(), self._end)
        self.set_interval(1.0, self._tick)
        self.set_interval(_WATCH, self._watch_terminal)
        if self.board is not None:
            self._start_reading()
        else:
            self._opening.add_done_callback(self._opened)
        self.call_later(self._paint_first)
        self.call_after_refresh(self._first_frame)

    def _paint_first(self) -> None:
        if screen := self.board_screen():
            screen.paint_now()

    def _first_frame(self) -> None:
        """What had to wait until there is something to look at."""
        self.starting = False
        gc.freeze()
        gc.enable()
        self._opening.start()

    def _opened(self, opening: Future[tuple[Board, LiveAnswer]]) -> None:
        """Called in the opening thread."""
        error = opening.exception()
        if error is None:
            self.post_message(messages.Opened(*opening.result()))
        else:
            self.post_message(
                messages.OpeningFailed(error if isinstance(error, Exception) else Exception(error))
            )

    def on_opened(self, message: messages.Opened) -> None:
        """Paint the snapshot's answer, then read."""
        self._adopt(message.board, message.answer)
        self._show_answer()
        self._start_reading()

    def on_opening_failed(self, message: messages.OpeningFailed) -> None:
        """Say why there is no project: here where the configuration can be mended, else on the way out."""
        error = message.error
        if isinstance(error, DashError):
            self.fatal = error
        else:
            self.fatal = DashError(f"the project could not be opened: {error}")
            self._keep(error)
        if isinstance(error, ConfigError):
            self.answer = None
            self._show_answer()
        else:
            self.exit(return_code=self.fatal.exit_code)

    def _open_again(self) -> None:
        """The configuration may have been mended."""
        self.fatal = None
        self._opening = self._opening.again()
        self._opening.add_done_callback(self._opened)
        self._opening.start()

    def _start_reading(self) -> None:
        assert self.board is not None
        from mlops_dash.ui.reader import Reader

        board = self.board
        # a former board's reader may still answer for a moment: nobody listens to it
        self.reader = Reader(board, lambda message: board is self.board and self.post_message(message))
        self.refresh_facts()
        self.begin_following(self.reader)
        for timer in self._rhythm:
            timer.stop()
        self._rhythm = [
            self.set_interval(board.config.ui.refresh, self.refresh_facts),
            self.set_interval(_UNSETTLED, self._ask_the_unsettled),
        ]

    def on_reconfigured(self, message: messages.Reconfigured) -> None:
        """Go on with the new configuration; with a wrong one, keep the board and say why."""
        from mlops_dash.ui import reconfiguring

        if isinstance(message.opened, Exception):
            self.misconfigured = reconfiguring.status_of(message.opened, self.now())
            self.say(f"The configuration was not taken: {message.opened}", severity="error")
        else:
            reconfiguring.let_go(self.reader, self.board)
            self.misconfigured = None
            self._adopt(*message.opened)
            self._start_reading()
            self.say_quietly("the configuration was read again")
        self._tell_misconfigured()
        self._show_answer()

    def _tell_misconfigured(self) -> None:
        others = tuple(status for status in self.sources if status.name != "configuration")
        self.sources = (*others, self.misconfigured) if self.misconfigured is not None else others

    def _ask_the_unsettled(self) -> None:
        rows = self.answer.environments if self.answer is not None else ()
        if self.reader is not None and any(
            row.observed is not None and row.health is not Health.HEALTHY for row in rows
        ):
            self.reader.observe()

    def _end(self, code: int) -> None:
        self.exit(return_code=code)

    def _watch_terminal(self) -> None:
        if not self.is_headless and terminal.lost():
            terminal.force_exit(129, 1.0)
            self.exit(return_code=129)

    def _keep_glance(self) -> None:
        if self._place is not None and self.board is not None and self.answer and self.answer.environments:
            seen = Glance(self.board.name, self.board.config.ui.theme, self.answer)
            glance.save(self._place, seen)
            self._kept = True

    def let_go(self) -> bool:
        """Keep a glance, cancel what still reads; tell whether everything has ended."""
        self._keep_glance()
        if self.reader is None:
            return self._opening.done()
        ended = self.reader.stop()
        if ended and self.board is not None:
            self.board.close()
        return ended

    def _fatal_error(self) -> None:
        """As Textual's, without the values of local variables: they may be secrets."""
        self._keep(self._exception)
        self.bell()
        self._close_messages_no_wait()

    def _keep(self, error: BaseException | None) -> None:
        if error is not None:
            text = "".join(traceback.format_exception(error))
            self.problems.append("\n".join(visible(line) for line in text.splitlines()))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, but for the one that translates colours we don't use, and the fence behind which no
        control character gets."""
        return [
            *(item for item in super().get_line_filters() if not isinstance(item, ANSIToTruecolor)),
            self._fence,
        ]

    # -- reading ------------------------------------------------------------------------------------------

    def refresh_facts(self, *, thorough: bool = False) -> None:
        """Read all sources and ask all targets, each unless that is under way."""
        if isinstance(self.fatal, ConfigError):
            self._open_again()
        elif self.reader is not None:
            if thorough and (screen := self.board_screen()) and (run := screen.selected_run()):
                self.reader.reread([run])  # at once, whatever else a slow store is busy with
            self.reader.refresh(thorough=thorough)
            self.reader.observe()
            if thorough and self.board is not None:
                from mlops_dash.ui import reconfiguring

                reconfiguring.look(self.board, self._opening.again(), self.post_message)

    def on_reading(self, message: messages.Reading) -> None:
        """Show how far."""
        self.progress = message.progress
        if screen := self.board_screen():
            screen.update_progress()

    def on_read(self, message: messages.Read) -> None:
        """Ask the board again where something changed; else only the sources are fresher."""
        unread, self.progress = self.unread, {}
        self._read_once = True
        by_name = {status.name: status for status in message.statuses}
        self.sources = tuple(by_name.pop(status.name, status) for status in self.sources) + tuple(
            by_name.values()
        )
        self.caught_up("read")
        if self.answer is not None:
            self.answer = structs.replace(self.answer, sources=self.sources)
        if message.changed and self.reader is not None:
            self.reader.ask_live()
        elif self.answer is not None and (unread != self.unread or not self.answer.environments):
            self._show_answer()
        self._show_title()

    def on_observed(self) -> None:
        """Targets have answered."""
        self.caught_up("observe")
        if self.reader is not None:
            self.reader.ask_live()

    def on_live_answered(self, message: messages.LiveAnswered) -> None:
        """Show the newest answer."""
        if self.reader is not None and self.reader.is_current(message):
            self._take(message.answer)
            self._show_answer()
            if not self._kept:
                self._keep_glance()

    def on_versions_answered(self, message: messages.VersionsAnswered) -> None:
        """Hand a model's versions to the Live screen."""
        if self.reader is None or not self.reader.is_current(message):
            return
        for screen in self.screen_stack:
            if isinstance(screen, LiveScreen):
                screen.take_versions(message.answer)

    def on_trace_answered(self, message: messages.TraceAnswered) -> None:
        """Hand a lineage to the Trace screen."""
        if self.reader is None or not self.reader.is_current(message):
            return
        for screen in self.screen_stack:
            if isinstance(screen, BoardScreen) and screen.kind == TRACE:
                screen.take(message.ref, message.answer)  # type: ignore[attr-defined]

    def on_answered(self, message: messages.Answered) -> None:
        """Hand an answer to the screen that asked: its topic begins with the screen's name."""
        if self.reader is None or not self.reader.is_current(message):
            return
        kind = message.topic.partition(".")[0]
        if kind == ACTING:
            self.take_acting(message.topic, message.answer)
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, BoardScreen) and screen.kind == kind:
                    screen.take_answer(message.topic, message.answer)

    def on_reader_failed(self, message: messages.ReaderFailed) -> None:
        """Say what failed; facts stay as they are."""
        if not isinstance(message.error, DashError):
            self._keep(message.error)
        self.say(f"{message.work} failed: {message.error}", severity="error")

    def reasons_changed(self) -> None:
        """Other keys may act now."""
        if screen := self.board_screen():
            screen.update_keys()
            screen.again_able()

    def _take(self, answer: LiveAnswer) -> None:
        self.places_changed()
        self.sources = newest(answer.sources, self.sources)
        self.answer = structs.replace(answer, sources=self.sources)
        if self.misconfigured is not None:
            self._tell_misconfigured()

    def _show_answer(self) -> None:
        screen = self.board_screen()
        if isinstance(screen, LiveScreen):
            screen.update_answer(self.answer)
        if screen is not None:
            screen.again()
            screen.update_title()
            screen.update_keys()

    def _show_title(self) -> None:
        if screen := self.board_screen():
            screen.update_title()

    def _tick(self) -> None:
        self.look_after_actions()
        self.catch_up()
        if (screen := self.board_screen()) and screen.is_mounted:
            screen.tick()
