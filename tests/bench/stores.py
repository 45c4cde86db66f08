"""A large MLflow tracking store: the schema made by MLflow itself, the rows written in bulk."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPERIMENTS, DIGESTS = 10, 25
MODELS = ("progression", "readmission")
ALIASES = ("production", "staging", "canary")

# MLflow is imported in a process of its own: it must not warm up or weigh on the one that measures.
_MAKE_SCHEMA = """
import sys, mlflow
uri, experiments, models, versions = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), int(sys.argv[4])
client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
for number in range(experiments):
    experiment = client.create_experiment(f"exp-{number:02d}")
    if number == 0:
        run = client.create_run(experiment)
for model in models:
    client.create_registered_model(model)
    for version in range(versions):
        client.create_model_version(model, f"mlartifacts/{model}/{version}", run.info.run_id)
print(run.info.run_id)
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a store holds: ``runs`` runs with ``steps`` values of each metric, trained from ``commits``."""

    runs: int
    steps: int
    commits: tuple[str, ...]
    params: int = 12
    metrics: int = 8

    @property
    def rows_of_a_run(self) -> int:
        """Rows that a first sync reads for each run: itself, parameters, latest metrics, 4 tags, an input."""
        return 1 + self.params + self.metrics + 4 + 1


def make_store(path: Path, shape: Shape) -> None:
    """Write a new SQLite store of ``shape`` at ``path``; the same shape gives the same facts."""
    aside = path.with_suffix(".making")
    aside.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-c",
        _MAKE_SCHEMA,
        f"sqlite:///{aside}",
        str(EXPERIMENTS),
        ",".join(MODELS),
        "6",
    ]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    store = sqlite3.connect(aside)
    store.execute("pragma journal_mode=wal")
    store.execute("pragma synchronous=off")
    rng = random.Random(7)
    datasets = _insert_datasets(store, rng)
    now = int(time.time() * 1000)
    run_ids: list[str] = []
    for low in range(0, shape.runs, 5000):
        numbers = range(low, min(shape.runs, low + 5000))
        run_ids += insert_runs(store, numbers, shape, datasets, rng, now)
        store.commit()
        print(f"\r  {numbers.stop:,} of {shape.runs:,} runs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    _register(store, run_ids)
    _remove(store, made.stdout.split()[-1])
    store.commit()
    store.execute("pragma journal_mode=delete")
    store.close()
    aside.rename(path)


def add_run(path: Path, number: int, shape: Shape) -> str:
    """Add one whole run to the store, as a training that ended just now, and return its id."""
    with sqlite3.connect(path) as store:
        datasets = {
            (e, d): u for u, e, d in store.execute("select dataset_uuid, experiment_id, digest from datasets")
        }
        now = int(time.time() * 1000)
        (run_id,) = insert_runs(store, [number], shape, datasets, random.Random(number + now), now)
    store.close()
    return run_id


def remove_run(path: Path, run_id: str) -> None:
    """Take a run out again, so that the store can be measured once more."""
    with sqlite3.connect(path) as store:
        _remove(store, run_id)
    store.close()


def insert_runs(
    store: sqlite3.Connection,
    numbers: Iterable[int],
    shape: Shape,
    datasets: dict[tuple[int, str], str],
    rng: random.Random,
    now: int,
) -> list[str]:
    """Insert whole runs: their row, parameters, tags, metric histories, latest metrics and dataset input."""
    experiments = sorted({experiment for experiment, _ in datasets})
    digests = sorted({digest for _, digest in datasets})
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("runs", "params", "tags", "latest_metrics", "metrics", "inputs")
    }
    for number in numbers:
        run_id = _identifier(rng)
        started = now - max(0, shape.runs - number) * 60_000
        experiment = experiments[number % len(experiments)]
        commit = shape.commits[number % len(shape.commits)]
        tables["runs"].append(_run_row(number, run_id, experiment, started))
        tables["params"] += (
            {"key": f"param_{n}", "value": _param(rng), "run_uuid": run_id} for n in range(shape.params)
        )
        tables["tags"] += ({"key": k, "value": v, "run_uuid": run_id} for k, v in _tags(number, commit))
        _add_metrics(tables, run_id, started, shape, rng)
        dataset = datasets[experiment, digests[number % len(digests)]]
        tables["inputs"].append(_input_row(rng, dataset, run_id))
    for table, rows in tables.items():
        _insert(store, table, rows)
    return [row["run_uuid"] for row in tables["runs"]]


def _remove(store: sqlite3.Connection, run_id: str) -> None:
    for table in ("params", "tags", "latest_metrics", "metrics", "runs"):
        store.execute(f"delete from {table} where run_uuid = ?", (run_id,))
    store.execute("delete from inputs where destination_id = ?", (run_id,))


def _run_row(number: int, run_id: str, experiment: int, started: int) -> dict[str, Any]:
    return {
        "run_uuid": run_id,
        "name": f"run-{number}",
        "source_type": "LOCAL",
        "source_name": "train.py",
        "entry_point_name": "main",
        "user_id": f"user{number % 12}",
        "status": "FINISHED" if number % 50 else "FAILED",
        "start_time": started,
        "end_time": started + 45_000,
        "source_version": "",
        "lifecycle_stage": "active",
        "artifact_uri": f"mlartifacts/{experiment}/{run_id}/artifacts",
        "experiment_id": experiment,
    }


def _tags(number: int, commit: str) -> Sequence[tuple[str, str]]:
    return (
        ("mlflow.source.git.commit", commit),
        ("mlflow.user", f"user{number % 12}"),
        ("mlflow.source.name", "train.py"),
        ("mlflow.runName", f"run-{number}"),
    )


def _add_metrics(
    tables: dict[str, list[dict[str, Any]]], run_id: str, started: int, shape: Shape, rng: random.Random
) -> None:
    for metric in range(shape.metrics):
        row: dict[str, Any] = {}
        value = rng.random()
        for step in range(shape.steps):
            value *= 0.97 + rng.random() * 0.02
            row = {
                "key": f"metric_{metric}",
                "value": value,
                "timestamp": started + step * 1000,
                "run_uuid": run_id,
                "step": step,
                "is_nan": 0,
            }
            tables["metrics"].append(row)
        tables["latest_metrics"].append(row)


def _input_row(rng: random.Random, dataset: str, run_id: str) -> dict[str, Any]:
    return {
        "input_uuid": _identifier(rng),
        "source_type": "DATASET",
        "source_id": dataset,
        "destination_type": "RUN",
        "destination_id": run_id,
    }


def _insert_datasets(store: sqlite3.Connection, rng: random.Random) -> dict[tuple[int, str], str]:
    digests = [f"{rng.getrandbits(32):08x}" for _ in range(DIGESTS)]
    rows = []
    for (experiment,) in store.execute("select experiment_id from experiments where name like 'exp-%'"):
        for digest in digests:
            row = {
                "dataset_uuid": _identifier(rng),
                "experiment_id": experiment,
                "name": "train",
                "digest": digest,
            }
            source = json.dumps({"uri": f"data/{digest}.csv"})
            rows.append(row | {"dataset_source_type": "local", "dataset_source": source})
    _insert(store, "datasets", rows)
    return {(row["experiment_id"], row["digest"]): row["dataset_uuid"] for row in rows}


def _register(store: sqlite3.Connection, run_ids: Sequence[str]) -> None:
    """Point the registered versions at runs near the end, and the aliases at different versions."""
    for offset, model in enumerate(MODELS):
        for version in range(1, 7):
            run_id = run_ids[-1 - offset - 7 * (6 - version)]
            store.execute(
                "update model_versions set run_id = ? where name = ? and version = ?",
                (run_id, model, version),
            )
    aliases = [
        {"name": model, "alias": alias, "version": 4 + place}
        for model in MODELS
        for place, alias in enumerate(ALIASES)
    ]
    _insert(store, "registered_model_aliases", aliases)


def _insert(store: sqlite3.Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    columns = list(rows[0])
    quoted = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join("?" for _ in columns)
    values = ([row[column] for column in columns] for row in rows)
    store.executemany(f"insert into {table} ({quoted}) values ({marks})", values)


def _param(rng: random.Random) -> str:
    return str(rng.choice([rng.randint(1, 64), round(rng.random(), 4), "adam", "sgd"]))


def _identifier(rng: random.Random) -> str:
    return uuid.UUID(int=rng.getrandbits(128)).hex
