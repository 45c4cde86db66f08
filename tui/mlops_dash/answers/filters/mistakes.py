"""What is wrong with a filter that is none: what the parser stumbled over, in words, with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_dash.domain.text import visible
from mlops_dash.errors import FilterError

if TYPE_CHECKING:
    from lark import UnexpectedInput

_QUOTES = "'\"`"
_PIECE = re.compile(r"'[^']*'|\"[^\"]*\"|\w+|[<>=!~&|+-]+|\S")
_CLOSED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|([()])")
_LAST = re.compile(r"(?:`[^`]*`|\"[^\"]*\"|'[^']*'|[\w.]+|[<>=!~]+|\S)$")
_PLAIN_FIELD = re.compile(r"([^\W\d]\w*)\.([\w.]*)$")
_IN_KEYS = re.compile(r"[^\s<>=!~()'\"`]+")
_INSTEAD = {
    "&&": "write and",
    "&": "write and",
    ",": "write and",
    "||": "write or",
    "|": "write or",
    ";": "leave it out: there is one filter",
    "-": "leave it out: filters have no comments",
    "--": "leave it out: filters have no comments",
    "#": "leave it out: filters have no comments",
}
COMPARATORS = "= != < <= > >= like ilike in, not in, is null, is not null"


def mistake(text: str, error: UnexpectedInput) -> FilterError:
    """Turn what the parser says into an error for people."""
    end = len(text.rstrip())
    ended = getattr(getattr(error, "token", None), "type", None) == "$END"
    at = end if ended else min(error.pos_in_stream if error.pos_in_stream is not None else end, end)
    allowed = frozenset(getattr(error, "accepts", None) or getattr(error, "allowed", None) or ())
    return _Stumble(text, at, end, allowed).told()


class _Stumble:
    """Where the parser stopped, and what it would have taken there."""

    def __init__(self, text: str, at: int, end: int, allowed: frozenset[str]) -> None:
        self.text, self.at, self.end, self.allowed = text, at, end, allowed
        found = _PIECE.match(text, at)
        self.piece = found.group() if found and at < end else ""
        before = text[max(0, at - 200) : at].rstrip()
        last = _LAST.search(before)
        self.before = visible(last.group(), 40) if last else ""

    def told(self) -> FilterError:
        if self.piece[:1] and self.piece[0] in _QUOTES and not self._closes():
            quote = self.piece[0]
            return self._error(f"the {quote} here is not closed", f"close it with another {quote}", self.end)
        opened = self._opened()
        if self.piece == ")" and not opened:
            return self._error("this ) closes nothing", "remove it, or open with ( before it")
        if not self.piece and opened and "RPAR" in self.allowed:
            at = opened[-1]
            return FilterError("this ( is not closed", "close it with )", start=at, end=at + 1)
        for kind, tell in (
            ("COMPARATOR", self._no_comparator),
            ("TEXT", self._no_value),
            ("FIELD", self._no_condition),
            ("_AND", self._not_joined),
            ("COMMA", self._not_listed),
            ("LIKE", self._after_not),
            ("NULL", self._after_is),
        ):
            if kind in self.allowed:
                return tell()
        return self._error(f"“{visible(self.piece, 40)}” was not expected here", None)

    def _closes(self) -> bool:
        return self.text.find(self.piece[0], self.at + 1) >= 0

    def _opened(self) -> list[int]:
        """The places of parentheses that are open where the parser stopped."""
        opened: list[int] = []
        for found in _CLOSED.finditer(self.text, 0, self.at):
            if found.group(1) == "(":
                opened.append(found.start())
            elif found.group(1) and opened:
                opened.pop()
        return opened

    def _error(self, message: str, remedy: str | None, end: int | None = None) -> FilterError:
        stop = self.at + len(self.piece) if end is None else end
        return FilterError(message, remedy, start=self.at, end=max(self.at, stop))

    def _found(self) -> str:
        return f", “{visible(self.piece, 40)}” stands there" if self.piece else ""

    def _no_comparator(self) -> FilterError:
        apart = self.at == self.end or self.text[self.at - 1].isspace()
        if self.before.endswith(".") and apart:
            message = f"a key is missing after {self.before}{self._found()}"
            return self._error(message, "write it right after the dot; keys with blanks stand in backticks")
        if not self.piece:
            return self._error(f"a comparator is missing after {self.before}", f"there are {COMPARATORS}")
        field = _PLAIN_FIELD.search(self.text, max(0, self.at - 200), self.at)
        rest = _IN_KEYS.match(self.text, self.at)
        if field and rest and not apart:
            key = visible(field.group(2) + rest.group(), 80)
            message = f"“{visible(self.piece, 40)}” can stand in a key only if the key is in backticks"
            return self._error(message, f"write {field.group(1)}.`{key}`")
        return self._error(f"“{visible(self.piece, 40)}” is no comparator", f"there are {COMPARATORS}")

    def _no_value(self) -> FilterError:
        remedy = "write a number as in 0.8, or a text in quotes"
        if not self.piece or self.piece.lower() in ("and", "or", "not", ")"):
            return self._error(f"a value is missing after {self.before}{self._found()}", remedy)
        return self._error(f"“{visible(self.piece, 40)}” is no value", remedy)

    def _no_condition(self) -> FilterError:
        remedy = "a condition is a field, a comparator and a value: metrics.rmse < 0.8"
        if not self.piece or self.piece.lower() in ("and", "or", ")"):
            where = f"after {self.before}" if self.before else "at the start"
            return self._error(f"a condition is missing {where}{self._found()}", remedy)
        return self._error(f"no condition begins with “{visible(self.piece, 40)}”", remedy)

    def _not_joined(self) -> FilterError:
        remedy = _INSTEAD.get(self.piece, "join conditions with and or or")
        return self._error(f"“{visible(self.piece, 40)}” was not expected here", remedy)

    def _not_listed(self) -> FilterError:
        if not self.piece:
            return self._error("this list is not closed", "close it with )")
        return self._error(f"“{visible(self.piece, 40)}” was not expected in a list", "write ('a', 'b')")

    def _after_not(self) -> FilterError:
        return self._error(f"like, ilike or in is missing after {self.before}{self._found()}", None)

    def _after_is(self) -> FilterError:
        remedy = "write is null or is not null"
        return self._error(f"null is missing after {self.before}{self._found()}", remedy)
