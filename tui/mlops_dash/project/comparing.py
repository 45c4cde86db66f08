"""What tells runs, versions and environments apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_dash.answers.compare_shapes import CompareAnswer

if TYPE_CHECKING:
    from mlops_dash.project import Project


def compare(project: Project, refs: Sequence[str], baseline: int) -> CompareAnswer:
    """Set references side by side."""
    raise NotImplementedError
