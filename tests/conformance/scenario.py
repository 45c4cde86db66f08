"""Fills a tracking store through MLflow's client with everything that a store can hold."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

STATUSES = ("FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED")
HOSTILE = (
    "\x1b]8;;http://example.com\x07link\x1b]8;;\x07",
    "[b]bold[/b] [@click=app.quit]",
    "right \u202e to left",
    "🦊 zero\u200bwidth é e\u0301",
    "line one\nline two\r\ttab",
    "'; drop table runs; --",
    "a\\b\\\\c \\N \\x00 %s {} $1",
)
LONG = "x" * 5000


@dataclass
class Scene:
    """A filled store, and the client that filled it.

    Attributes:
        experiments: ids by name.
        runs: ids by name.
        backend: the client that works where ``mlflow gc`` would.
    """

    client: Any
    backend: Any
    experiments: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def old_run(self) -> str:
        """A new finished run with some of everything, to be edited later."""
        from mlflow.entities import Metric, Param, RunTag

        number = next(self.numbers)
        run_id = new_run(self, "wine", f"old-{number}")
        self.client.log_batch(
            run_id,
            [Metric("rmse", 0.5 + step, 1_700_000_000_000 + step, step) for step in range(3)],
            [Param("depth", str(number)), Param("solver", "l-bfgs")],
            [RunTag("note", f"note {number}"), RunTag("kept", "as it is")],
        )
        log_dataset(self.client, run_id, f"{number:08x}")
        self.client.set_terminated(run_id, "FINISHED", 1_700_000_100_000)
        return run_id

    def model(self) -> str:
        """A new registered model with two versions, to be edited later."""
        name = f"model-{next(self.numbers)}"
        self.client.create_registered_model(name, description="before")
        for number in range(2):
            self.client.create_model_version(name, f"s3://bucket/models/{number}")
        self.client.set_registered_model_alias(name, "champion", "1")
        self.client.set_model_version_tag(name, "1", "approved", "yes")
        return name


def new_run(scene: Scene, experiment: str, name: str, **tags: str) -> str:
    """Start a run; it stays RUNNING."""
    run_id: str = scene.client.create_run(
        scene.experiments[experiment],
        start_time=1_700_000_000_000 + len(scene.runs),
        tags={"mlflow.user": "dev1", **tags},
        run_name=name,
    ).info.run_id
    return run_id


def log_dataset(
    client: Any, run_id: str, digest: str, context: str = "training", profile: str = "{}"
) -> None:
    """Say that a run used a dataset."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset("wine.csv", digest, "local", '{"uri": "wine.csv"}', None, profile)
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])


def fill(client: Any, backend: Any) -> Scene:
    """Write everything."""
    scene = Scene(client, backend)
    for name in ("wine", "größe \u202e", "twin", "TWIN", "gone"):
        try:
            made = client.create_experiment(
                name, artifact_location=f"mlflow-artifacts:/{len(scene.experiments)}"
            )
        except Exception:
            assert name == "TWIN"  # some databases take it for the same name
            continue
        scene.experiments[name] = made
    _runs(scene)
    _hostile_runs(scene)
    _datasets(scene)
    _logged_models(scene)
    _registry(scene)
    client.delete_experiment(scene.experiments["gone"])
    client.delete_experiment(scene.experiments["twin"])
    client.restore_experiment(scene.experiments["twin"])
    return scene


def _runs(scene: Scene) -> None:
    from mlflow.entities import Metric, Param, RunTag

    client = scene.client
    for status in STATUSES:
        run_id = scene.runs[status] = new_run(scene, "wine", f"fit {status.lower()}", commit="1" * 40)
        metrics = [Metric("rmse", 1 / (step + 1), 1_700_000_001_000 + step, step) for step in range(4)]
        client.log_batch(run_id, metrics, [Param("depth", "3")], [RunTag("note", status)])
        if status not in ("RUNNING", "SCHEDULED"):
            client.set_terminated(run_id, status, 1_700_000_050_000)
        elif status == "SCHEDULED":
            client.update_run(run_id, status="SCHEDULED")
    _odd_metrics(scene)
    for name in ("deleted", "restored"):
        run_id = scene.runs[name] = new_run(scene, "wine", name)
        client.log_metric(run_id, "rmse", 0.5)
        client.delete_run(run_id)
    client.restore_run(scene.runs["restored"])
    scene.runs["empty"] = new_run(scene, "twin", "empty")
    scene.runs["buried"] = new_run(scene, "gone", "in an experiment that is deleted")
    client.log_param(scene.runs["buried"], "depth", "1")


