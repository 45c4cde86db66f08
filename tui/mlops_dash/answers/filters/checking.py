"""Checks a whole filter without asking anything."""

from __future__ import annotations

from mlops_dash.answers.filters.conditions import understand
from mlops_dash.answers.filters.syntax import Comparison, Node, Not
from mlops_dash.errors import FilterError

DEEPEST = 50
"""How deep conditions may be nested: DuckDB's own limit is far off, and nobody reads deeper ones."""
MOST = 50
"""How many conditions a filter may have: DuckDB plans a join for each."""


def check(node: Node) -> None:
    """Check every condition of a tree. Nesting cannot exhaust the stack.

    Raises:
        FilterError: a condition makes no sense, there are too many, or they are nested too deep.
    """
    waiting, count = [(node, 0)], 0
    while waiting:
        part, depth = waiting.pop()
        if depth > DEEPEST:
            _too_deep(part)
        if isinstance(part, Comparison):
            count += 1
            if count > MOST:
                raise FilterError(
                    f"the filter has more than {MOST} conditions",
                    "to compare a field with many values, write in ('a', 'b')",
                    start=part.start,
                    end=part.comparator_end,
                )
            understand(part)
        elif isinstance(part, Not):
            waiting.append((part.part, depth + 1))
        else:
            waiting.extend((each, depth + 1) for each in reversed(part.parts))


def _too_deep(node: Node) -> None:
    first = node
    while not isinstance(first, Comparison):
        first = first.part if isinstance(first, Not) else first.parts[0]
    raise FilterError(
        f"the filter is nested deeper than {DEEPEST} levels",
        "take the parentheses apart, or write it as several filters",
        start=first.start,
        end=first.end,
    )
