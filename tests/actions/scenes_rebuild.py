"""The world in which a process that rebuilds a run is killed: a real repository, store and training."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import mlflow.tracking.client  # noqa: F401 - imported once
import psutil
import sqlalchemy.orm
from mlflow.store.model_registry import sqlalchemy_store as _registry  # noqa: F401
from mlflow.store.tracking import sqlalchemy_store as _tracking  # noqa: F401

from actions.crashing import Scene
from actions.journalled import Says
from mlops_dash.actions.hands import Context, hand_of
from mlops_dash.actions.hands import rebuild as _hands  # noqa: F401
from mlops_dash.actions.journal import Journal
from mlops_dash.actions.plan_json import decoded, plan_of
from mlops_dash.actions.rebuilding import training, workplace, worktree
from mlops_dash.actions.rebuilding.workplace import Workplace
from mlops_dash.actions.schema_heads import installed_head
from mlops_dash.actions.verifying import Proof
from mlops_dash.runners import local
from mlops_dash.runners.base import MARK

sqlalchemy.orm.configure_mappers()  # what a process would do anew otherwise
installed_head()
training._EVERY = 0.01  # so that a kill takes little time


def scene(folder: Path) -> Scene:
    """The plan in ``folder/plan.json``, on the project beside it."""
    plan = plan_of(decoded((folder / "plan.json").read_bytes()))
    project = folder / "project"
    context = Context(
        f"sqlite:///{project}/mlflow.db",
        project,
        folder / "servers",
        project,
        rebuilds=folder / "rebuilds",
        environments=folder / "environments",
    )
    place = Workplace(context.rebuilds, plan.id)
    return Scene(
        plan=plan,
        journal=Journal(folder / "actions"),
        hands=lambda step: hand_of(step, context),
        verifier=Says(Proof("served")),
        truth=lambda: reproduced(project / "mlflow.db", plan.id),
        effects=lambda: left(project, place),
        most={"worktrees": 0, "processes": 0, "folders": 0},
        calls=[
            (worktree, "sweep"),
            (Workplace, "mark"),
            (workplace, "remove"),
            (local.LocalRunner, "start"),
        ],
    )


def rebuilt(store: Path, action: str) -> list[tuple[str, str | None]]:
    """Status and verdict of the runs that an action's command logged."""
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(
            "select r.status, v.value from runs r join tags t on t.run_uuid = r.run_uuid"
            " left join tags v on v.run_uuid = r.run_uuid and v.key = 'mlops-dash.rebuild.verdict'"
            " where t.key = 'mlops-dash.rebuild.action' and t.value = ?",
            (action,),
        ).fetchall()


def reproduced(store: Path, action: str) -> str | None:
    """An empty version, which is what the plan wants, where the run was really made again."""
    return "" if rebuilt(store, action) == [("FINISHED", "identical")] else None


def left(project: Path, place: Workplace) -> Mapping[str, int]:
    """What there is of a rebuild once it has ended."""
    worktrees = project / ".git" / "worktrees"
    alive = 0
    for process in psutil.process_iter():
        try:
            alive += process.environ().get(MARK, "").startswith(place.id)
        except psutil.Error:
            continue
    return {
        "rebuilt runs": len(rebuilt(project / "mlflow.db", place.id)),
        "worktrees": len(os.listdir(worktrees)) if worktrees.exists() else 0,
        "folders": sum(path.exists() for path in (place.tree, place.home, place.scratch)),
        "processes": alive,
    }
