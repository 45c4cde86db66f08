"""Small real projects that train with MLflow, and their rebuilds as a user does them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from git_projects import GitProject
from mlops_dash.cli.contract_actions import verdict_of
from mlops_dash.domain.plans import Action, EventKind
from mlops_dash.project import Project, open_project

WITHIN = 240.0  # seconds: generous
TRAIN = '''\
"""Fit a line through the points, by MLflow's book."""

import argparse
import random

import mlflow

parser = argparse.ArgumentParser()
parser.add_argument("--alpha", type=float, default=0.5)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--data", default="points.csv")
options = parser.parse_args()
random.seed(options.seed)
rows = [tuple(map(float, line.split(","))) for line in open(options.data)]
slope = sum(x * y for x, y in rows) / (sum(x * x for x, _ in rows) + options.alpha)
noise = random.random() / 100
with mlflow.start_run():
    mlflow.log_params(vars(options))
    mlflow.log_metric("rmse", (sum((y - slope * x) ** 2 for x, y in rows) / len(rows)) ** 0.5 + noise)
    mlflow.log_text(f"{slope!r}\\n", "slope.txt")
'''
POINTS = "".join(f"{x},{2 * x + x % 7 / 10}\n" for x in range(1, 200))


@dataclass(frozen=True)
class Rebuilt:
    """What became of a rebuild."""

    action: Action
    verdict: str | None
    words: str
    found: Mapping[str, Any]

    @property
    def journal(self) -> str:
        """All that was told on the way."""
        return "\n".join(f"{event.kind.value} {event.words}" for event in self.action.events)


class Making:
    """A project in a folder: a repository and a tracking store in a file.

    Attributes:
        state, cache: where mlops-dash keeps its things for this test.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.store = self.root / "mlflow.db"
        self.state, self.cache = folder / "state", folder / "cache"
        if self.root.exists():  # a copy of another
            self.git = GitProject.at(self.root)
            return
        self.git = GitProject(self.root)
        self.git.commit("Begin", {".gitignore": "mlflow.db*\nmlartifacts/\nmlruns/\n"})

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.store}"

    def train(self, *words: str, folder: str = ".", fails: bool = False, **variables: str) -> str:
        """Run a training as its author does, and return the id of its run."""
        before = set(self.runs())
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GIT_", "MLFLOW_", "MLOPS_"))
        }
        path = os.pathsep.join(
            (str(Path(sys.executable).parent), environment["PATH"])
        )  # as in an active venv
        environment |= {"PATH": path, "MLFLOW_TRACKING_URI": self.uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
        environment |= variables
        done = subprocess.run(
            words, cwd=self.root / folder, env=environment, capture_output=True, text=True, check=False
        )
        assert fails or done.returncode == 0, done.stderr
        (run_id,) = set(self.runs()) - before
        return run_id

    def python(self, *words: str, **settings: Any) -> str:
        return self.train(sys.executable, *words, **settings)

    def runs(self) -> list[str]:
        """The ids of all runs but the records of actions, oldest first."""
        if not self.store.exists():
            return []
        with closing(sqlite3.connect(self.store)) as connection:
            rows = connection.execute(
                "select run_uuid from runs join experiments using (experiment_id)"
                " where experiments.name <> 'mlops-dash' order by start_time"
            ).fetchall()
        return [run_id for (run_id,) in rows]

    def tags(self, run_id: str) -> dict[str, str]:
        with closing(sqlite3.connect(self.store)) as connection:
            return dict(connection.execute("select key, value from tags where run_uuid = ?", (run_id,)))

    def tag(self, run_id: str, **tags: str) -> None:
        """Change what the recorder noted, as nobody should."""
        with closing(sqlite3.connect(self.store)) as connection, connection:
            for name, value in tags.items():
                key = f"mlops-dash.{name.replace('__', '.')}"
                connection.execute("delete from tags where run_uuid = ? and key = ?", (run_id, key))
                connection.execute(
                    "insert into tags (key, value, run_uuid) values (?, ?, ?)", (key, value, run_id)
                )

    def opened(self) -> Project:
        project = open_project(self.root)
        project.refresh()
        return project

    def rebuild(self, ref: str, *, repeats: int = 1) -> Rebuilt:
        """Plan, check, confirm, and wait for the verdict."""
        with self.opened() as project:
            action_id = begin(project, ref, repeats=repeats)
            return awaited(project, action_id)

    def left(self) -> list[str]:
        """What is left of worktrees: nothing should be."""
        listed = self.git.git("worktree", "list", "--porcelain").count("worktree ")
        trees = [
            str(path) for path in self.state.glob("rebuilds/*/*") if path.name in ("tree", "home", "tmp")
        ]
        return trees + ["a worktree"] * (listed - 1)


def begin(project: Project, ref: str, **how: Any) -> str:
    plan = project.plan_rebuild(ref, **how)
    for condition in project.check(plan):
        assert not (condition.blocking and condition.tick == "fails"), condition
    agent = project.prepare(plan)
    try:
        return agent.go("tested")
    finally:
        agent.leave()


def awaited(project: Project, action_id: str) -> Rebuilt:
    for _ in range(int(WITHIN / 0.05)):
        action = project.action(action_id)
        if action is not None and action.outcome is not None and not action.running:
            found = verdict_of(action) or {}
            words = next(e.words for e in reversed(action.events) if e.kind is EventKind.OUTCOME)
            return Rebuilt(action, found.get("verdict"), words, found)
        Event().wait(0.05)
    raise AssertionError("it has no outcome")
