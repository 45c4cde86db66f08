"""Help: every key, every glyph and the words, generated from the tables that the screens are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.widget import Widget

from mlops_dash.domain.plans import Tick
from mlops_dash.domain.rebuilds import Verdict
from mlops_dash.ui.action_words import (
    INTERRUPTED,
    OUTCOMES,
    STANDS,
    TICKS,
    UNDER_WAY,
    VERDICTS,
    WARNED,
    Stand,
)
from mlops_dash.ui.commands import COMMANDS, HELP, Command, keys_of, places_of
from mlops_dash.ui.screens.base import BoardScreen
from mlops_dash.ui.widgets.facts import Fact, Facts
from mlops_dash.ui.wording import ATTENTION, FRESHNESS, HEALTH, KINDS, PROTECTED, Span

_WORDS = (
    ("live", "what the target answered when it was asked: observed. Where nothing can be asked, what the "
     "registry or a tag declares. Else unknown; it is never guessed."),
    ("drift", "declared and observed are both known and differ: ≠."),
    ("stale", "the last reading failed; the facts of the one before are shown with their age."),
    ("dirty", "trained with changes that no commit holds."),
    ("missing", "trained from a commit that is not in this repository."),
    ("no branch", "trained from a commit that is on no branch or tag; Git may drop it."),
    ("newer", "later versions of the same dataset, in the store or on the main branch."),
    ("plan", "what an action would change, exactly. R, P and z show it; nothing is changed before it is "
     "confirmed."),
    ("verified", "the target was asked until it served the wanted version healthily, several times running."),
    ("rebuild", "whether commit, tree, data, parameters, command, packages and seeds are known, so that the "
     "run can be made again: ✓ known, ◐ it will probably do, ✗ missing."),
)  # fmt: skip


class HelpScreen(BoardScreen):
    """Keys, glyphs and words; any of esc, q and ? leaves it."""

    kind = HELP
    CSS_PATH: ClassVar[str] = "help.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.page = Facts(title="Help", label_width=16, id="help")

    def body(self) -> Iterable[Widget]:
        """One long page."""
        yield self.page

    def on_mount(self) -> None:
        """Write the page."""
        super().on_mount()
        self.page.show(list(help_facts(self.dash.configured_keys)))
        self.page.focus()

    def do_back(self) -> None:
        """Leave."""
        self.dismiss()

    do_help = do_back
    do_quit = do_back


def help_facts(configured: dict[str, str]) -> Iterator[Fact]:
    """Yield the page."""
    for group in dict.fromkeys(command.group for command in COMMANDS):
        yield Fact("", ((group, "title"),))
        for command in COMMANDS:
            if command.group == group:
                yield _key(command, configured)
        yield Fact("", ())
    for title, glyphs in _LEGEND:
        yield Fact("", ((title, "title"),))
        for word, (glyph, role) in glyphs:
            yield Fact("", ((f"{glyph} ", role), (word, "text")), word)
        yield Fact("", ())
    yield Fact("", (("Words", "title"),))
    for word, meaning in _WORDS:
        yield Fact(word, ((meaning, "text"),), meaning)


def _key(command: Command, configured: dict[str, str]) -> Fact:
    keys = "  ".join(keys_of(command, configured)) or "in the palette"
    where = f" On {places}." if (places := places_of(command)) else ""
    return Fact("", ((command.description, "text"), (where, "dim")), command.description, mark=(keys, "key"))


_LEGEND: tuple[tuple[str, tuple[tuple[str, Span], ...]], ...] = (
    ("Health", tuple((health.value, span) for health, span in HEALTH.items())),
    ("Sources", tuple((state.value, span) for state, span in FRESHNESS.items())),
    ("Attention", tuple((code.replace("-", " "), span) for code, span in ATTENTION.items())),
    ("Lineage", tuple(KINDS.items())),
    ("Live", (
        ("observed: the target said so", ("●", "good")),
        ("declared: the registry or a tag says so", ("○", "dim")),
        ("drift: the declared version is another", ("≠", "bad")),
        ("protected: acting on it asks for its name to be typed", PROTECTED),
        ("commits behind the main branch", ("↓", "warn")),
        ("dirty: changes that no commit holds", ("±", "warn")),
        ("missing commit", ("✗", "bad")),
        ("commit on no branch", ("◊", "warn")),
        ("newer versions of the data", ("↑", "warn")),
        ("newest data, or at the main branch", ("=", "dim")),
    )),
    ("Runs", (
        ("live in an environment", ("◉", "good")),
        ("registered as a version of a model", KINDS["version"]),
        ("running", ("◌", "accent")),
        ("scheduled", ("○", "dim")),
        ("failed", ("✗", "bad")),
        ("killed", ("⊘", "warn")),
        ("marked first: the baseline of a comparison", ("▣", "accent")),
        ("marked", ("■", "accent")),
    )),
    ("Plans and jobs", (
        ("proposed: the last version that was live and healthy here", ("▸", "accent")),
        ("known to be bad here", ("✗", "bad")),
        ("it holds; a step is done", TICKS[Tick.HOLDS]),
        ("not looked at yet; a step that is to do", TICKS[Tick.OPEN]),
        ("a warning: it does not hinder", WARNED),
        ("under way", UNDER_WAY),
        ("interrupted: the next start goes on with it", INTERRUPTED),
        *((outcome.value, glyph) for outcome, glyph in OUTCOMES.items()),
        ("a step that was taken back", STANDS[Stand.UNDONE]),
    )),
    ("Rebuilds: on Jobs, and beside a version that was rebuilt", (
        ("identical: what came out is the same", VERDICTS[Verdict.IDENTICAL]),
        ("equivalent: it differs within the tolerance", VERDICTS[Verdict.EQUIVALENT]),
        ("diverged: it differs by more, or too little could be compared", VERDICTS[Verdict.DIVERGED]),
        ("failed: the rebuilt run did not finish", VERDICTS[Verdict.FAILED]),
    )),
    ("History", (
        ("told by a tag, a commit or a stage", ("◆", "code")),
        ("seen: two looks differ, and nobody wrote down why", ("◌", "dim")),
        ("between two looks: so long ago at the least", ("~", "text")),
    )),
    ("Compare", (
        ("the best of all", ("★", "good")),
        ("better than the baseline", ("▲", "good")),
        ("worse than the baseline", ("▼", "warn")),
        ("another value than the baseline's", ("≠", "accent")),
        ("less is better, behind a metric; ahead and behind of a commit as well", ("↓", "dim")),
        ("more is better", ("↑", "dim")),
        ("not known", ("?", "unknown")),
    )),
)  # fmt: skip
