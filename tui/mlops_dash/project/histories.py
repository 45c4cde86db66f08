"""Histories of metrics, read when they are asked for and thinned in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_dash.answers.compare_shapes import CurvesAnswer

if TYPE_CHECKING:
    from mlops_dash.project import Project


def curves(project: Project, run_ids: Sequence[str], keys: Sequence[str], points: int) -> CurvesAnswer:
    """Answer the histories of metrics."""
    raise NotImplementedError
