"""Which runs there are: the store's facts and the targets' answers, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_dash.answers.run_shapes import RunColumns, RunIndex, RunRow, RunsAnswer, RunsRequest, RunWhole

if TYPE_CHECKING:
    from mlops_dash.project import Project


def run_index(project: Project, request: RunsRequest) -> RunIndex:
    """Answer which runs match, in order."""
    raise NotImplementedError


def run_columns(project: Project) -> RunColumns:
    """Answer which columns there are."""
    raise NotImplementedError


def run_rows(project: Project, run_ids: Sequence[str], columns: Sequence[str]) -> tuple[RunRow, ...]:
    """Answer what a table shows of some runs."""
    raise NotImplementedError


def run_whole(project: Project, run_id: str) -> RunWhole | None:
    """Answer all that is known of a run."""
    raise NotImplementedError


def runs_table(
    project: Project,
    filter_text: str,
    experiments: tuple[str, ...],
    sort: tuple[tuple[str, bool], ...],
    columns: tuple[str, ...],
    limit: int | None,
    deleted: bool,
) -> RunsAnswer:
    """Answer with a table of runs."""
    raise NotImplementedError
