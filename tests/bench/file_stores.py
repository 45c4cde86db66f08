"""P11: a file store of 10,000 runs, read and refreshed, against ``mlflow migrate-filestore``."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from bench.house import House, say
from bench.table import Figure, middle

_RUNS, _STEPS = 10_000, 5
EXPERIMENTS, PARAMS, METRICS, DIGESTS = 10, 12, 8, 25


def file_store(house: House) -> Iterator[Figure]:
    """First reading, refresh of an unchanged store and of one with a new run."""
    folder = Path(platformdirs.user_cache_dir("mlops-dash-bench")) / f"mlruns-{_RUNS}-{_STEPS}"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        say(f"making a file store of {_RUNS:,} runs")
        make(folder / "mlruns", _RUNS)
        (folder / "made").touch()
    migrated = _migrate(folder / "mlruns", house.scratch)
    ours, unchanged, new = [], [], []
    for _ in range(house.rounds):
        board = _Board(folder / "mlruns")
        ours.append(board.refresh())
        unchanged += [board.refresh() for _ in range(5)]
        run = add_run(folder / "mlruns", random.Random(), _RUNS + 1)
        new.append(board.refresh())
        shutil.rmtree(run)
        board.close()
        say(f"  P11 ours {ours[-1]:.2f} s, migrate-filestore {migrated:.1f} s")
    measure = f"first reading of a file store of {_RUNS:,} runs, in the store"
    yield Figure("P11", measure, "s", middle(ours), migrated, "mlflow migrate-filestore", 0.5)
    yield Figure("P11", "refresh of an unchanged file store", "ms", middle(unchanged) * 1000, limit=100)
    yield Figure("", "refresh of a file store with a new run", "ms", middle(new) * 1000)


class _Board:
    """A store in memory that follows a folder."""

    def __init__(self, path: Path) -> None:
        from mlops_dash.sources.mlflow.files import MlflowFiles
        from mlops_dash.store.database import Store

        self._store = Store.open(None, "bench")
        self._source = MlflowFiles(path)
        self._position: str | None = None

    def refresh(self) -> float:
        """Read what is new; return the seconds that it took."""
        from mlops_dash.sources.base import Position, Reading

        started = time.perf_counter()
        for part in self._source.read(Reading(self._position, self._store)):
            if isinstance(part, Position):
                self._position = part.value
            else:
                self._store.apply(part)
        return time.perf_counter() - started

    def close(self) -> None:
        self._source.close()
        self._store.close()


def _migrate(store: Path, scratch: Path) -> float:
    """Return the seconds that MLflow takes to move the folder into SQLite, its start included."""
    database = scratch / "migrated.db"
    command = [str(Path(sys.executable).parent / "mlflow"), "migrate-filestore"]
    command += ["--source", str(store), "--target", f"sqlite:///{database}"]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=scratch)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - started


def make(store: Path, runs: int) -> None:
    """Write a store as MLflow lays it out; the same number of runs gives the same facts."""
    rng = random.Random(7)
    for folder in (".trash", "models"):
        (store / folder).mkdir(parents=True)
    for experiment in range(EXPERIMENTS + 1):
        place = store / str(experiment)
        place.mkdir()
        _write(
            place / "meta.yaml",
            artifact_location=f"mlartifacts/{experiment}",
            creation_time=1_700_000_000_000,
            experiment_id=f"'{experiment}'",
            last_update_time=1_700_000_000_000,
            lifecycle_stage="active",
            name=f"exp-{experiment:02d}",
        )
        for number in range(DIGESTS if experiment else 0):
            data = place / "datasets" / _digest(f"{number}")
            data.mkdir(parents=True)
            _write(
                data / "meta.yaml",
                digest=f"'{number:08x}'",
                name="train.csv",
                profile="'{\"num_rows\": 10}'",
                schema="null",
                source='\'{"uri": "train.csv"}\'',
                source_type="local",
            )
    for number in range(runs):
        add_run(store, rng, number)


def add_run(store: Path, rng: random.Random, number: int) -> Path:
    """Write one run and return its folder."""
    run_id = uuid.UUID(int=rng.getrandbits(128)).hex
    experiment = 1 + number % EXPERIMENTS
    started = 1_700_000_000_000 + number * 60_000
    place = store / str(experiment) / run_id
    files: dict[str, dict[str, str]] = {
        "params": {f"param_{n}": str(rng.random()) for n in range(PARAMS)},
        "tags": {
            "mlflow.source.git.commit": _digest(f"{number % 400}") + "0" * 8,
            "mlflow.user": f"user{number % 12}",
            "mlflow.source.name": "train.py",
            "mlflow.runName": f"run-{number}",
        },
        "metrics": {
            f"metric_{n}": "".join(
                f"{started + step * 1000} {rng.random()} {step}\n" for step in range(_STEPS)
            )
            for n in range(METRICS)
        },
        "artifacts": {},
    }
    for folder, contents in files.items():
        os.makedirs(place / folder)
        for name, content in contents.items():
            (place / folder / name).write_text(content)
    dataset = _digest(f"{number % DIGESTS}")
    used = place / "inputs" / _digest(dataset + run_id)
    used.mkdir(parents=True)
    (used / "meta.yaml").write_text(
        f"destination_id: {dataset}\ndestination_type: RUN\nsource_id: {dataset}\nsource_type: DATASET\n"
        "tags:\n  mlflow.data.context: training\n"
    )
    _write(
        place / "meta.yaml",
        artifact_uri=f"mlartifacts/{experiment}/{run_id}/artifacts",
        end_time=started + 45_000,
        entry_point_name="''",
        experiment_id=f"'{experiment}'",
        lifecycle_stage="active",
        run_id=f"'{run_id}'",
        run_name=f"run-{number}",
        source_name="''",
        source_type=4,
        source_version="''",
        start_time=started,
        status=3,
        tags="[]",
        user_id=f"user{number % 12}",
    )
    return place


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _write(path: Path, **facts: Any) -> None:
    path.write_text("".join(f"{key}: {value}\n" for key, value in sorted(facts.items())))
