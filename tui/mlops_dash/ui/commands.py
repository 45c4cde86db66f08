"""Every command, once: this table feeds the keys, the key bar, the palette, the help and the README."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from textual.binding import Binding

LIVE, RUNS, COMPARE, TRACE, HISTORY, JOBS = "live", "runs", "comparison", "trace", "history", "jobs"
HELP, PLAN = "help", "plan"
SCREENS = (LIVE, RUNS, COMPARE, TRACE, HISTORY, JOBS)
"""The screens that number keys lead to, in their order."""

_LAST = 75  # place of acting keys in the bar of screens where something else comes first


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
    Command("runs", "2", "Runs", "Every run of every experiment: filter, sort, mark.", "Screens"),
    Command("comparison", "3", "Compare", "Runs, versions or environments side by side.", "Screens"),
    Command("trace", "4", "Trace", "Where it came from and where it is live: the lineage of the selection.",
            "Screens"),
    Command("history", "5", "History",
            "Who changed what, where, when and why; what was live at a given time.", "Screens"),
    Command("jobs", "6", "Jobs",
            "Rollbacks, promotions and rebuilds, under way and done, with their logs.", "Screens"),
    Command("help", "question_mark,f1", "help", "Keys, glyphs and words.", "Screens", bar=45),
    Command("palette", "ctrl+p,colon", "palette", "Find a command by name.", "Screens", bar=90),
    Command("rollback", "R", "roll back",
            "Take the selected environment back to a version that was live there: shows the plan first.",
            "Act", SCREENS, bar=24),
    Command("promote", "P", "promote",
            "Bring another environment's version, or a chosen one, to the selected environment: "
            "shows the plan first.", "Act", SCREENS, bar=26),
    Command("rebuild", "B", "rebuild",
            "Make the selected run, or that of the selected version, again from its commit, data and "
            "packages, and compare: shows the plan first.", "Act", SCREENS, bar=28),
    Command("cancel", "X", "cancel", "Stop the selected rebuild.", "Act", (JOBS, PLAN), bar=29),
    Command("undo", "z", "undo", "Take back the last action, on Jobs the selected one: shows the plan first.",
            "Act", (*SCREENS, PLAN), bar=46),
    Command("open", "enter", "trace", "Go to the lineage of what is selected.", "Look", (*SCREENS, PLAN),
            bar=10),
    Command("back", "escape,backspace", "back",
            "Close the filter or the full panel, else go back to where you were.", "Look", bar=70),
    Command("filter", "slash", "filter",
            "Narrow the list: to what contains a text; on Runs in the filter language.", "Look",
            (*SCREENS, PLAN), bar=30),
    Command("ask", "t,g", "trace REF",
            "Type a reference and follow it: an environment, models:/NAME/VERSION, "
            "a run id, a commit, data:DIGEST.", "Look", SCREENS, bar=68),
    Command("copy", "y", "copy", "Copy the selected fact, whole, to the clipboard.", "Look", (*SCREENS, PLAN),
            bar=50),
    Command("versions", "v", "versions", "Every version of the selected environment's model, and back.",
            "Look", (LIVE,), bar=20),
    Command("when", "w", "live at",
            "What was live everywhere at a time: 3 days ago, 2h, 2026-11-20, 2026-11-20 09:30.", "Look",
            (HISTORY,), bar=12),
    Command("full", "f", "full", "Give the focused panel the whole screen, and back.", "Look", SCREENS,
            bar=60),
    Command("browse", "o", "open",
            "Open in the browser: the selected environment's serving address; "
            "on Runs and Compare a report that is written for it.", "Look", (LIVE, RUNS, COMPARE)),
    Command("export", "ctrl+s", "export", "Write what is shown to a file: CSV, JSON, Markdown or Parquet.",
            "Look", (RUNS, COMPARE)),
    Command("refresh", "r", "refresh",
            "Read every source and a changed configuration, and ask every target, now.", "Look", bar=55),
    Command("mark", "space", "mark", "Mark the run under the cursor, or take its mark away.", "Runs",
            (RUNS,), bar=12),
    Command("mark_range", "m", "mark to here", "Mark all between the last mark and the cursor.", "Runs",
            (RUNS,)),
    Command("unmark", "u", "clear marks", "Take all marks away.", "Runs", (RUNS,)),
    Command("compare", "c", "compare",
            "Compare what is marked; with nothing marked, the selection with what is live.", "Runs",
            (LIVE, RUNS, TRACE), bar=14),
    Command("sort", "s", "sort", "Choose the column to sort by, and the direction.", "Runs", (RUNS,), bar=32),
    Command("sort_previous", "left_square_bracket", "sort left", "Sort by the column to the left.", "Runs",
            (RUNS,)),
    Command("sort_next", "right_square_bracket", "sort right", "Sort by the column to the right.", "Runs",
            (RUNS,)),
    Command("columns", "l", "columns", "Choose the columns; they are remembered.", "Runs", (RUNS,), bar=34),
    Command("filters", "e", "saved filters", "Take a saved filter, keep the present one, or delete one.",
            "Runs", (RUNS,)),
    Command("differences", "d", "differences", "Show only what differs, and all again.", "Compare",
            (COMPARE,), bar=16),
    Command("baseline", "b", "baseline",
            "Compare the others with the selected item; left and right select another one.", "Compare",
            (COMPARE,), bar=18),
    Command("add", "a", "add", "Type a reference to compare as well.", "Compare", (COMPARE,), bar=22),
    Command("remove", "delete,minus", "remove", "Take the selected item out of the comparison.", "Compare",
            (COMPARE,)),
    Command("axis", "x", "x axis", "Draw curves by step, by time, or by time since the start.", "Compare",
            (COMPARE,)),
    Command("smooth", "h", "smooth", "Smooth the curves more, and not at all again.", "Compare", (COMPARE,)),
    Command("logarithmic", "n", "log scale", "Draw the curves on a logarithmic scale, and back.", "Compare",
            (COMPARE,)),
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
    "backspace": "⌫", "left_square_bracket": "[", "right_square_bracket": "]", "minus": "-",
    "up": "↑", "down": "↓",
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


def in_bar(screen: str) -> list[Command]:
    """Return the commands of a screen's key bar, the first one first."""

    def place(command: Command) -> int:
        late = command.group == "Act" and screen not in (LIVE, HISTORY, JOBS, PLAN)
        return command.bar + _LAST if late else command.bar

    return sorted((command for command in on_screen(screen) if command.bar), key=place)


def places_of(command: Command) -> str:
    """Return the screens where a command exists, in words; nothing where it exists on all of them."""
    titles = [BY_ID[name].title for name in command.screens if name in SCREENS]
    if len(titles) in (0, len(SCREENS)):
        return ""
    *others, last = titles
    return f"{', '.join(others)} and {last}" if others else last


def markdown() -> str:
    """Return the table of keys for the README."""
    rows = ["| key | does |", "|---|---|"]
    for command in COMMANDS:
        keys = " ".join(f"`{key}`" for key in keys_of(command, {})) or "palette"
        where = f" ({places})" if (places := places_of(command)) else ""
        rows.append(f"| {keys} | {command.description}{where} |")
    return "\n".join(rows) + "\n"
