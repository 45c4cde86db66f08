"""A log: it follows its end while the cursor stands there, and can be narrowed to what contains a text."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_dash.ui.widgets.facts import Fact, Facts


class LogView(Facts):
    """Lines, by default with a time each."""

    def __init__(
        self,
        *,
        title: str = "Log",
        label_width: int = 10,
        wraps: bool = True,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(title=title, label_width=label_width, wraps=wraps, id=id)
        self.lines: tuple[Fact, ...] = ()
        self.needle = ""
        self.subject: str | None = None

    def tell(self, lines: Sequence[Fact], *, subject: str, note: str = "") -> None:
        """Show the lines of a subject, which may have grown."""
        new, self.subject = subject != self.subject, subject
        if new:
            self.needle = ""
        at_end = new or self.cursor is None or self.cursor >= self.item_count() - 1
        self.lines = tuple(lines)
        self._narrowed(note, to_end=at_end)

    def narrow(self, needle: str) -> int:
        """Show only lines that contain every word of ``needle``, ignoring case; return how many."""
        self.needle = needle
        self._narrowed("", to_end=True)
        return len(self.facts)

    def _narrowed(self, note: str, *, to_end: bool) -> None:
        words = self.needle.casefold().split()
        shown = self.lines
        if words:
            shown = tuple(
                line
                for line in self.lines
                if line.copy is not None and all(word in line.copy.casefold() for word in words)
            )
            note = f"{len(shown)} of {len(self.lines)}, “{self.needle[:30]}”"
        if not shown and words:
            shown = (Fact("", (("nothing matches · esc shows all again", "dim"),)),)
        self.show(shown, note=note or f"{len(self.lines):,}")
        if to_end and shown:
            last = self._nearest(len(shown) - 1)
            if last is not None and last != self.cursor:
                self._go(last)
