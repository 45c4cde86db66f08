"""Which runs there are: the store's facts and the targets' answers, put together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_dash.answers import run_index as indexing
from mlops_dash.answers import run_rows as rows
from mlops_dash.answers.run_names import METRIC, PARAM, TAG, resolve_columns, split_id
from mlops_dash.answers.run_shapes import (
    NEWEST_FIRST,
    RunColumns,
    RunIndex,
    RunRow,
    RunsAnswer,
    RunsRequest,
    RunWhole,
)
from mlops_dash.project.run_facts import facts_of

if TYPE_CHECKING:
    from mlops_dash.answers.filters import CompiledFilter
    from mlops_dash.project import Project

_ROWS_AT_ONCE = 10_000


def run_index(project: Project, request: RunsRequest) -> RunIndex:
    """Answer which runs match, in order."""
    facts = facts_of(project)
    filtered: CompiledFilter | None = None
    if request.filter.strip():
        from mlops_dash.answers.filters import compile_filter

        filtered = compile_filter(request.filter, facts)
    by_live = any(split_id(column)[0] == "live" for column, _ in request.sort)
    live_runs = facts.live_runs() if by_live else None
    return indexing.run_index(project.store, request, filtered, live_runs, facts.standing())


def run_columns(project: Project) -> RunColumns:
    """Answer which columns there are."""
    return facts_of(project).columns()


def run_rows(project: Project, run_ids: Sequence[str], columns: Sequence[str]) -> tuple[RunRow, ...]:
    """Answer what a table shows of some runs."""
    return rows.run_rows(project.store, run_ids, columns, facts_of(project).live_runs())


def run_whole(project: Project, run_id: str) -> RunWhole | None:
    """Answer all that is known of a run."""
    from mlops_dash.answers.run_whole import run_whole as whole

    return whole(project.store, project.config, run_id, facts_of(project).live_runs(), project.curves)


def runs_table(
    project: Project,
    filter_text: str,
    experiments: tuple[str, ...],
    sort: tuple[tuple[str, bool], ...],
    columns: tuple[str, ...],
    limit: int | None,
    deleted: bool,
) -> RunsAnswer:
    """Answer with a table of runs; sources that nobody has read in this process yet are read first."""
    if not project.has_read:
        project.refresh()
    now = datetime.now(UTC)
    facts = facts_of(project)
    known = [column.id for column in facts.columns().columns] if columns or sort else []
    chosen = resolve_columns(columns, known)
    order = tuple((resolve_columns([column], known)[0], descending) for column, descending in sort)
    request = RunsRequest(filter_text, experiments, order or NEWEST_FIRST, deleted)
    index = run_index(project, request)
    stop = len(index) if limit is None else min(len(index), limit)
    found: list[RunRow] = []
    for start in range(0, stop, _ROWS_AT_ONCE):
        ids = index.run_ids(start, min(stop, start + _ROWS_AT_ONCE))
        found += rows.run_rows(
            project.store, ids, chosen, facts.live_runs(), everything=not columns, joined=True
        )
    if not columns:
        chosen = _columns_in(found)
    return RunsAnswer(now, request, chosen, tuple(found), len(index), index.total)


def _columns_in(found: Sequence[RunRow]) -> tuple[str, ...]:
    """Return the columns that any row has: metrics, parameters, tags, each by name."""
    ids = {column for row in found for column in row.values}
    kinds = (METRIC, PARAM, TAG)
    return tuple(sorted(ids, key=lambda column: (kinds.index(split_id(column)[0]), column)))
