"""Carries out plans of a project in agents, and tells what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash import paths
from mlops_dash.actions.hands import Context
from mlops_dash.actions.journal import Journal, actions_folder
from mlops_dash.errors import DashError
from mlops_dash.project.agent import Agent, options_of, prepare
from mlops_dash.targets.process import servers_folder

if TYPE_CHECKING:
    from mlops_dash.domain.plans import Action, Plan
    from mlops_dash.project import Project
    from mlops_dash.targets.base import Observable


__all__ = ["action", "actions", "context_of", "journal_of", "prepare", "resume_unfinished", "send_audits"]

AUDITS_APART = 60.0
"""Seconds between two tries to send audit records."""


def journal_of(project: Project) -> Journal:
    """Return the journals of a project's actions on this machine."""
    return _journal(actions_folder(project.located.servers))


@lru_cache(maxsize=16)
def _journal(folder: Path) -> Journal:
    """The same one each time: it remembers what it has read."""
    return Journal(folder)


def context_of(project: Project) -> Context:
    """Return where the systems of a project are, for the hands that act on them."""
    located = project.located
    return Context(
        tracking_uri=located.tracking,
        repository=located.repository,
        servers=servers_folder(located.servers),
        root=Path(located.repository or located.folder),
        rebuilds=paths.state_dir() / "rebuilds",
        environments=paths.cache_dir() / "environments",
        read_only=project.read_only,
    )


def actions(project: Project) -> tuple[Action, ...]:
    """Return every action of the project that this machine knows of, newest first."""
    return journal_of(project).actions()


def action(project: Project, action_id: str) -> Action | None:
    """Return one action; ``None`` where this machine knows of none with this id."""
    return journal_of(project).action(action_id)


def resume_unfinished(project: Project) -> tuple[str, ...]:
    """Start an agent for what was left undone: actions that were interrupted, those whose outcome is
    unknown, and audit records that could not be sent. Returns at once.

    Returns:
        The ids of the actions that an agent was started for; empty where nothing is left undone.
    """
    journal = journal_of(project)
    left = (*journal.unfinished(), *journal.unsettled())
    return _started(project, [*(action.plan.id for action in left), *_unsent(project, journal)])


def send_audits(project: Project) -> tuple[str, ...]:
    """Start an agent for the audit records that the tracking store does not have yet. Returns at once.

    Returns:
        The ids of their actions; empty where there are none, or it was tried a moment ago.
    """
    return _started(project, _unsent(project, journal_of(project)))


def _started(project: Project, ids: Sequence[str]) -> tuple[str, ...]:
    if not ids or project.read_only:
        return ()
    try:
        Agent.resume(options_of(project), journal_of(project).folder)
    except DashError:
        return ()  # the next start tries again
    return tuple(dict.fromkeys(ids))


def _unsent(project: Project, journal: Journal) -> list[str]:
    """Return whose records are to be sent: a store that does not take them is not tried all the time."""
    if project.located.tracking is None or journal.was_tried_within(AUDITS_APART):
        return []
    return [action.plan.id for action in journal.unsent()]


def observable_at(project: Project, plan: Plan) -> Observable | None:
    """Return what is asked whether a plan's version serves; ``None`` where the configuration names nothing.

    Raises:
        ConfigError: the target's settings cannot be used.
    """
    from mlops_dash.targets.base import Place
    from mlops_dash.targets.observe import make_target

    settings = project.config.environments.get(plan.environment)
    if settings is None or settings.model != plan.model:
        return None
    alias = settings.alias or plan.environment
    place = Place(plan.environment, plan.model, alias, settings.protected, configured=True)
    return make_target(place, settings.target, servers_folder(project.located.servers))
