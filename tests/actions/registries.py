"""Real model registries: SQLite stores that the installed MLflow wrote, copied for each test."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlops_dash.domain.plans import Step

MODEL = "wine"
VERSIONS = 6


@lru_cache(maxsize=1)
def _written() -> bytes:
    from mlflow.tracking.client import MlflowClient

    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "mlflow.db")
        uri = f"sqlite:///{database}"
        client = MlflowClient(uri, registry_uri=uri)
        fill(client)
        client._get_registry_client().store.engine.dispose()
        return database.read_bytes()


def write(folder: Path) -> Path:
    """A store with six versions of a model; the alias ``production`` names version 6."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "mlflow.db"
    database.write_bytes(_written())
    return database


def fill(client: Any) -> None:
    """Register the model through a client."""
    client.create_registered_model(MODEL)
    for number in range(VERSIONS):
        client.create_model_version(MODEL, f"mlflow-artifacts:/1/{number + 1}/model")
    client.set_registered_model_alias(MODEL, "production", "6")


def alias_in(database: Path, alias: str = "production") -> str | None:
    """Which version an alias names, read past everything that is tested."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        found = connection.execute(
            "select version from registered_model_aliases where name = ? and alias = ?", (MODEL, alias)
        ).fetchall()
    assert len(found) < 2
    return str(found[0][0]) if found else None


def alias_step(before: str | None = "6", after: str = "4", alias: str = "production") -> Step:
    return Step(
        alias,
        "alias",
        f"move {alias} from {before} to {after}",
        f"set {alias} {after}",
        f"{alias} names {before} again",
        {"model": MODEL, "alias": alias, "before": before, "after": after},
        "best effort",
    )
