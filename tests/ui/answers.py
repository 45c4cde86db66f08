"""Answers made by hand and a board that gives them: what the rendering tests draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

from mlops_dash.answers.shapes import (
    Attention,
    CodeFacts,
    DataFacts,
    EnvironmentRow,
    LiveAnswer,
    ReadinessCheck,
    Rebuildable,
    RunFacts,
    TraceAnswer,
    TraceEdge,
    TraceNode,
)
from mlops_dash.answers.versions import VersionRow, VersionsAnswer
from mlops_dash.config import Config, UiConfig
from mlops_dash.domain.environments import Basis, CodeStatus, Declared, Health, Observation
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.progress import CancelToken, Progress, ProgressCallback
from mlops_dash.domain.rebuilds import Level
from mlops_dash.errors import UsageError
from replacing import replace
from ui.compared import HandComparisons
from ui.hand_actions import HandActions
from ui.hand_history import HandHistory
from ui.hand_runs import HandRuns

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def before(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def source(name: str = "tracking", counts: str = "43 runs", **changes: Any) -> SourceStatus:
    made = SourceStatus(name, "mlflow-sqlite", Freshness.OK, before(seconds=2), before(seconds=2), counts)
    return replace(made, **changes)


SOURCES = (
    source(),
    source("git", "14 commits"),
    source("data", "3 versions"),
    source("targets", "3 of 3", as_of=before(seconds=9)),
)


def run(run_id: str = "5c8a7e2101f34b6c9d", name: str = "fit-17", **changes: Any) -> RunFacts:
    made = RunFacts(
        run_id=run_id,
        name=name,
        experiment="diabetes progression",
        user="dev1",
        started_at=before(days=20),
        ended_at=before(days=20),
        metrics={"rmse": 53.914, "mae": 43.21, "r2": 0.4821},
        params={"model": "ridge", "alpha": "0.1", "features": "bmi,bp,s5", "seed": "7"},
    )
    return replace(made, **changes)


CHECKS = (
    ReadinessCheck("commit", Level.HOLDS, "a1b2c3d"),
    ReadinessCheck("tree", Level.HOLDS, "it was clean"),
    ReadinessCheck("data", Level.WEAK, "1 known by MLflow's digest", "track the file with DVC"),
    ReadinessCheck("packages", Level.MISSING, "nobody recorded them", "install mlops-dash"),
)


def row(environment: str = "production", live: str | None = "4", **changes: Any) -> EnvironmentRow:
    made = EnvironmentRow(
        environment=environment,
        model="progression",
        target="process",
        protected=environment == "production",
        declared=Declared(live or "4", "alias", environment),
        observed=Observation(
            environment,
            "progression",
            "process",
            before(seconds=9),
            answered=True,
            health=Health.HEALTHY,
            version=live,
            run_id="5c8a7e2101f34b6c9d",
            latency_ms=12.3,
            address="http://127.0.0.1:5123",
        ),
        live=live,
        basis=Basis.OBSERVED,
        drift=False,
        health=Health.HEALTHY,
        since=before(days=3),
        by="dev1",
        run=run(),
        code=CodeFacts(
            "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678",
            CodeStatus.OK,
            "Scale features before the fit",
            "Ann Lee",
            before(days=20),
            behind=4,
            ahead=0,
            main="main",
            branches=("main",),
        ),
        data=(
            DataFacts(
                "diabetes.csv", "8d1e92f17c", "data/diabetes.csv", "dvc", 1, "77aa01bc", before(days=2)
            ),
        ),
        rebuildable=Rebuildable(False, ("packages not pinned",), CHECKS),
        attention=(),
        primary_metric="rmse",
        better="min",
    )
    return replace(made, **changes)


def attention(code: str, message: str, environment: str) -> Attention:
    return Attention(code, message, None, environment, "progression")


def board_rows() -> tuple[EnvironmentRow, ...]:
    production = row(
        attention=(
            attention("behind", "production runs code 4 commits behind main", "production"),
            attention("newer-data", "1 newer version of diabetes.csv than it was trained on", "production"),
            attention("better-version", "v6 in staging beats production's v4: rmse −2.1 %", "production"),
        ),
    )  # fmt: skip
    newest = (DataFacts("diabetes.csv", "77aa01bc99", "data/diabetes.csv", "dvc", 0),)
    staging = row(
        "staging",
        "6",
        since=before(hours=2),
        by="ci",
        run=run("9e11aa7701", "fit-31", metrics={"rmse": 52.8012, "mae": 42.0, "r2": 0.4999}),
        code=CodeFacts("9f3e210aa1b2c3d4e5f60718293a4b5c6d7e8f90", CodeStatus.OK, "Tune trees", "Bo Chen",
                       before(days=1), 0, 0, "main", ("main",)),
        data=newest,
        rebuildable=Rebuildable(True, (), CHECKS[:2]),
    )  # fmt: skip
    canary = row(
        "canary",
        "5",
        declared=Declared("6", "alias", "canary"),
        drift=True,
        since=before(hours=5),
        by=None,
        health=Health.DEGRADED,
        code=CodeFacts("77c0ffee00b2c3d4e5f60718293a4b5c6d7e8f90", CodeStatus.DIRTY, "Try boost", "Cy Diaz",
                       before(days=6), 2, 1, "main", ("boosting",)),
        data=newest,
        run=run("0d0d0d0d01", "fit-28", metrics={"rmse": 53.1, "mae": 42.4, "r2": 0.49}),
        attention=(
            attention("drift", "canary serves v5, alias canary says v6", "canary"),
            attention("unhealthy", "canary is degraded: 3 of 10 health requests took over 1 s", "canary"),
            attention("not-rebuildable", "canary's run can't be rebuilt: its tree was dirty", "canary"),
        ),
    )  # fmt: skip
    return production, staging, canary


def live(rows: Sequence[EnvironmentRow] | None = None, **changes: Any) -> LiveAnswer:
    made = LiveAnswer(NOW, SOURCES, tuple(board_rows() if rows is None else rows), "diabetes")
    return replace(made, **changes)


def lineage(ref: str = "models:/progression/4") -> TraceAnswer:
    nodes = (
        TraceNode("env:production/progression", "environment", "production",
                  {"model": "progression", "live": "4", "health": "healthy", "address": "http://127.0.0.1:5123"}),
        TraceNode("env:canary/progression", "environment", "canary", {"model": "progression", "live": "5"}),
        TraceNode("models:/progression/4", "version", "progression v4",
                  {"name": "progression", "version": "4", "stage": "None", "created": before(days=19)}),
        TraceNode("run:5c8a7e2101f34b6c9d", "run", "fit-17",
                  {"run_id": "5c8a7e2101f34b6c9d", "experiment": "diabetes progression", "user": "dev1",
                   "metrics": {"rmse": 53.914, "mae": 43.21}, "params": {"alpha": "0.1"}}),
        TraceNode("commit:a1b2c3d4e5f60718293a4b5c6d7e8f9012345678", "commit", "a1b2c3d Scale features",
                  {"commit": "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678", "subject": "Scale features",
                   "author": "Ann Lee", "behind": 4}),
        TraceNode("data:8d1e92f17c", "dataset", "diabetes.csv 8d1e92f1",
                  {"name": "diabetes.csv", "digest": "8d1e92f17c", "source": "data/diabetes.csv"}),
    )  # fmt: skip
    edges = (
        TraceEdge("env:production/progression", "models:/progression/4", "serves"),
        TraceEdge("env:canary/progression", "models:/progression/4", "declares"),
        TraceEdge("models:/progression/4", "run:5c8a7e2101f34b6c9d", "produced-by"),
        TraceEdge(
            "run:5c8a7e2101f34b6c9d", "commit:a1b2c3d4e5f60718293a4b5c6d7e8f9012345678", "trained-from"
        ),
        TraceEdge("run:5c8a7e2101f34b6c9d", "data:8d1e92f17c", "used"),
    )
    focus = {"production": "env:production/progression"}.get(ref, ref)
    return TraceAnswer(NOW, ref, focus, nodes, edges, (("production", "progression"),))


def of_versions(model: str, environment: str | None) -> VersionsAnswer:
    def made(version: str, value: float, **changes: Any) -> VersionRow:
        base = VersionRow(
            version, f"{version}c8a7e21", f"fit-{version}", before(days=20 - int(version)), value, None,
            f"{version}1b2c3d4e5f60718293a4b5c6d7e8f9012345678", "diabetes.csv", f"{version}d1e92f17c", None,
            (), (), base=False,
        )  # fmt: skip
        return replace(base, **changes)

    rows = (
        made("6", 52.8, change=-0.0207, live_in=("staging",), declared_in=("canary",)),
        made("5", 53.1, change=-0.0151, live_in=("canary",)),
        made("4", 53.914, change=0.0, live_in=("production",), base=True),
        *(made(str(n), 55.0 + n, change=0.0201, note="Archived") for n in (3, 2, 1)),
    )
    return VersionsAnswer(NOW, model, environment, "rmse", "min", rows)


@dataclass(frozen=True)
class Done:
    changed: bool
    statuses: tuple[SourceStatus, ...]


class HandBoard(HandActions, HandHistory, HandComparisons, HandRuns):
    """A board whose answers are set by the test. ``gate`` holds refreshes back until it is set."""

    def __init__(self, answer: LiveAnswer | None = None, config: Config | None = None) -> None:
        super().__init__()
        self.name = "diabetes"
        self.identity = "0123456789abcdef"
        self.config = config or Config(ui=UiConfig(refresh=3600.0))  # a slow test is not refreshed meanwhile
        self.answer = answer or live()
        self.statuses = self.answer.sources
        self.changed = False
        self.steps: list[Progress] = []
        self.gate = Event()
        self.gate.set()
        self.traced: list[str] = []
        self.compared: list[tuple[str, str | None]] = []
        self.refreshed = self.observed = 0
        self.reread_runs: list[str] = []
        self.changed_configuration = False
        self.closed = False

    def reconfigured(self) -> bool:
        return self.changed_configuration

    def live(self) -> LiveAnswer:
        return self.answer

    def trace(self, ref: str) -> TraceAnswer:
        self.traced.append(ref)
        answer = lineage(ref)
        if all(node.id != answer.focus for node in answer.nodes):
            raise UsageError(f"there is no {ref!r} here", "did you mean production?")
        return answer

    def versions(self, model: str, environment: str | None = None) -> VersionsAnswer:
        self.compared.append((model, environment))
        return of_versions(model, environment)

    def refresh(
        self,
        *,
        thorough: bool = False,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        landed: Callable[[], None] | None = None,
    ) -> Done:
        for step in self.steps:
            if progress is not None:
                progress(step)
        while not self.gate.wait(0.05):
            if cancel is not None:
                cancel.check()
        self.refreshed += 1
        return Done(self.changed, self.statuses)

    def reread(self, run_ids: Iterable[str], cancel: CancelToken | None = None) -> None:
        self.reread_runs.extend(run_ids)

    def observe(self) -> tuple[Observation, ...]:
        self.observed += 1
        return ()

    def publish(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
