"""A diff to read: files and hunks under headings, numbered lines, ``+`` and ``−`` in their colours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from msgspec import Struct
from textual.binding import Binding, BindingType

from mlops_dash.domain.text import visible
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.wording import Line, safe

_STEP = 16  # characters of a step to the side
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_SIGNS = {"+": ("added", "good"), "-": ("removed", "removed"), " ": ("same", "text")}
_TAB = 4
_LONGEST = 2000  # characters of a line that are ever looked at for drawing


class DiffLine(Struct, frozen=True):
    """A line of the view.

    Attributes:
        kind: text, commit, file, title (a file's diff begins), hunk, added, removed, same or note.
        text: of a diff's line, without its sign.
        line: how it is drawn, for what is not of a diff.
        old, new: the line's number in the two files.
        path: the file that it belongs to.
        copy: what is copied; nothing can be done with a line that has none.
        ref: what its lineage can be looked at by.
    """

    kind: str
    text: str = ""
    line: Line = ()
    old: int | None = None
    new: int | None = None
    path: str | None = None
    copy: str | None = None
    ref: str | None = None


def diff_lines(diff: str) -> Iterator[DiffLine]:
    """Yield the lines of a unified diff as Git writes it, without its bookkeeping."""
    path: str | None = None
    old = new = 0
    inside = False  # of a hunk: there "--- " is a removed line
    for text in diff.split("\n"):
        if text.startswith("diff --git "):
            path, inside = _path_of(text), False
            yield DiffLine("title", text=path, path=path, copy=path)
        elif found := _HUNK.match(text):
            old, new, inside = int(found[1]), int(found[2]), True
            yield DiffLine("hunk", text=found[3], old=old, new=new, path=path, copy=text)
        elif inside and text[:1] in _SIGNS and text:
            kind = _SIGNS[text[0]][0]
            yield DiffLine(
                kind, text[1:], (), None if kind == "added" else old, None if kind == "removed" else new,
                path, text[1:]
            )  # fmt: skip
            old += kind != "added"
            new += kind != "removed"
        elif text.startswith("\\"):
            yield DiffLine("note", text="no newline at the end", path=path)
        elif not inside and text.startswith(("new file", "deleted", "rename", "copy", "old mode", "new mode",
                                             "similarity", "Binary")):  # fmt: skip
            yield DiffLine("note", text=text, path=path, copy=text)
        # the rest is bookkeeping: index, ---, +++


def _path_of(title: str) -> str:
    """Return the new path in ``diff --git a/OLD b/NEW``."""
    rest = title.removeprefix("diff --git ")
    if rest.endswith('"'):
        return _unquoted(rest[:-1].rpartition('"b/')[2])
    half = (len(rest) - 1) // 2  # a file that keeps its name stands there twice
    if rest[:half].removeprefix("a/") == rest[half + 1 :].removeprefix("b/"):
        return rest[half + 1 :].removeprefix("b/")
    return rest.rpartition(" b/")[2]


def _unquoted(name: str) -> str:
    """Return a name that Git has quoted, as C does: bytes that are not ASCII in octal."""
    raw = _ESCAPE.sub(_byte, name.encode("utf-8", "surrogatepass"))
    return raw.decode("utf-8", "replace")


def _byte(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8) & 255]) if code.isdigit() else _LETTERS.get(code, code)


class DiffView(ListView):
    """Lines, the long ones read by going to the right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "aside(-1)", show=False),
        Binding("right", "aside(1)", show=False),
    ]

    def __init__(self, *, title: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(title=title, id=id)
        self.lines: Sequence[DiffLine] = ()
        self._aside = 0
        self._digits = 1
        self._subject: str | None = None

    def show(self, subject: str, lines: Sequence[DiffLine], *, title: str, note: str = "") -> None:
        """Show other lines; scroll and cursor are kept while the subject is the same."""
        if (subject, title, note) == (self._subject, self.title, self.note) and lines == self.lines:
            return
        same = subject == self._subject
        self._subject, self.title, self.note, self.lines = subject, title, note, lines
        numbers = (number for line in lines for number in (line.old, line.new) if number is not None)
        self._digits = len(str(max(numbers, default=1)))
        if not same:
            self.cursor, self._aside = None, 0
            self.scroll_to(y=0, animate=False)
        self.items_changed(self.selected_key if same else None, tell=False)

    @property
    def selected(self) -> DiffLine | None:
        """The line under the cursor."""
        return None if self.cursor is None or self.cursor >= len(self.lines) else self.lines[self.cursor]

    def go_to_file(self, path: str) -> bool:
        """Put the diff of a file at the top; tell whether it has one."""
        for kind in "title", "file":
            for item, line in enumerate(self.lines):
                if line.kind == kind and line.path == path:
                    self._go(item)
                    self.scroll_to(y=item, animate=False)
                    return True
        return False

    def action_aside(self, step: int) -> None:
        """Read further to the right, or back."""
        longest = max((len(line.text) for line in self.lines), default=0)
        self._aside = max(0, min(self._aside + step * _STEP, longest - _STEP, _LONGEST))
        self.forget_strips()

    def item_count(self) -> int:
        """How many lines there are."""
        return len(self.lines)

    def key_at(self, item: int) -> str:
        """The place of the line."""
        return str(item)

    def selectable(self, item: int) -> bool:
        """Words between are stepped over."""
        return self.lines[item].copy is not None

    def body_line(self, line: int, width: int) -> Line:
        """A line."""
        shown = self.lines[line]
        if shown.line or shown.kind == "text":
            return shown.line
        if shown.kind == "title":
            name = safe(shown.text, max(8, width - 4))
            return (("─ ", "faint"), (name, "strong"), (" " + "─" * max(0, width - len(name) - 4), "faint"))
        gutter = 2 * self._digits + 2
        if shown.kind == "hunk":
            return ((f"{'⋯':>{gutter - 1}} ", "faint"), (f"line {shown.new} ", "accent"),
                    (safe(shown.text, width), "dim"))  # fmt: skip
        if shown.kind == "note":
            return ((" " * gutter, "text"), (safe(shown.text, width), "dim"))
        sign, role = _DRAWN[shown.kind]
        old, new = (f"{number or '':>{self._digits}}" for number in (shown.old, shown.new))
        text = visible(shown.text[:_LONGEST].expandtabs(_TAB).rstrip("\r"))
        return ((f"{old} {new} ", "dim"), (f"{sign} ", role), (text[self._aside :][:width], role))


_DRAWN = {"added": ("+", "good"), "removed": ("−", "removed"), "same": (" ", "text")}
