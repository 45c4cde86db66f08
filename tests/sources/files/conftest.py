"""A file store for each test, and boards that follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_dash.sources.mlflow.files import MlflowFiles, disk
from sources.files.laid_out import Board, Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A store with an experiment and nothing else."""
    return Files(tmp_path / "mlruns")


@pytest.fixture
def board_of() -> Iterator[Callable[[Path], Board]]:
    """Make boards that are closed at the end."""
    boards: list[Board] = []

    def make(path: Path) -> Board:
        boards.append(Board(path, MlflowFiles(path)))
        return boards[-1]

    yield make
    for board in boards:
        board.close()


@pytest.fixture
def board(files: Files, board_of: Callable[[Path], Board]) -> Board:
    """A board of ``files`` that has read nothing yet."""
    return board_of(files.root)


@pytest.fixture
def an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was just written is old: no later write can carry the same time, nobody watches it any more."""
    now = disk.now_ns
    monkeypatch.setattr(disk, "now_ns", lambda: now() + 3_600_000_000_000)
