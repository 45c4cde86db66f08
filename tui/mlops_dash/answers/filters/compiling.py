"""From the tree of a filter to an expression of SQL. What was typed goes into parameters and nowhere else."""

from __future__ import annotations

import string
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_dash.answers.filters.conditions import ABSENCE, Condition, understand
from mlops_dash.answers.filters.fields import Nature
from mlops_dash.answers.filters.joined import commits_of, live_in
from mlops_dash.answers.filters.syntax import Comparison, Node, Not
from mlops_dash.answers.filters.values import Period
from mlops_dash.store.questions import fragments

if TYPE_CHECKING:
    from mlops_dash.answers.filters import FilterFacts

# as SQLite does it; other stores go on from there
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_LARGEST = sys.float_info.max
_SQL = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "like": "like", "ilike": "like"}
_SQL |= {"not like": "not like", "not ilike": "not like"}
_COLUMNS = {
    ("attribute", "run_id"): "r.run_id", ("attribute", "run_name"): "r.name",
    ("attribute", "status"): "r.status", ("attribute", "user_id"): "r.user_id",
    ("attribute", "artifact_uri"): "r.artifact_uri",
    ("attribute", "start_time"): "r.start_time", ("attribute", "end_time"): "r.end_time",
    ("dataset", "name"): "d.name", ("dataset", "digest"): "d.digest", ("dataset", "context"): "t.value",
    ("code", "author"): "c.author", ("code", "subject"): "c.subject",
    ("data", "name"): "u.name", ("data", "digest"): "u.digest",
    ("version", "name"): "u.name", ("version", "number"): "u.version",
    ("live", "environment"): "u.environment",
}  # fmt: skip
_WHERE = {
    ("dataset", "context"): "dataset_context",
    ("code", "commit"): "code_commit", ("code", "branch"): "code_commit",
    ("code", "author"): "code_described", ("code", "subject"): "code_described",
}  # fmt: skip


@dataclass(slots=True)
class Compiler:
    """Puts an expression together; ``parameters`` are what it refers to."""

    facts: FilterFacts
    parameters: dict[str, object] = field(default_factory=dict)

    def expression(self, node: Node) -> str:
        """Return the expression of a tree, which must not be deep.

        Raises:
            FilterError: a condition makes no sense, or names a branch or an environment that there is not.
        """
        if isinstance(node, Comparison):
            return self._condition(understand(node))
        if isinstance(node, Not):
            return _part("opposite", test=self.expression(node.part))
        if not node.every:
            return f"({' or '.join(self.expression(part) for part in node.parts)})"
        found: list[str] = []
        sources: list[str] = []
        for part in node.parts:
            condition = understand(part) if isinstance(part, Comparison) else None
            if condition is not None and _is_logged(condition) and condition.comparator != "is null":
                sources.append(self._source(condition))
            else:
                found.append(self.expression(part))
        if len(sources) > 1:
            others = " and ".join(_part("also_among", source=source) for source in sources[1:])
            found.append(_part("among_several", source=sources[0], others=others))
        else:
            found += [_part("among", source=source) for source in sources]
        return f"({' and '.join(found)})"

    def _source(self, condition: Condition) -> str:
        """Return the question for the runs with such a metric, parameter or tag."""
        there = condition.comparator == "is not null"
        test = "true" if there else self._test(condition, "value")
        return _part(condition.field.entity, key=self._bind(condition.field.key), test=test)

    def _condition(self, condition: Condition) -> str:
        column = _COLUMNS.get((condition.field.entity, condition.field.key))
        if condition.comparator in ABSENCE:
            there = self._where(condition, "true" if column is None else _part("given", column=column))
            return there if condition.comparator == "is not null" else _part("opposite", test=there)
        return self._where(condition, self._test(condition, column or "value"))

    def _where(self, condition: Condition, test: str) -> str:
        entity, key = condition.field.entity, condition.field.key
        name = _WHERE.get((entity, key), entity)
        if _is_logged(condition):
            return _part("among", source=_part(name, key=self._bind(key), test=test))
        if entity == "live":
            environments, run_ids = live_in(condition, self.facts)
            return _part(name, environments=self._bind(environments), run_ids=self._bind(run_ids), test=test)
        return _part(name, test=test)

    def _test(self, condition: Condition, column: str) -> str:
        nature, comparator, value = condition.field.nature, condition.comparator, condition.value
        negative = comparator in ("!=", "not in")
        if isinstance(value, Period):
            name = "not_within" if negative else "within"
            return _part(name, column=column, first=self._bind(value.first), last=self._bind(value.last))
        if isinstance(value, int | float) and nature is not Nature.MOMENT:
            if nature is Nature.NUMBER and abs(value) >= _LARGEST:
                column = _part("bounded", column=column)
            return _part(
                _numeric(nature, comparator), column=column, op=_SQL[comparator], value=self._bind(value)
            )
        if nature is Nature.BRANCH:
            hashes = self._bind(commits_of(condition, self.facts))
            return _part("not_listed" if negative else "listed", column=column, value=hashes)
        if nature is Nature.COMMIT and comparator in ("=", "!=", "in", "not in"):
            name = "begins" if comparator in ("=", "!=") else "begins_in"
            begins = _part(name, column=column, value=self._bind(value))
            return _part("opposite", test=begins) if negative else begins
        if isinstance(value, tuple):
            return _part("not_listed" if negative else "listed", column=column, value=self._bind(value))
        if isinstance(value, str) and comparator.endswith("ilike"):
            bound = self._bind(value.translate(_LOWER))
            return _part("case_aside", column=column, op=_SQL[comparator], value=bound)
        return _part("compared", column=column, op=_SQL[comparator], value=self._bind(value))

    def _bind(self, value: object) -> str:
        name = f"f{len(self.parameters) + 1}"
        self.parameters[name] = list(value) if isinstance(value, tuple) else value
        return f"${name}"


def _is_logged(condition: Condition) -> bool:
    return condition.field.entity in ("metric", "param", "tag")


def _numeric(nature: Nature, comparator: str) -> str:
    kind = "metric" if nature is Nature.NUMBER else "number"
    if comparator == "!=":
        return f"{kind}_differs"
    return "number_above" if kind == "number" and comparator in (">", ">=") else f"{kind}_compared"


def _part(name: str, **words: str) -> str:
    return fragments("run_filter")[name].format(**words)
