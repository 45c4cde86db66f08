"""What would a rebuild of the live model need, and what of it is known?"""

from __future__ import annotations

from collections.abc import Sequence

from mlops_dash.answers.shapes import CodeFacts, DataFacts, Rebuildable, RunFacts
from mlops_dash.domain.environments import CodeStatus

_AT_HAND = (CodeStatus.OK, CodeStatus.DIRTY, CodeStatus.UNREACHABLE)


def rebuildable(
    run: RunFacts | None, code: CodeFacts | None, data: Sequence[DataFacts], *, packages: bool
) -> Rebuildable:
    """Say what a rebuild of ``run`` would need, and what of it is known.

    Args:
        packages: a registered model version, which carries its requirements, is known.
    """
    in_git = code is not None and code.status in _AT_HAND
    dirty = code is not None and code.status is CodeStatus.DIRTY
    tree = "trained with uncommitted changes" if dirty else "no uncommitted change is recorded"
    checks = (
        ("run", run is not None, "recorded by MLflow" if run else "the live version names no run"),
        (
            "commit",
            in_git,
            code.commit[:7] if code and in_git else "no commit of this repository is recorded",
        ),
        ("clean tree", in_git and not dirty, tree if in_git else "no commit is recorded"),
        (
            "data",
            bool(data),
            f"{len(data)} recorded by digest" if data else "log the data set as a run input",
        ),
        ("parameters", run is not None, f"{len(run.params)} recorded" if run else "unknown"),
        (
            "command",
            run is not None and bool(run.source_name),
            (run.source_name if run else None) or "the run names no script",
        ),
        ("packages", packages, "with the logged model" if packages else "no registered model version"),
    )
    missing = tuple(name for name, holds, _ in checks if not holds)
    return Rebuildable(not missing, missing, checks)
