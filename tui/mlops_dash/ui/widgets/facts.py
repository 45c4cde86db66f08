"""A panel of facts: labels, values that wrap, a cursor to copy one or to go on from it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from mlops_dash.ui.widgets.lines import cut, fit, wrap
from mlops_dash.ui.widgets.list_view import ListView
from mlops_dash.ui.wording import Line, Span


class Fact(Struct, frozen=True):
    """One fact.

    Attributes:
        label: what it is; equal labels in a row are shown once.
        value: how it is drawn; wrapped where it is longer than the panel is wide.
        copy: the whole of it, for the clipboard; ``None`` where it is only a heading or a hint.
        ref: a reference whose lineage can be looked at.
        mark: a glyph in the label's place.
        tail: at the right end of its first line: the key that acts on it.
    """

    label: str
    value: Line
    copy: str | None = None
    ref: str | None = None
    mark: Span | None = None
    tail: Span | None = None


class Facts(ListView):
    """Facts under a titled rule.

    Args:
        label_width: cells of the label column; 0 for none.
        wraps: what is too long goes on on the next line; else it is cut.
    """

    def __init__(
        self,
        *,
        title: str = "",
        label_width: int = 9,
        wraps: bool = True,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(title=title, id=id)
        self._label_width, self._wraps = label_width, wraps
        self.facts: tuple[Fact, ...] = ()
        self._wrapped: list[tuple[int, Line]] = []
        self._starts: list[int] = []
        self._wrapped_for = -1

    def show(self, facts: Sequence[Fact], *, title: str | None = None, note: str | None = None) -> None:
        """Show other facts; nothing happens where they are the same."""
        facts = tuple(facts)
        title = self.title if title is None else title
        note = self.note if note is None else note
        if (facts, title, note) == (self.facts, self.title, self.note):
            return
        new_subject = title != self.title
        self.facts, self.title, self.note = facts, title, note
        self._wrapped_for = -1
        if new_subject:
            self.cursor = None
            self.scroll_to(y=0, animate=False)
        self._wrap(self.inner_width)
        self.items_changed(None, tell=False)

    @property
    def selected(self) -> Fact | None:
        """The fact under the cursor."""
        return None if self.cursor is None or self.cursor >= len(self.facts) else self.facts[self.cursor]

    def item_count(self) -> int:
        """How many facts there are."""
        return len(self.facts)

    def key_at(self, item: int) -> str:
        """The place of the fact."""
        return str(item)

    def selectable(self, item: int) -> bool:
        """Headings and hints are stepped over."""
        return self.facts[item].copy is not None

    def line_count(self) -> int:
        """How many lines all facts take."""
        self._wrap(self.inner_width)
        return len(self._wrapped)

    def item_of(self, line: int) -> int:
        """The fact that a line belongs to."""
        return self._wrapped[line][0]

    def lines_of(self, item: int) -> range:
        """The lines of a fact."""
        self._wrap(self.inner_width)
        if item >= len(self._starts):
            return range(0)
        end = self._starts[item + 1] if item + 1 < len(self._starts) else len(self._wrapped)
        return range(self._starts[item], end)

    def body_line(self, line: int, width: int) -> Line:
        """A line."""
        return self._wrapped[line][1]

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """Auto height is that of the facts wrapped at the width to be."""
        self._wrap(max(0, width - 1))  # less the scroll bar
        self._given = len(self._wrapped) + len(self.header_lines(width))
        return self._given

    def _wrap(self, width: int) -> None:
        if width == self._wrapped_for:
            return
        self._wrapped_for = width
        self._wrapped, self._starts = [], []
        labels = min(self._label_width, max(0, width // 3))
        room = max(1, width - labels - (3 if labels else 2))
        former = ""
        for item, fact in enumerate(self.facts):
            self._starts.append(len(self._wrapped))
            tail = fact.tail if fact.tail is not None and room > 3 * len(fact.tail[0]) else None
            wide = room - len(tail[0]) - 2 if tail else room
            values = wrap(fact.value, wide) if self._wraps else [cut(fact.value, wide)]
            for index, value in enumerate(values):
                if tail is not None and index == 0:
                    value = (*fit(value, wide), ("  ", "text"), tail)
                label = fact.mark or (fact.label if fact.label != former else "", "dim")
                head = (
                    (*fit((label if index == 0 else ("", "dim"),), labels), (" ", "text")) if labels else ()
                )
                self._wrapped.append((item, (*head, *value) if value else head))
            former = fact.label
        self._strips.clear()
