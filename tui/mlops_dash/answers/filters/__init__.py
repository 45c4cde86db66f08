"""The filter language of the Runs screen: MLflow's search syntax, and ours beside it.

What MLflow's ``search_runs`` takes finds the same runs here. Beyond it there are:

- ``or``, ``not`` and parentheses; ``not`` finds all that the part after it does not, also runs that lack the
  field, while ``!=``, ``not in`` and ``not like`` want it to be there;
- numbers: ``params.alpha < 0.5`` compares as numbers what is one; in quotes they are text, as in MLflow;
- ``in``, ``not in``, ``not like``, ``not ilike`` for every text, ``is null`` and ``is not null`` for every
  field but branches;
- times in quotes, ``start_time >= '2026-01-31'`` (UTC without an offset); ``=`` with a date means that day;
- ``code.commit`` (``=`` takes the beginning of a hash), ``code.author``, ``code.branch``, ``code.subject``,
  ``data.digest``, ``data.name``, ``version.name``, ``version.number``, ``live.environment``.

Other than MLflow, conditions must be joined by ``and``, and a parameter, tag or metric called ``created`` or
``run name`` is that one: MLflow looks for ``start_time`` or ``run_name`` in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["CompiledFilter", "FilterFacts", "check_filter", "compile_filter", "prepare_filters"]


class FilterFacts(Protocol):
    """What a filter asks that the store does not hold; asked only by filters that need it."""

    def live_runs(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of the runs that are live, by environment."""
        ...

    def commits_on(self, branch: str) -> Sequence[str]:
        """Return the hashes of all commits of a branch.

        Raises:
            UsageError: the branch is not known.
        """
        ...


@dataclass(frozen=True, slots=True)
class CompiledFilter:
    """A filter as a condition on the table ``run as r``; what was typed is in the parameters alone."""

    where: str
    parameters: dict[str, object]


def compile_filter(text: str, facts: FilterFacts) -> CompiledFilter:
    """Compile a filter. An empty one lets every run through.

    Raises:
        FilterError: the filter is off; names the thing, the place and the remedy.
    """
    from mlops_dash.answers.filters.checking import check
    from mlops_dash.answers.filters.compiling import Compiler
    from mlops_dash.answers.filters.parsing import parse

    node = parse(text)
    if node is None:
        return CompiledFilter("true", {})
    check(node)
    compiler = Compiler(facts)
    return CompiledFilter(compiler.expression(node), compiler.parameters)


def check_filter(text: str) -> None:
    """Check a filter without asking anything: branches and environments are not looked for.

    Takes a fraction of a millisecond after :func:`prepare_filters`.

    Raises:
        FilterError: the filter is off; names the thing, the place and the remedy.
    """
    from mlops_dash.answers.filters.checking import check
    from mlops_dash.answers.filters.parsing import parse

    node = parse(text)
    if node is not None:
        check(node)


def prepare_filters() -> None:
    """Make the parser, which takes a tenth of a second once: for a thread that may wait."""
    from mlops_dash.answers.filters.parsing import parser

    parser()
