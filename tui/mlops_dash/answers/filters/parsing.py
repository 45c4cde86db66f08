"""From the text of a filter to its tree. Lark parses without recursion: nesting cannot exhaust the stack."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mlops_dash.answers.filters.mistakes import mistake
from mlops_dash.answers.filters.syntax import Comparison, Form, Joined, Node, Not, Operand
from mlops_dash.errors import FilterError

if TYPE_CHECKING:
    from lark import Lark, Token

LONGEST = 20_000
"""Characters that a filter may have: those take a tenth of a second, and nobody types as many."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse(text: str) -> Node | None:
    """Return the tree of a filter; ``None`` for an empty one.

    Raises:
        FilterError: it is too long, holds what no text can hold, or is none.
    """
    if len(text) > LONGEST:
        raise FilterError(
            f"the filter has {len(text):,} characters; at most {LONGEST:,} are read",
            "shorten it",
            start=LONGEST,
            end=len(text),
        )
    if found := _UNSTORABLE.search(text):
        what = "a NUL character" if found.group() == "\x00" else "half of a character (a lone surrogate)"
        raise FilterError(f"the filter holds {what}", "remove it", start=found.start(), end=found.end())
    if not text.strip():
        return None
    from lark import UnexpectedInput

    try:
        return cast("Node", parser().parse(text))
    except UnexpectedInput as error:
        raise mistake(text, error) from None


@cache
def parser() -> Lark:
    """Return the parser. Making it takes a tenth of a second, once."""
    from lark import Lark

    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    builder: Any = _Builder()  # lark asks for its methods by name only
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=builder, maybe_placeholders=False)


class _Builder:
    """Makes the tree while it is parsed; every method gets the parts of the rule that bears its name."""

    def disjunction(self, parts: list[Node]) -> Node:
        return Joined(every=False, parts=tuple(parts))

    def conjunction(self, parts: list[Node]) -> Node:
        return Joined(every=True, parts=tuple(parts))

    def negation(self, parts: list[Any]) -> Node:
        return Not(parts[-1])

    def comparison(self, parts: list[Any]) -> Node:
        field, *words, operand = parts
        return _comparison(field, words, operand)

    def absence(self, parts: list[Token]) -> Node:
        field, *words = parts
        return _comparison(field, words, None)

    def number(self, parts: list[Token]) -> Operand:
        return _operand(Form.NUMBER, parts[0])

    def text(self, parts: list[Token]) -> Operand:
        return _operand(Form.TEXT, parts[0])

    def word(self, parts: list[Token]) -> Operand:
        return _operand(Form.WORD, parts[0])

    def listing(self, parts: list[Any]) -> Operand:
        opening, *items, closing = parts
        return Operand(Form.LIST, "(…)", _start(opening), _end(closing), tuple(items))


def _comparison(field: Token, words: list[Token], operand: Operand | None) -> Node:
    comparator = " ".join(str(word).lower() for word in words)
    start, end = _start(words[0]), _end(words[-1])
    return Comparison(str(field), _start(field), _end(field), comparator, start, end, operand)


def _operand(form: Form, token: Token) -> Operand:
    return Operand(form, str(token), _start(token), _end(token))


def _start(token: Token) -> int:
    return token.start_pos or 0


def _end(token: Token) -> int:
    return token.end_pos or 0
