"""The questions about runs that a project answers: which there are, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from mlops_dash.answers.compare_shapes import CompareAnswer, CurvesAnswer
    from mlops_dash.answers.run_shapes import (
        RunColumns,
        RunIndex,
        RunRow,
        RunsAnswer,
        RunsRequest,
        RunWhole,
    )
    from mlops_dash.domain.progress import CancelToken
    from mlops_dash.project import Project


class RunQuestions:
    """Part of :class:`mlops_dash.project.Project`. Every method may block and is thread-safe."""

    def run_index(self, request: RunsRequest) -> RunIndex:
        """Answer which runs match, in order.

        Raises:
            FilterError: the filter cannot be understood; says where.
            UsageError: an experiment or a column to sort by is not known; names the nearest.
        """
        from mlops_dash.project.run_answers import run_index

        return run_index(cast("Project", self), request)

    def run_columns(self) -> RunColumns:
        """Answer which columns a table of runs can have, and which it has unless others were chosen."""
        from mlops_dash.project.run_answers import run_columns

        return run_columns(cast("Project", self))

    def run_rows(self, run_ids: Sequence[str], columns: Sequence[str]) -> tuple[RunRow, ...]:
        """Answer what a table shows of some runs, in the order of ``run_ids``; those that are gone are left
        out."""
        from mlops_dash.project.run_answers import run_rows

        return run_rows(cast("Project", self), run_ids, columns)

    def run_whole(self, run_id: str) -> RunWhole | None:
        """Answer all that is known of a run; ``None`` where it is gone."""
        from mlops_dash.project.run_answers import run_whole

        return run_whole(cast("Project", self), run_id)

    def runs(
        self,
        filter: str = "",  # noqa: A002 - the word that users of MLflow expect is filter_string
        *,
        experiments: Sequence[str] = (),
        sort: Sequence[tuple[str, bool]] = (),
        columns: Sequence[str] = (),
        limit: int | None = None,
        deleted: bool = False,
    ) -> RunsAnswer:
        """Answer with a table of runs.

        Args:
            filter: which runs, in MLflow's search syntax and more; empty for all.
            experiments: names or ids; empty for all.
            sort: (column id, descending); newest first by default.
            columns: ids of columns; empty for every metric, parameter and tag that any of them has.
            limit: rows at most.

        Raises:
            FilterError: the filter cannot be understood; says where.
            UsageError: an experiment or column is not known; names the nearest.
        """
        from mlops_dash.project.run_answers import runs_table

        return runs_table(
            cast("Project", self), filter, tuple(experiments), tuple(sort), tuple(columns), limit, deleted
        )

    def compare(self, *refs: str, baseline: int = 0, within: float | None = None) -> CompareAnswer:
        """Set runs, versions or environments side by side.

        Args:
            refs: 2 to 100 references.
            baseline: place of the one that the others are compared with.
            within: seconds after which Git and artifacts are not waited for: what they tell is left out then,
                and the answer says that it is still being read. ``None`` waits some seconds more.

        Raises:
            UsageError: fewer or more references, an unknown or ambiguous one, or one without a run's facts.
        """
        from mlops_dash.project.comparing import compare

        return compare(cast("Project", self), refs, baseline, within)

    def curves(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        *,
        points: int = 400,
        cancel: CancelToken | None = None,
    ) -> CurvesAnswer:
        """Answer the histories of metrics, each thinned to about ``points`` points.

        Raises:
            Cancelled: ``cancel`` was set.
        """
        from mlops_dash.project.histories import curves

        return curves(cast("Project", self), run_ids, keys, points, cancel)
