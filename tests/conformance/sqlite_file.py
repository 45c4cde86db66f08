"""MLflow's store in an SQLite file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.shape import Place
from mlops_dash.sources.base import Source
from mlops_dash.sources.mlflow.address import Address


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A file in the folder; MLflow creates it."""
    address = f"sqlite:///{folder}/mlflow.db"
    yield Place(address, address, fingerprint=lambda: fingerprint(folder))


def source(address: str) -> Source:
    from mlops_dash.sources.mlflow.sqlite import MlflowSqlite

    path = Address.of(address).path
    assert path is not None
    return MlflowSqlite(path)


def fingerprint(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file of a folder with its content's digest, its mode and its time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (content, state.st_mode, state.st_mtime_ns)
    return found
