"""Stores of every supported MLflow are read the same, and are left as they were."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from logged_values import history_of

from .conftest import STORES, Board, fingerprint, unpack

OLD = {path.name.removeprefix("mlflow-").removesuffix(".db.xz"): path for path in STORES.glob("*.db.xz")}


@pytest.fixture(params=[*sorted(OLD), "installed"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database(version: str, written_store: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    if version == "installed":
        return Path(shutil.copy(written_store, folder / "mlflow.db"))
    return unpack(OLD[version], folder / "mlflow.db")


def test_all_old_versions_are_kept() -> None:
    assert sorted(OLD) == ["1.30.1", "2.22.1", "2.9.2"]


def test_what_was_logged_is_read(version: str, database: Path, board_of: Callable[[Path], Board]) -> None:
    before = fingerprint(database.parent)
    board = board_of(database)
    board.refresh()

    assert board.counts == "5 runs"
    runs = board.asked('select name, status, deleted, experiment, "user" from runs order by name')
    assert [run[0] for run in runs] == [f"fit-{number}" for number in range(6)]
    assert [run[1] for run in runs] == ["FINISHED"] * 4 + ["FAILED", "RUNNING"]
    assert [run[2] for run in runs] == [False] * 5 + [True]
    assert {run[3] for run in runs} == {"wine"}
    assert board.asked(
        "select name, lifecycle_stage from experiments where name in ('wine', 'gone') order by name"
    ) == [
        ("gone", "deleted"),
        ("wine", "active"),
    ]
    assert board.asked(
        "select value from params join runs using (run_id) where name = 'fit-3' order by key"
    ) == [
        ("3",),
        ("l-bfgs",),
    ]
    assert board.asked(
        "select t.key, t.value from tags t join runs using (run_id) "
        "where name = 'fit-2' and t.key in ('note', 'mlflow.source.git.commit') order by t.key"
    ) == [("mlflow.source.git.commit", "2" * 40), ("note", "note 2")]
    assert board.asked("select value, step from metrics join runs using (run_id) where name = 'fit-2'") == [
        (1 / 7, 4)
    ]
    _check_registry(version, board)
    _check_datasets(version, board)
    board.close()
    assert fingerprint(database.parent) == before


def _check_registry(version: str, board: Board) -> None:
    found = board.asked("select version, stage, aliases, source from versions order by version")
    champion = None if version.startswith("1.") else ["champion"]
    assert [row[0] for row in found] == ["1", "2", "3"]
    assert [row[1] for row in found] == ["None", "Production", "None"]
    assert [row[2] for row in found] == [None, None, champion]
    assert found[0][3] == "mlflow-artifacts:/1/0/model"
    assert board.asked("select model, version, key, value from version_tags") == [
        ("quality", "1", "approved", "yes")
    ]
    assert board.asked("select name, description from models") == [("quality", "how good a wine is")]
    assert board.asked("select count(*) from versions join runs using (run_id)") == [(3,)]


def _check_datasets(version: str, board: Board) -> None:
    found = board.asked("select r.name, d.name, digest, context from datasets d join runs r using (run_id)")
    assert found == ([] if version.startswith("1.") else [("fit-0", "wine.csv", "8d1e77aa", "training")])


def test_fault_37_nan_and_infinities(database: Path, board_of: Callable[[Path], Board]) -> None:
    board = board_of(database)
    board.refresh()
    found = dict(board.asked("select key, value from metrics where key in ('undefined', 'above', 'below')"))
    assert math.isnan(found["undefined"])
    assert (found["above"], found["below"]) == (math.inf, -math.inf)
    assert board.store.sql("select value, is_nan from metric where key = 'undefined'")[1] == [(None, True)]


def test_a_metric_s_history_is_read_when_asked_for(database: Path, board_of: Callable[[Path], Board]) -> None:
    board = board_of(database)
    board.refresh()
    ((run_id,),) = board.asked("select run_id from runs where name = 'fit-1'")
    history = history_of(board.source, [run_id], ["rmse", "undefined"])
    assert [(key, step) for _, key, step, _, _ in history] == [
        *(("rmse", step) for step in range(5)),
        ("undefined", 0),
    ]
    assert [value for *_, value in history] == [1 / (step + 2) for step in range(5)] + [None]
    assert history_of(board.source, [], ["rmse"]) == []


def test_fault_05_older_schema_is_read_and_never_migrated(
    version: str, database: Path, board_of: Callable[[Path], Board]
) -> None:
    head = _head(database)
    board = board_of(database)
    board.refresh()
    assert board.counts == "5 runs"
    assert _head(database) == head
    if version == "1.30.1":
        assert board.content()["dataset"] == []


def test_fault_06_newer_schema_is_read_by_what_is_known(
    written_store: Path, tmp_path: Path, board_of: Callable[[Path], Board]
) -> None:
    known = board_of(Path(shutil.copy(written_store, tmp_path / "known.db")))
    known.refresh()
    newer = Path(shutil.copy(written_store, tmp_path / "newer.db"))
    with sqlite3.connect(newer) as connection:
        connection.execute("update alembic_version set version_num = 'ffffffffffff'")
        connection.execute("alter table runs add column colour text default 'blue'")
        connection.execute("alter table params rename column value to value_")
        connection.execute("create table surprises (run_uuid text)")
    connection.close()
    board = board_of(newer)
    board.refresh()
    found, expected = board.content(), known.content()
    assert {row[3] for row in found["param"]} == {None}
    del found["param"], expected["param"]
    assert found == expected


def _head(database: Path) -> str:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    head = str(connection.execute("select version_num from alembic_version").fetchone()[0])
    connection.close()
    return head
