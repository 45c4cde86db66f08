"""What changed in a project, what was live when, and what an environment could go back to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_dash.answers.history import Evidenced, HistoryAnswer, evidenced
from mlops_dash.answers.history import history as history_answer
from mlops_dash.domain.plans import Action

if TYPE_CHECKING:
    from mlops_dash.answers.serving import Serving
    from mlops_dash.domain.changes import Candidate
    from mlops_dash.project import Project


def history(
    project: Project,
    environment: str | None = None,
    model: str | None = None,
    *,
    at: datetime | None = None,
) -> HistoryAnswer:
    """Answer what changed; with ``at`` (local time where it has no zone) also what was live then.

    Raises:
        UsageError: there is no such environment or model, or ``at`` is still to come.
    """
    evidence = _evidence(project)
    problem = project.seeing.sightings.problem
    unseen = f"changes that nobody records are not noticed: {problem}" if problem else None
    return history_answer(
        evidence,
        project.statuses(),
        now=datetime.now(UTC),
        environment=environment,
        model=model,
        at=at.astimezone(UTC) if at is not None else None,
        unseen=unseen,
    )


def candidates(
    project: Project,
    environment: str,
    model: str | None = None,
    servings: Sequence[Serving] | None = None,
) -> tuple[Candidate, ...]:
    """Answer which versions an environment could go back to, the proposed one marked.

    Args:
        servings: what is live everywhere, where that was asked already.

    Raises:
        UsageError: there is no such environment, or it has several models and none was named.
    """
    from mlops_dash.answers.candidates import candidates as answer

    return answer(project.store, project.config, _evidence(project, servings), environment, model)


def _evidence(project: Project, servings: Sequence[Serving] | None = None) -> Evidenced:
    sightings, statuses = project.seeing.sightings.known(), project.statuses()
    return evidenced(project.store, project.config, sightings, _actions(project), statuses, servings)


def _actions(project: Project) -> Sequence[Action]:
    """The actions of this machine; where their journals can't be read, what the team's store has of them."""
    try:
        return project.actions()
    except OSError:
        return ()
