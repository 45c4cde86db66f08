"""Where a key stands in the text of a TOML file: ``tomllib`` keeps no lines."""

from __future__ import annotations

import re
import tomllib

Place = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"\[\[?[ \t]*({_KEY})[ \t]*\]")
_ASSIGNMENT = re.compile(rf"({_KEY})[ \t]*=")
_BLANK = re.compile(r"[ \t\r\n]+|\#[^\n]*")
# what a value is made of: strings of four kinds, comments, brackets, line ends, the rest
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|'
    r"'''.*?'{3,5}|"
    r'"(?:[^"\\\n]|\\.)*"|'
    r"'[^'\n]*'|"
    r"\#[^\n]*|[\[{]|[\]}]|\n|[^\"'\#\[\]{}\n]+|.",
    re.DOTALL,
)


def lines_of(text: str) -> dict[Place, int]:
    """Return the line (from 1) of every table and every key that starts a line of valid TOML ``text``.

    Keys inside inline tables and lists are not in it: :func:`line_of` takes the line of what holds them.
    """
    lines: dict[Place, int] = {}
    table: Place = ()
    position = 0
    while position < len(text):
        if blank := _BLANK.match(text, position):
            position = blank.end()
            continue
        line = text.count("\n", 0, position) + 1
        if header := _HEADER.match(text, position):
            table = _parts(header[1])
            lines.setdefault(table, line)
            position = _line_end(text, header.end())
        elif assignment := _ASSIGNMENT.match(text, position):
            parts = _parts(assignment[1])
            for depth in range(1, len(parts) + 1):
                lines.setdefault(table + parts[:depth], line)
            position = _value_end(text, assignment.end())
        else:  # not TOML that we know: the caller falls back to the whole file
            break
    return lines


def line_of(place: Place, lines: dict[Place, int]) -> int | None:
    """Return the line of ``place`` or of the nearest table around it, ``None`` where neither is known."""
    for length in range(len(place), 0, -1):
        if (line := lines.get(place[:length])) is not None:
            return line
    return None


def dotted(place: Place) -> str:
    """Return ``place`` as a person writes it: ``environments."my env".model``, ``metrics.higher[1]``."""
    out = ""
    for part in place:
        if isinstance(part, int):
            out += f"[{part}]"
            continue
        text = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'
        out += f".{text}" if out else text
    return out


def _parts(key: str) -> Place:
    found = tomllib.loads(f"{key} = 0")
    parts: list[str | int] = []
    while isinstance(found, dict):
        name, found = next(iter(found.items()))
        parts.append(name)
    return tuple(parts)


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _value_end(text: str, position: int) -> int:
    depth = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            break
        position = token.end()
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            break
    return position
