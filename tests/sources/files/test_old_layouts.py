"""File stores that an older MLflow wrote (``make.py``)."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

from sources.files.laid_out import Board


def test_fault_05_what_mlflow_1_wrote(tmp_path: Path, board_of: Callable[[Path], Board]) -> None:
    """It left the runs of a deleted experiment active, and had neither datasets nor a registry in files."""
    with tarfile.open(Path(__file__).with_name("mlruns-1.30.1.tar.xz")) as archive:
        archive.extractall(tmp_path, filter="data")
    board = board_of(tmp_path / "mlruns")
    board.refresh()
    assert board.asked("select name, lifecycle_stage from experiment order by name") == [
        ("Default", "active"),
        ("gone", "deleted"),
        ("wine", "active"),
    ]
    runs = "select name, status, lifecycle_stage, start_time, end_time, user_id from run order by name"
    assert board.asked(runs) == [
        ("buried", "RUNNING", "deleted", 5, None, "dev1"),
        ("fit-0", "RUNNING", "active", 10, None, "dev1"),
        ("fit-1", "FAILED", "active", 11, 40, "dev1"),
        ("fit-2", "FAILED", "deleted", 12, 40, "dev1"),
    ]
    assert board.asked("select key, value from param order by value") == [("a/depth", n) for n in "012"]
    assert board.asked("select distinct key, value, step, is_nan from metric order by key") == [
        ("auc", None, 0, True),
        ("val/loss", 1 / 3, 2, False),
    ]
    assert board.asked("select distinct value from tag where key = 'note'") == [("é\n",)]
    assert board.position is not None
    assert board.position.warning is None
