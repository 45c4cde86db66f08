"""What a filter says, before it is known what it is about: conditions joined by and, or, not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Form(Enum):
    """How a value is written."""

    NUMBER = "number"
    TEXT = "text"
    WORD = "word"
    """Neither a number nor in quotes."""
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Operand:
    """A value as it was written, quotes included, with its place in the filter in code points."""

    form: Form
    written: str
    start: int
    end: int
    items: tuple[Operand, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition. The comparator is in lower case with single blanks; those of absence have no operand."""

    field: str
    start: int
    end: int
    comparator: str
    comparator_start: int
    comparator_end: int
    operand: Operand | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of what it holds."""

    part: Node


@dataclass(frozen=True, slots=True)
class Joined:
    """Several that must all hold, or of which any must."""

    every: bool
    parts: tuple[Node, ...]


Node = Comparison | Not | Joined
