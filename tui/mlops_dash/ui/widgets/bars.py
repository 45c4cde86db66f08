"""The two lines that every screen has: the title with the sources' state, and the keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct
from rich.style import Style
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.progress import Progress
from mlops_dash.ui.theme import palette_of
from mlops_dash.ui.widgets.lines import cut, paint, width_of
from mlops_dash.ui.wording import FRESHNESS, Line, age, safe

# forms of the strip, the longest first, and the characters of a trouble's cause in each; None: as many as fit
_FORMS: tuple[tuple[int, int | None], ...] = (
    (0, 60), (1, 34), (2, 34), (3, 34), (4, None), (5, None), (6, None), (4, 0), (5, 0),
)  # fmt: skip
_COUNTED = ("tracking", "git")  # sources whose counts stay the longest
_WORD = 8  # characters of a cause that say something
_WIDE = 110  # cells from which the app's name stands before the project's
_NAMED = 65  # cells from which the project's does
_TITLED = 52  # cells from which every screen's title stands beside its key


class Bar(Widget):
    """One painted line."""

    DEFAULT_CSS = "Bar { height: 1; background: $surface; }"

    def line(self, width: int) -> Line:
        """Draw it."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """Paint it."""
        style = self.rich_style
        base = Style(color=style.color, bgcolor=style.bgcolor)
        width = self.size.width
        return paint(self.line(width) if y == 0 else (), width, palette_of(self.app.theme_variables), base)


class TitleBar(Bar):
    """App, project and the source strip: what was read, how much, when, and what failed."""

    def __init__(self, now: Callable[[], datetime], do: Callable[[str], None]) -> None:
        super().__init__()
        self._now, self._do = now, do
        self.project = ""
        self.screens: tuple[tuple[str, str, bool, str], ...] = ()  # key, title, is shown, name
        self._tabs: list[tuple[int, int, str]] = []
        self.sources: tuple[SourceStatus, ...] = ()
        self.progress: dict[str, Progress] = {}
        self._drawn: Line = ()

    def show(
        self,
        project: str,
        sources: tuple[SourceStatus, ...],
        progress: dict[str, Progress],
        *,
        force: bool = False,
    ) -> None:
        """Show other facts; repaints only where the line changes."""
        self.project, self.sources, self.progress = project, sources, progress
        line = self.line(self.size.width)
        if force or line != self._drawn:
            self._drawn = line
            self.refresh()

    def line(self, width: int) -> Line:
        """The screens always, the project unless a trouble needs its place; of the source strip the longest
        form that fits."""
        head = self._head(width, named=not any(_is_troubled(status) for status in self.sources))
        wanted = [status for status in self.sources if status.status is not Freshness.ABSENT]
        wanted = wanted or list(self.sources)
        room = width - width_of(head) - 3
        strip: Line = ()
        for form, reason in _FORMS:
            strip = self._strip(wanted, form, reason or 0)
            if reason is None:
                causes = len({status.detail for status in wanted if _is_troubled(status)})
                spare = (room - width_of(strip)) // max(1, causes) - 2  # ": " before each
                if spare < _WORD or not causes:
                    continue
                strip = self._strip(wanted, form, spare)
            if width_of(strip) <= room:
                gap = room + 2 - width_of(strip)
                return (*head, (" " * gap, "text"), *strip, (" ", "text"))
        return cut((*head, ("  ", "text"), *strip), width)

    def _head(self, width: int, *, named: bool) -> Line:
        wide = width >= _WIDE
        project = safe(self.project, 40 if wide else 16)
        name: Line = ((f" {project or 'mlops-dash'}", "strong"),) if named and width >= _NAMED else ()
        if wide:
            name = ((" mlops-dash", "title"), (f" · {project}" if project else "", "strong"))
        gaps = (3, 2 if named else 1) if wide else (2 if name else 1, 1)
        return (*name, *self._tab_line(width_of(name), *gaps, titled=width >= _TITLED))

    def _tab_line(self, at: int, before: int, between: int, *, titled: bool) -> Line:
        spans: list[tuple[str, str]] = []
        self._tabs = []
        at += before
        for key, title, here, name in self.screens:
            text = f"{key} {title}" if titled or here or not key else key
            self._tabs.append((at, at + len(text), name))
            spans += [
                (" " * (between if spans else before), "text"),
                (key, "key" if here else "dim"),
                (text.removeprefix(key), "strong" if here else "dim"),
            ]
            at += len(text) + between
        return tuple(spans)

    def on_click(self, event: events.Click) -> None:
        """Go to the clicked screen."""
        for start, end, screen in self._tabs:
            if start <= event.x < end:
                self._do(screen)
                return

    def _strip(self, sources: Sequence[SourceStatus], form: int, reason: int) -> Line:
        now = self._now()
        spans: list[tuple[str, str]] = []
        told: set[str | None] = set()
        for status in sources:
            if spans:
                spans.append((("   ", "  ", "  ", "  ", "  ", " ", " ")[form], "text"))
            spans.extend(self._source(status, form, now, 0 if status.detail in told else reason))
            told.add(status.detail)  # a cause that several sources share is told once
        for name, progress in self.progress.items():
            if all(status.name != name for status in sources):
                spans.extend(((" " * (2 if spans else 0), "text"), *reading(name, progress, form)))
        return tuple(spans)

    def _source(self, status: SourceStatus, form: int, now: datetime, reason: int) -> Line:
        progress = self.progress.get(status.name)
        if progress is not None and status.status in (Freshness.READING, Freshness.FAILED):
            return reading(status.name, progress, form)
        glyph, role = FRESHNESS[status.status]
        name = safe(status.name, 20)
        line: Line = ((f"{glyph} ", role), (name, "text"))
        if status.status is Freshness.OK:
            if form >= 5:
                return ((glyph, role),)
            counted = form < 2 or (form == 2 and status.name in _COUNTED)
            counts = f" {safe(status.counts, 40)}" if status.counts and counted else ""
            return (*line, (counts, "text"), (f" {age(status.as_of, now)}" if form in (0, 3) else "", "dim"))
        if status.status is Freshness.READING:
            return (*line, (" reading" if form < 4 else "", "accent"))
        if status.status is Freshness.ABSENT:
            return (*line, (" none" if form < 4 else "", "dim"))
        what = " failed" if status.status is Freshness.FAILED else f" stale {age(status.as_of, now)}"
        why = f": {safe(status.detail.rstrip('.'), reason)}" if status.detail and reason > 0 else ""
        return (*line, (f"{'' if form == 6 else what}{why}", role))


def _is_troubled(status: SourceStatus) -> bool:
    return status.status in (Freshness.FAILED, Freshness.STALE) and bool(status.detail)


def reading(name: str, progress: Progress, form: int) -> Line:
    """Draw which source is read and, as far as the form has room, how far it is."""
    line: Line = (("◌ ", "accent"), (safe(name, 20), "text"))
    if form >= 4:
        return line
    return (*line, (" ", "text"), *progress_line(progress, bar=8 if form == 0 else 0, phase=form < 2))


def progress_line(progress: Progress, *, bar: int, phase: bool = True) -> Line:
    """Draw how far a reading is: its phase, a bar of ``bar`` cells and percents where the end is known, else
    the count."""
    line: Line = ((f"{safe(progress.phase, 20)} ", "dim"),) if phase else ()
    if progress.total:
        share = min(1.0, max(0.0, progress.done / progress.total))
        filled = round(share * bar)
        if bar:
            line = (*line, ("━" * filled, "accent"), ("━" * (bar - filled) + " ", "faint"))
        return (*line, (f"{share:.0%}", "accent"))
    return (*line, (f"{progress.done:,}" if progress.done else "…", "accent"))


class KeyHint(Struct, frozen=True):
    """A key in the key bar. ``able`` is false where the command can't act now."""

    command: str
    key: str
    title: str
    able: bool


class KeyBar(Bar):
    """The keys that matter here; each can be clicked."""

    def __init__(self, do: Callable[[str], None]) -> None:
        super().__init__()
        self._do = do
        self.hints: tuple[KeyHint, ...] = ()
        self._places: list[tuple[int, int, str]] = []

    def show(self, hints: Sequence[KeyHint]) -> None:
        """Show other keys."""
        if tuple(hints) != self.hints:
            self.hints = tuple(hints)
            self.refresh()

    def line(self, width: int) -> Line:
        """As many as fit, the last ones leaving first."""
        spans: list[tuple[str, str]] = [(" ", "text")]
        self._places = []
        at = 1
        for hint in self.hints:
            cells = len(hint.key) + 1 + len(hint.title)
            if at + cells + 1 > width:
                continue
            role = ("key", "text") if hint.able else ("faint", "faint")
            spans.extend(((hint.key, role[0]), (f" {hint.title}", role[1]), ("  ", "text")))
            self._places.append((at, at + cells, hint.command))
            at += cells + 2
        return tuple(spans[:-1])

    def on_click(self, event: events.Click) -> None:
        """Do what the clicked key does."""
        for start, end, command in self._places:
            if start <= event.x < end:
                self._do(command)
                return