def _odd_metrics(scene: Scene) -> None:
    from mlflow.entities import Metric, Param, RunTag

    run_id = scene.runs["odd"] = new_run(scene, "wine", "odd")
    time = 1_700_000_002_000
    values = {
        "undefined": [(math.nan, 0)],
        "above": [(math.inf, 0)],
        "below": [(-math.inf, 0)],
        "first nan": [(math.nan, 0), (0.25, 1)],
        "last nan": [(0.25, 0), (math.nan, 1)],
        "nested/val/loss": [(0.1, 0), (0.2, 1)],
        "out of order": [(3.0, 3), (1.0, 1), (5.0, 5), (2.0, 2)],
        "one step": [(1.0, 7), (3.0, 7), (2.0, 7)],
        "below zero": [(-1e-300, -5), (-0.0, -2)],
        "exact": [(0.1 + 0.2, 0), (1 / 3, 1), (2.0**53 + 2, 2)],
    }
    metrics = [Metric(k, v, time + n, s) for k, vs in values.items() for n, (v, s) in enumerate(vs)]
    params = [Param("nested/a/b", "1"), Param("dotted.key", ""), Param("blank", " "), Param("long", LONG)]
    tags = [
        RunTag("nested/a", "1"),
        RunTag("empty", ""),
        RunTag("long", LONG),
        RunTag("mlflow.note.content", "# é"),
    ]
    scene.client.log_batch(run_id, metrics, params, tags)
    scene.client.set_terminated(run_id, "FINISHED", time)


def _hostile_runs(scene: Scene) -> None:
    from mlflow.entities import Param, RunTag

    for number, text in enumerate(HOSTILE):
        run_id = scene.runs[text] = new_run(scene, "größe \u202e", text)
        scene.client.log_batch(run_id, [], [Param("said", text)], [RunTag("said", text)])
        scene.client.set_terminated(run_id, "FINISHED", 1_700_000_060_000 + number)


def _datasets(scene: Scene) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    client, runs = scene.client, scene.runs
    log_dataset(client, runs["FINISHED"], "8d1e77aa")
    log_dataset(client, runs["FAILED"], "8d1e77aa", "eval")  # the same data in another run
    log_dataset(client, runs["KILLED"], "77aa8d1e", profile='"' + "p" * 5000 + '"')
    log_dataset(client, runs["restored"], "00ff00ff")
    plain = Dataset(HOSTILE[3], "ffff0000", "http", '{"url": "https://example.com/d.csv"}')
    both = [InputTag("mlflow.data.context", "test"), InputTag("more", HOSTILE[2])]
    client.log_inputs(runs["RUNNING"], [DatasetInput(plain, both)])


def _logged_models(scene: Scene) -> None:
    client, wine = scene.client, scene.experiments["wine"]
    for name, status in (("ready", "READY"), ("failed", "FAILED"), ("pending", None), ("gone", "READY")):
        model = client.create_logged_model(wine, name, scene.runs["FINISHED"])
        if status is not None:
            client.finalize_logged_model(model.model_id, status)
        if name == "gone":
            client.delete_logged_model(model.model_id)
        scene.runs[f"model {name}"] = model.model_id


def _registry(scene: Scene) -> None:
    client, runs = scene.client, scene.runs
    client.create_registered_model("quality", description="how good a wine is")
    client.create_registered_model("größe 🦊", tags={"team": "wine"})
    client.create_registered_model("gone")
    for number, name in enumerate(("FINISHED", "FAILED", "KILLED", "RUNNING")):
        source = f"{client.get_run(runs[name]).info.artifact_uri}/model-{number}"  # servers check that
        client.create_model_version("quality", source, runs[name])
    client.create_model_version("größe 🦊", "s3://bucket/models/é", description=HOSTILE[1])
    client.create_model_version("gone", "s3://bucket/models/gone")
    for version, stage in (("1", "Staging"), ("2", "Production"), ("3", "Archived")):
        client.transition_model_version_stage("quality", version, stage)
    for alias, version in (("champion", "3"), ("challenger", "3"), ("old", "4")):
        client.set_registered_model_alias("quality", alias, version)
    client.set_model_version_tag("quality", "1", "approved", "yes")
    client.set_model_version_tag("quality", "4", "approved", "no")
    client.set_model_version_tag("größe 🦊", "1", "said", HOSTILE[0])
    client.delete_model_version("quality", "4")
    client.delete_registered_model("gone")
