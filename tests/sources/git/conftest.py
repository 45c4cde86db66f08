"""A repository to read, and a reader that applies what is read to a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from git_projects import GitProject
from mlops_dash.domain.progress import CancelToken, Progress
from mlops_dash.sources.base import Apply, Batch, Position, Reading, Source, Tracks
from mlops_dash.sources.dvc import DvcSource
from mlops_dash.store.database import Store


class Reader:
    """Reads sources into a store, going on from where each reading ended."""

    def __init__(self) -> None:
        self.store = Store.open(None, "test")
        self.positions: dict[str, Position] = {}
        self.batches: list[Batch] = []
        self.progress: list[Progress] = []
        self.cancel = CancelToken()

    def read(self, source: Source, *, thorough: bool = False) -> Position:
        """Read once; ``batches`` are those of this reading. A failed one leaves the position as it was.

        Data is read as in a refresh: after Git, which is asked again once it stands still.
        """
        if isinstance(source, DvcSource):
            self.read(source.git)
            self.read(source.git)
        self.batches = []
        before = self.positions.get(source.name)
        reading = Reading(
            before.value if before else None, self.store, self.cancel, self.progress.append, thorough
        )
        for item in source.read(reading):
            if isinstance(item, Position):
                self.positions[source.name] = item
            elif isinstance(item, Tracks):
                self.store.apply(Tracks(tuple(map(self._noted, item.sides))))
            else:
                self.store.apply(item)
                self.batches.append(item)
        return self.positions[source.name]

    def _noted(self, side: Iterator[Batch]) -> Iterator[Batch]:
        for batch in side:
            yield batch
            self.batches.append(batch)

    def tables(self) -> list[str]:
        """Return which tables the last reading wrote to."""
        return [batch.table for batch in self.batches]

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        return self.store.sql(text)[1]

    def column(self, text: str) -> list[Any]:
        return [row[0] for row in self.sql(text)]

    def matters(self, *commits: str) -> None:
        """Let runs of registered versions come from these commits."""
        import pyarrow as pa

        runs = [f"run{number}" for number in range(len(commits))]
        key = ["mlflow.source.git.commit"] * len(runs)
        tags = pa.table({"run_id": runs, "key": key, "value": list(commits)})
        versions = pa.table({"name": ["m"] * len(runs), "version": [r[3:] for r in runs], "run_id": runs})
        self.store.apply(Batch("tag", tags, Apply.REPLACE))
        self.store.apply(Batch("model_version", versions, Apply.REPLACE))

    def positions_of_commits(self) -> dict[str, tuple[Any, ...]]:
        rows = self.sql(
            "select commit_hash, in_repository, behind, ahead, branches, on_remote from commit_position"
        )
        return {row[0]: row[1:] for row in rows}


@pytest.fixture
def project(tmp_path: Path) -> GitProject:
    """An empty repository on branch main."""
    return GitProject(tmp_path / "project")


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Reads sources into an empty store."""
    reader = Reader()
    yield reader
    reader.store.close()
