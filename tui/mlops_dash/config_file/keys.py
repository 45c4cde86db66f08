"""Which keys there are, as Textual names them, and which command has which unless it is given another.

The interface's table of commands says the same; a test compares the two. Here, because a configuration is
checked without the interface.
"""

from __future__ import annotations

import difflib
import string
import unicodedata
from collections.abc import Mapping

DEFAULT_KEYS: Mapping[str, str] = {
    "live": "1",
    "runs": "2",
    "comparison": "3",
    "trace": "4",
    "history": "5",
    "jobs": "6",
    "help": "question_mark,f1",
    "palette": "ctrl+p,colon",
    "rollback": "R",
    "promote": "P",
    "rebuild": "B",
    "cancel": "X",
    "undo": "z",
    "open": "enter",
    "back": "escape,backspace",
    "filter": "slash",
    "ask": "t,g",
    "copy": "y",
    "versions": "v",
    "when": "w",
    "full": "f",
    "browse": "o",
    "export": "ctrl+s",
    "refresh": "r",
    "mark": "space",
    "mark_range": "m",
    "unmark": "u",
    "compare": "c",
    "sort": "s",
    "sort_previous": "left_square_bracket",
    "sort_next": "right_square_bracket",
    "columns": "l",
    "filters": "e",
    "differences": "d",
    "baseline": "b",
    "add": "a",
    "remove": "delete,minus",
    "axis": "x",
    "smooth": "h",
    "logarithmic": "n",
    "theme": "",
    "suspend": "ctrl+z",
    "quit": "q,ctrl+q",
    "next": "tab",
    "previous": "shift+tab",
    "up": "up,k",
    "down": "down,j",
    "page_up": "pageup,ctrl+b",
    "page_down": "pagedown,ctrl+f",
    "first": "home",
    "last": "end,G",
}
_MODIFIERS = frozenset("ctrl shift alt super hyper meta".split())
_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
# what a terminal sends as the same bytes
_SAME = {"ctrl+m": "enter", "return": "enter", "ctrl+i": "tab", "ctrl+left_square_bracket": "escape"}


def _named(character: str) -> str:
    name = unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")
    return _RENAMED.get(name, name)


_PUNCTUATION = {character: _named(character) for character in string.punctuation}
NAMES = frozenset(
    [
        *"enter return escape tab space backspace delete insert up down left right home end".split(),
        *("pageup", "pagedown"),
        *(f"f{number}" for number in range(1, 25)),
        *_PUNCTUATION.values(),
    ]
)


def split(keys: str) -> list[str]:
    """Return the keys of a setting, which commas separate; ``,`` alone is the comma's own key."""
    return [keys] if keys.strip() == "," else keys.split(",")


def is_key(key: str) -> bool:
    """Tell whether ``key`` is one: a character or a name, with or without modifiers before it."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    if not set(modifiers) <= _MODIFIERS or len(set(modifiers)) < len(modifiers):
        return False
    return last in NAMES or (len(last) == 1 and last.isprintable() and not last.isspace())


def plain(key: str) -> str:
    """Return the one name of a key that has several: ``?`` is ``question_mark``."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    named = "+".join([*sorted(modifiers), _PUNCTUATION.get(last, last)])
    return _SAME.get(named, named)


def plain_keys(keys: str) -> str:
    """Return the keys of a setting in their plain names, separated by commas without spaces."""
    return ",".join(plain(key.strip()) for key in split(keys))


def remedy_for(key: str) -> str:
    """Return the known key nearest to what is none, and how keys are written."""
    *modifiers, last = key.lower().split("+")
    near = difflib.get_close_matches(last, [*sorted(NAMES), *sorted(_MODIFIERS)], n=1, cutoff=0.6)
    if near and near[0] in NAMES and set(modifiers) <= _MODIFIERS:
        return f"did you mean {'+'.join([*modifiers, near[0]])}?"
    return "write a character, f1 to f24, or a name such as enter or pageup; ctrl+, alt+ or shift+ before it"
