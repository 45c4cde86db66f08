"""Tracking stores to read: written by MLflow once per session, copied for each test."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mlops_dash.sources.base import Batch, Position, Reading, Tracks
from mlops_dash.sources.mlflow.sqlite import MlflowSqlite
from mlops_dash.store.database import Store

STORES = Path(__file__).with_name("stores")
TABLES = (
    "experiment",
    "run",
    "param",
    "tag",
    "metric",
    "dataset",
    "dataset_input",
    "input_tag",
    "logged_model",
    "registered_model",
    "model_version",
    "model_alias",
    "model_version_tag",
)


@pytest.fixture(scope="session")
def written_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that the installed MLflow wrote with ``stores/make.py``. Copy it, never write it."""
    folder = tmp_path_factory.mktemp("written")
    subprocess.run([sys.executable, STORES / "make.py", folder], check=True, capture_output=True, cwd=folder)
    (packed,) = folder.glob("*.db.xz")
    return unpack(packed, folder / "mlflow.db")


@pytest.fixture
def tracking_db(written_store: Path, tmp_path: Path) -> Path:
    """A copy of a small tracking store, to be changed by the test."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Path(shutil.copy(written_store, folder / "mlflow.db"))


def unpack(packed: Path, target: Path) -> Path:
    target.write_bytes(lzma.decompress(packed.read_bytes()))
    return target


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file of a folder with its content's digest, its mode and its time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = f"{content} {state.st_mode} {state.st_mtime_ns}"
    return found


@dataclass
class Board:
    """A store in memory that follows one tracking store."""

    path: Path
    store: Store
    source: MlflowSqlite
    position: str | None = None
    counts: str = ""
    applied: list[str] = field(default_factory=list)

    def _noted(self, part: Batch | Tracks) -> Batch | Tracks:
        if isinstance(part, Batch):
            self.applied.append(part.table)
            return part

        def noted(side: Iterator[Batch]) -> Iterator[Batch]:
            for batch in side:
                self.applied.append(batch.table)
                yield batch

        return Tracks(tuple(noted(side) for side in part.sides))

    def refresh(self, **circumstances: Any) -> None:
        """Read what is new; ``applied`` are the tables that were written."""
        self.applied = []
        for part in self.source.read(Reading(self.position, self.store, **circumstances)):
            if isinstance(part, Position):
                self.position, self.counts = part.value, part.counts
            else:
                self.store.apply(self._noted(part))

    def batch_by_batch(self, **circumstances: Any) -> Iterator[Batch]:
        """Read all, and yield each batch when it has been applied."""
        for part in self.source.read(Reading(None, self.store, **circumstances)):
            if isinstance(part, Position):
                self.position, self.counts = part.value, part.counts
                continue
            for side in part.sides if isinstance(part, Tracks) else (iter([part]),):
                for batch in side:
                    self.store.apply(batch)
                    yield batch

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table's rows in a fixed order."""
        ids = "columns(lambda c: c not in ('run_key', 'odd_run_id'))"
        return {table: self.store.sql(f"select {ids} from {table} order by all", None)[1] for table in TABLES}

    def asked(self, text: str) -> list[tuple[Any, ...]]:
        return self.store.sql(text)[1]

    def close(self) -> None:
        self.source.close()
        self.store.close()


@pytest.fixture
def board_of() -> Iterator[Callable[[Path], Board]]:
    """Make boards that are closed at the end."""
    boards: list[Board] = []

    def make(path: Path) -> Board:
        boards.append(Board(path, Store.open(None, "test"), MlflowSqlite(path)))
        return boards[-1]

    yield make
    for board in boards:
        board.close()


class OtherProcess:
    """A writer in a process of its own: file locks do not hold within one process."""

    _PROGRAM = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
for line in sys.stdin:
    try:
        connection.execute(line).fetchall()
        print("ok", flush=True)
    except sqlite3.Error as error:
        print(error, flush=True)
"""

    def __init__(self, database: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._PROGRAM, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, statement: str) -> str:
        """Execute one statement: ``ok`` or SQLite's error."""
        assert self._process.stdin
        assert self._process.stdout
        print(statement, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def other_process(tracking_db: Path) -> Iterator[OtherProcess]:
    """Another program that writes ``tracking_db`` and never waits for a lock."""
    process = OtherProcess(tracking_db)
    yield process
    process.close()
