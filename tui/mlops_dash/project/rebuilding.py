"""Plans rebuilds of a project's runs, and looks at what must hold for them."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_dash.domain.plans import ActionKind, Plan, Precondition, Tick
from mlops_dash.domain.rebuilds import DataNeed, Limits, Tolerance
from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError, SourceError
from mlops_dash.project.rights import hindrance

if TYPE_CHECKING:
    from mlops_dash.config import RebuildConfig, ToleranceConfig
    from mlops_dash.project import Project
    from mlops_dash.project.recipes import Found

_GIGA = 1_000_000_000
_LINE = 200  # bytes that are read for each line of a command's output that is asked for
_ROOM = 1 * _GIGA  # bytes that should be free


def plan_rebuild(project: Project, ref: str, *, repeats: int = 1, registers: bool = False) -> Plan:
    """Do :meth:`ActionQuestions.plan_rebuild`."""
    from mlops_dash.actions.rebuilding.environment import same_as_present
    from mlops_dash.actions.rebuilding.planning import Facts, Judging, make_rebuild
    from mlops_dash.project.planning import actor
    from mlops_dash.project.recipes import found, present_packages

    seen = found(project, ref)
    settings = project.config.rebuild
    recorded = seen.recorded
    asked = settings.environment == "recorded" and recorded is not None and bool(recorded.packages)
    present = asked and recorded is not None and same_as_present(recorded.packages, recorded.python)
    return make_rebuild(
        Facts(
            recipe=seen.recipe,
            version=seen.version,
            experiment=seen.experiment,
            dirty=seen.dirty,
            patch_sha256=seen.patch_sha256,
            fallback=present_packages(project),
            present=present,
            lacks=seen.lacks,
            seeds=seen.seeds,
            passed=tuple(settings.variables),
            limits=Limits(
                seconds=settings.hours * 3600,
                memory=round(settings.memory * _GIGA) or None,
                disk=round(settings.disk * _GIGA) or None,
            ),
            runner=_runner(settings),
            judging=Judging(
                _tolerance(settings.tolerance),
                {name: _tolerance(one) for name, one in settings.tolerances.items()},
                tuple(settings.ignore),
                project.config.metrics.primary,
            ),
            repeats=repeats,
            registers=registers,
            interpreter=settings.python,
            remote=_on_remote(project, seen),
            actor=actor(),
            host=visible(socket.gethostname(), 80),
            made_at=datetime.now(UTC),
            token=secrets.token_hex(4),
        )
    )


def _runner(settings: RebuildConfig) -> dict[str, Any]:
    """Return where the command runs, as a plan says it."""
    if settings.runner == "slurm":
        return {"kind": "slurm", "options": settings.options}
    if settings.runner == "ray":
        from mlops_dash.runners.ray import DEFAULT_ADDRESS

        address = settings.address or os.environ.get("RAY_API_SERVER_ADDRESS") or DEFAULT_ADDRESS
        return {"kind": "ray", "address": address, "resources": settings.resources}
    return {"kind": "local", "jobs": settings.jobs}


def _tolerance(settings: ToleranceConfig) -> Tolerance:
    return Tolerance(settings.absolute, settings.relative)


def _on_remote(project: Project, seen: Found) -> bool | None:
    commit = seen.recipe.commit
    for row in project.store.records("commit_positions"):
        if row["commit_hash"] == commit:
            return bool(row["on_remote"]) if row["on_remote"] is not None else None
    return None


def check_rebuild(project: Project, plan: Plan) -> Iterator[Precondition]:
    """Look at what must hold for a rebuild; what the run recorded was looked at when it was planned."""
    looks = {
        "rights": _rights,
        "journal": _journal,
        "alone": _alone,
        "commit": _commit,
        "data": _data,
        "runner": _place,
    }
    for condition in plan.preconditions:
        look = looks.get(condition.id)
        try:
            yield look(project, plan, condition) if look is not None else condition
        except DashError as error:
            yield replace(condition, tick=Tick.FAILS, detail=error.message, remedy=error.remedy)


def _rights(project: Project, plan: Plan, one: Precondition) -> Precondition:
    found = hindrance(project, {"alias"})  # a rebuild writes runs and tags: what an alias needs, it needs
    if found is not None:
        raise found
    return replace(one, tick=Tick.HOLDS)


def _journal(project: Project, plan: Plan, one: Precondition) -> Precondition:
    from mlops_dash.project.acting import context_of, journal_of

    journal_of(project).check_writable()
    folder = context_of(project).rebuilds
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        raise RefusedError(
            f"only {free / _GIGA:.1f} GB are free where rebuilds are made: {folder}", "make room"
        )
    return replace(one, tick=Tick.HOLDS, detail=f"{free / _GIGA:.0f} GB are free")


def _alone(project: Project, plan: Plan, one: Precondition) -> Precondition:
    from mlops_dash.project.acting import journal_of

    journal = journal_of(project)
    who = journal.at_work(plan)
    if who is not None:
        raise RefusedError(f"{who} is at work on it", "wait until it is done: mlops-dash jobs")
    left = [a for a in journal.unfinished(plan.place) if a.plan.id != plan.id]
    if left:
        raise RefusedError(
            f"the rebuild {left[0].plan.id} was interrupted", "mlops-dash jobs goes on with it"
        )
    return replace(one, tick=Tick.HOLDS)


def _commit(project: Project, plan: Plan, one: Precondition) -> Precondition:
    from mlops_dash.actions.git_writing import GitWriter
    from mlops_dash.actions.rebuilding.worktree import check_content

    git = project.git
    if git is None:
        raise RefusedError("there is no Git repository here", "name it with --repo")
    if isinstance(git, SourceError):
        raise git
    assert project.located.repository is not None
    check_content(GitWriter(project.located.repository), str(plan.after.commit))
    return replace(one, tick=Tick.HOLDS)


def _data(project: Project, plan: Plan, one: Precondition) -> Precondition:
    from mlops_dash.actions.git_writing import GitWriter
    from mlops_dash.actions.rebuilding.dvc_places import Stores
    from mlops_dash.actions.rebuilding.restoring import fetched, missing, names_of, sources_gone
    from mlops_dash.actions.rebuilding.worktree import paths_of

    repository = project.located.repository
    if repository is None:
        raise RefusedError("there is no Git repository here", "name it with --repo")
    given = next(step.arguments["needs"] for step in plan.steps if step.kind == "data")
    needs = [DataNeed(**need) for need in given]
    committed = paths_of(GitWriter(repository), str(plan.after.commit))
    stores = Stores.of(repository)
    for need, why, remedy in missing(needs, stores, committed):
        raise RefusedError(f"{visible(need.path or need.name, 100)}: {why}", remedy)
    known = [need for need in needs if need.kind != "mlflow"]
    for need in sources_gone(needs):
        detail = f"{visible(str(need.source), 100)}, where {visible(need.name, 60)} was read from, is gone"
        return replace(one, tick=Tick.FAILS, detail=detail, remedy="bring it back", blocking=False)
    if not known:
        detail = "none is known by content: the command brings its own"
        return replace(one, tick=Tick.UNKNOWN, detail=detail, blocking=False)
    away = fetched(needs, stores)
    if away:
        remote = visible(str(stores.remote), 60)
        detail = f"not here, DVC fetches it from its remote {remote}: {names_of(away)}"
        return replace(one, tick=Tick.UNKNOWN, detail=detail, blocking=False)
    return replace(
        one, tick=Tick.HOLDS, detail=f"{len(known)} known by {'its' if len(known) == 1 else 'their'} hash"
    )


def _place(project: Project, plan: Plan, one: Precondition) -> Precondition:
    given = next(step.arguments["runner"] for step in plan.steps if step.kind == "train")
    return replace(one, tick=Tick.HOLDS, detail=_asked(project, given))


def look_at_runner(project: Project) -> str:
    """Ask what rebuilds are to run on, as it is configured; return what it says of itself.

    Raises:
        DashError: it takes no commands; says why and what to do.
    """
    return _asked(project, _runner(project.config.rebuild))


def _asked(project: Project, settings: dict[str, Any]) -> str:
    from mlops_dash.actions.rebuilding.training import runner_of
    from mlops_dash.project.acting import context_of

    return runner_of(settings, context_of(project).rebuilds).check()


def cancel(project: Project, action_id: str) -> None:
    """Do :meth:`ActionQuestions.cancel`."""
    from mlops_dash.project.acting import context_of
    from mlops_dash.project.wanted import find_action

    action = find_action(action_id, project.actions())
    if action.plan.kind is not ActionKind.REBUILD:
        raise RefusedError(
            f"a {action.plan.kind.value} is not stopped half-way: it ends within seconds", "undo it then"
        )
    if action.outcome is not None:
        raise RefusedError(f"the rebuild {action.plan.id} has ended already")
    folder = context_of(project).rebuilds / action.plan.id
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "cancel").touch(mode=0o600)


def output(project: Project, action_id: str, most: int) -> tuple[str, ...]:
    """Do :meth:`ActionQuestions.output`."""
    from mlops_dash.project.acting import context_of

    folder = context_of(project).rebuilds / action_id
    logs = sorted(folder.glob("run*/output.log"), key=lambda log: (len(log.parent.name), log.parent.name))
    lines: list[str] = []
    for log in logs:
        with suppress(OSError):
            state = log.stat()
            lines += _printed(log, state.st_mtime_ns, state.st_size, most)
    return tuple(lines[-most:])


@lru_cache(maxsize=16)
def _printed(log: Path, _written: int, _size: int, most: int) -> tuple[str, ...]:
    """Return the last lines of a log, once for each state of it: looking for secrets takes time."""
    with open(log, "rb") as file:
        begin = max(0, file.seek(0, os.SEEK_END) - most * _LINE)
        file.seek(begin)
        read = file.read(most * _LINE)
    if begin:  # within a line: a secret would not be known by its second half
        read = read.partition(b"\n")[2] or read
    text = scrub(read.decode("utf-8", "replace"))
    # of what a progress bar has overwritten, what a terminal would show
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return tuple(line for line in lines if line.strip())[-most:]
