"""Every command, once: this table feeds the keys, the key bar, the palette, the help and the README."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from textual.binding import Binding

LIVE, TRACE, HELP = "live", "trace", "help"


class Command(Struct, frozen=True):
    """Something that a person can have done.

    Attributes:
        id: its name in ``[keys]`` of the configuration.
        keys: default keys, comma separated, as Textual names them.
        title: two words at most, for the key bar.
        description: a sentence for help, palette and README.
        group: heading in the help.
        screens: where it exists; empty for everywhere.
        bar: place in the key bar, the lowest first; 0 for not there.
        moves: belongs to lists and is handled by the list that has the focus.
    """

    id: str
    keys: str
    title: str
    description: str
    group: str
    screens: tuple[str, ...] = ()
    bar: int = 0
    moves: bool = False


COMMANDS: tuple[Command, ...] = (
    Command("live", "1", "Live", "What is live in every environment.", "Screens"),
    Command("trace", "4", "Trace", "Where it came from and where it is live: the lineage of the selection.",
            "Screens"),
    Command("help", "question_mark,f1", "help", "Keys, glyphs and words.", "Screens", bar=58),
    Command("palette", "ctrl+p,colon", "palette", "Find a command by name.", "Screens", bar=90),
    Command("open", "enter", "trace", "Go to the lineage of what is selected.", "Look",
            (LIVE, TRACE), bar=10),
    Command("back", "escape,backspace", "back",
            "Close the filter or the full panel, else go back to where you were.", "Look", bar=70),
    Command("filter", "slash", "filter", "Narrow the list to what contains a text.", "Look",
            (LIVE, TRACE), bar=30),
    Command("ask", "t,g", "trace REF",
            "Type a reference and follow it: an environment, models:/NAME/VERSION, "
            "a run id, a commit, data:DIGEST.", "Look", (LIVE, TRACE), bar=68),
    Command("copy", "y", "copy", "Copy the selected fact, whole, to the clipboard.", "Look",
            (LIVE, TRACE), bar=50),
    Command("versions", "v", "versions", "Every version of the selected environment's model, and back.",
            "Look", (LIVE,), bar=20),
    Command("full", "f", "full", "Give the focused panel the whole screen, and back.", "Look",
            (LIVE, TRACE), bar=60),
    Command("browse", "o", "open", "Open the selected environment's serving address in the browser.", "Look",
            (LIVE,)),
    Command("refresh", "r", "refresh",
            "Read every source and a changed configuration, and ask every target, now.", "Look", bar=55),
    Command("theme", "", "theme", "Switch between the dark and the light theme.", "Dashboard"),
    Command("suspend", "ctrl+z", "suspend", "Leave the dashboard in the background (fg brings it back).",
            "Dashboard"),
    Command("quit", "q,ctrl+q", "quit", "Leave. Model servers keep serving.", "Dashboard", bar=65),
    Command("next", "tab", "next panel", "Go to the next panel.", "Move"),
    Command("previous", "shift+tab", "previous panel", "Go to the previous panel.", "Move"),
    Command("up", "up,k", "up", "One up.", "Move", moves=True),
    Command("down", "down,j", "down", "One down.", "Move", moves=True),
    Command("page_up", "pageup,ctrl+b", "page up", "One page up.", "Move", moves=True),
    Command("page_down", "pagedown,ctrl+f", "page down", "One page down.", "Move", moves=True),
    Command("first", "home", "first", "To the first.", "Move", moves=True),
    Command("last", "end,G", "last", "To the last.", "Move", moves=True),
)  # fmt: skip

BY_ID: Mapping[str, Command] = {command.id: command for command in COMMANDS}

_SHOWN = {
    "question_mark": "?", "slash": "/", "colon": ":", "escape": "esc", "pageup": "pgup", "pagedown": "pgdn",
    "backspace": "⌫", "up": "↑", "down": "↓",
}  # fmt: skip


def bindings(*, moves: bool) -> list[Binding]:
    """Return the bindings of the app, or with ``moves`` those of lists; each has its command's id, which the
    configured keys replace."""
    return [
        Binding(
            command.keys or f"f24+{command.id}",
            f"move('{command.id}')" if moves else f"do('{command.id}')",
            command.title,
            show=False,
            id=command.id,
            priority=command.id in {"next", "previous", "suspend"},
        )
        for command in COMMANDS
        if command.moves == moves and command.keys
    ]


def keys_of(command: Command, configured: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of a command as a person reads them."""
    keys = configured.get(command.id, command.keys)
    return tuple(shown(key.strip()) for key in keys.split(",") if key.strip())


def shown(key: str) -> str:
    """Return a key as a person reads it: ``ctrl+p`` is ``^p``."""
    if key.startswith("ctrl+"):
        return "^" + shown(key.removeprefix("ctrl+"))
    return _SHOWN.get(key, key)


def on_screen(screen: str) -> Iterable[Command]:
    """Yield the commands that exist on a screen, in the table's order."""
    return (command for command in COMMANDS if not command.screens or screen in command.screens)


def markdown() -> str:
    """Return the table of keys for the README."""
    rows = ["| key | does |", "|---|---|"]
    for command in COMMANDS:
        keys = " ".join(f"`{key}`" for key in keys_of(command, {})) or "palette"
        where = f" ({', '.join(name.capitalize() for name in command.screens)})" if command.screens else ""
        rows.append(f"| {keys} | {command.description}{where} |")
    return "\n".join(rows) + "\n"
