"""What tells runs, versions and environments apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_dash.answers.compare_shapes import CompareAnswer
from mlops_dash.errors import UsageError

if TYPE_CHECKING:
    from mlops_dash.project import Project


def compare(project: Project, refs: Sequence[str], baseline: int) -> CompareAnswer:
    """Set references side by side."""
    from mlops_dash.answers.compare import answer, compared

    if not 0 <= baseline < len(refs):
        raise UsageError(
            f"there is no item {baseline} to compare with",
            f"the baseline is a place from 0 to {len(refs) - 1}",
        )
    known = compared(project.store, project.config, refs, project._enrich)
    models = [place if isinstance(place, str) else "it was not looked for" for place in known.models]
    return answer(
        project.store, project.config, known, baseline, code=(), models=models, now=datetime.now(UTC)
    )
