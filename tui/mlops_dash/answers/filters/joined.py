"""What filters ask beyond the store: the commits of a branch, and what is live where."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from mlops_dash.domain.text import visible
from mlops_dash.errors import FilterError, UsageError

if TYPE_CHECKING:
    from mlops_dash.answers.filters import FilterFacts
    from mlops_dash.answers.filters.conditions import Condition


def commits_of(condition: Condition, facts: FilterFacts) -> list[str]:
    """Return the hashes of all commits of the branches that a condition names.

    Raises:
        FilterError: one is not known.
    """
    return list(
        dict.fromkeys(
            commit for branch in _names(condition) for commit in _commits_on(branch, condition, facts)
        )
    )


def _commits_on(branch: str, condition: Condition, facts: FilterFacts) -> list[str]:
    try:
        return list(facts.commits_on(branch))
    except UsageError as error:
        raise _off(condition, error.message, error.remedy) from None


def live_in(condition: Condition, facts: FilterFacts) -> tuple[list[str], list[str]]:
    """Return what is live: environments, and a run that is live there for each.

    Raises:
        FilterError: the condition names an environment that there is not.
    """
    live = facts.live_runs()
    if condition.comparator in ("=", "!=", "in", "not in"):
        for name in _names(condition):
            if name not in live:
                raise _unknown(name, list(live), condition)
    pairs = [(environment, run_id) for environment, run_ids in live.items() for run_id in run_ids]
    return [environment for environment, _ in pairs], [run_id for _, run_id in pairs]


def _unknown(name: str, known: list[str], condition: Condition) -> FilterError:
    shown = visible(name, 80)
    if not known:
        return _off(condition, f"there is no environment {shown}: none is configured", None)
    close = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.4)
    names = ", ".join(visible(each, 40) for each in known[:8])
    remedy = f"the nearest is {visible(close[0], 80)}" if close else f"there are {names}"
    return _off(condition, f"there is no environment {shown}", remedy)


def _names(condition: Condition) -> tuple[str, ...]:
    value = condition.value
    return value if isinstance(value, tuple) else (str(value),)


def _off(condition: Condition, message: str, remedy: str | None) -> FilterError:
    operand = condition.written.operand
    assert operand is not None
    return FilterError(message, remedy, start=operand.start, end=operand.end)
