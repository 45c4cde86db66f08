"""File stores, laid out as MLflow lays them out, and a board that follows one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_dash.sources.base import Batch, Position, Reading
from mlops_dash.sources.mlflow.files import MlflowFiles
from mlops_dash.store.database import Store

TABLES = (
    "experiment run param tag metric dataset dataset_input input_tag logged_model registered_model "
    "model_version model_alias model_version_tag"
).split()


@dataclass
class Files:
    """Writes a store's files as MLflow 3 does."""

    root: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        (self.root / ".trash").mkdir(parents=True)
        self.experiment("0", "Default")

    def experiment(self, folder: str, name: str) -> Path:
        place = self.root / folder
        place.mkdir()
        write(
            place / "meta.yaml",
            artifact_location=f"mlflow-artifacts:/{folder}",
            creation_time=1,
            experiment_id=f"'{folder}'",
            last_update_time=2,
            lifecycle_stage="active",
            name=name,
        )
        return place

    def run(self, experiment: str = "0", status: int = 3, **metrics: str) -> Path:
        """Write a run with two parameters, a tag and a metric; return its folder."""
        number = next(self.numbers)
        place = self.root / experiment / f"{number:032x}"
        for part in ("params", "metrics", "tags", "artifacts"):
            (place / part).mkdir(parents=True)
        self.meta(place, status)
        (place / "params" / "depth").write_text(str(number))
        (place / "params" / "solver").write_text("l-bfgs")
        (place / "tags" / "note").write_text(f"note {number}")
        for key, lines in (metrics or {"rmse": "10 0.5 0\n11 0.25 1\n"}).items():
            (place / "metrics" / key).write_text(lines)
        return place

    def meta(self, place: Path, status: int = 3, **others: object) -> None:
        write(
            place / "meta.yaml",
            **{
                "artifact_uri": f"mlflow-artifacts:/{place.parent.name}/{place.name}/artifacts",
                "end_time": "null" if status == 1 else 20,
                "experiment_id": f"'{place.parent.name}'",
                "lifecycle_stage": "active",
                "run_id": f"'{place.name}'",
                "run_name": f"fit-{place.name[-4:]}",
                "source_name": "''",
                "start_time": 10,
                "status": status,
                "tags": "[]",
                "user_id": "dev1",
                **others,
            },
        )

    def dataset(self, run: Path, digest: str = "8d1e") -> None:
        """Say that a run read a dataset."""
        place = run.parent / "datasets" / f"data-{digest}"
        place.mkdir(parents=True, exist_ok=True)
        write(
            place / "meta.yaml",
            digest=f"'{digest}'",
            name="wine.csv",
            profile="null",
            schema="null",
            source="here",
            source_type="local",
        )
        used = run / "inputs" / f"{run.name}-{digest}"
        used.mkdir(parents=True)
        (used / "meta.yaml").write_text(
            f"destination_id: data-{digest}\ndestination_type: RUN\nsource_id: data-{digest}\n"
            "source_type: DATASET\ntags:\n  mlflow.data.context: training\n"
        )

    def model(self, name: str, versions: int = 1) -> Path:
        """Write a registered model, its alias ``champion`` on the last version."""
        place = self.root / "models" / name
        (place / "aliases").mkdir(parents=True)
        write(place / "meta.yaml", creation_timestamp=1, description="null", name=name)
        for version in range(1, versions + 1):
            (place / f"version-{version}").mkdir()
            write(
                place / f"version-{version}" / "meta.yaml",
                current_stage="None",
                name=name,
                run_id="null",
                source="s3://models",
                status="READY",
                version=version,
            )
        (place / "aliases" / "champion").write_text(str(versions))
        return place


def write(path: Path, **facts: object) -> None:
    path.write_text("".join(f"{key}: {value}\n" for key, value in sorted(facts.items())))


@dataclass
class Board:
    """A store in memory that follows one folder."""

    path: Path
    source: MlflowFiles
    store: Store = field(default_factory=lambda: Store.open(None, "files"))
    position: Position | None = None
    parts: list[Batch | Position] = field(default_factory=list)

    def reading(self, **circumstances: Any) -> Iterator[Batch | Position]:
        """Read what is new, yielding each part when it has been applied."""
        before = self.position.value if self.position else None
        self.parts = []
        for part in self.source.read(Reading(before, self.store, **circumstances)):
            if isinstance(part, Position):
                self.position = part
            else:
                self.store.apply(part)
            self.parts.append(part)
            yield part

    def refresh(self, **circumstances: Any) -> int:
        """Read what is new; return how many batches came."""
        for _ in self.reading(**circumstances):
            pass
        return sum(isinstance(part, Batch) for part in self.parts)

    def another(self) -> Board:
        """A board that starts where this one stands, as another process does."""
        other = Board(self.path, MlflowFiles(self.path), self.store, self.position)
        self.source.close()
        return other

    @property
    def told(self) -> str:
        assert self.position is not None
        return f"{self.position.warning} / {self.position.remedy}"

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        ids = "columns(lambda c: c not in ('run_key', 'odd_run_id'))"
        return {table: self.store.sql(f"select {ids} from {table} order by all", None)[1] for table in TABLES}

    def asked(self, text: str) -> list[tuple[Any, ...]]:
        return self.store.sql(text)[1]

    def close(self) -> None:
        self.source.close()
        self.store.close()
