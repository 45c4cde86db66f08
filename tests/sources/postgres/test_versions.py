"""Stores of every supported MLflow are read the same, and are left as they were."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from conformance.board import Board
from conformance.postgres_server import Server, checksums
from logged_values import history_of

from .conftest import NEWEST, STORES


@pytest.fixture(params=sorted(STORES))
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def board(version: str, copy_of: Callable[[str], str], board_of: Callable[..., Board], pg: Server) -> Board:
    """A board that has read the store of a version; nothing was written for it."""
    database = copy_of(version)
    before = checksums(pg, database)
    made = board_of(database)
    made.refresh()
    assert checksums(pg, database) == before
    return made


def asked(board: Board, text: str) -> list[tuple[object, ...]]:
    return board.store.sql(text)[1]


def test_stores_of_several_versions_are_kept() -> None:
    assert sorted(STORES) == ["1.30.1", "2.22.1", "2.9.2", NEWEST]


def test_what_was_logged_is_read(version: str, board: Board) -> None:
    runs = asked(board, 'select name, status, deleted, experiment, "user" from runs order by name')
    assert runs == [
        (f"fit-{number}", status, number == 5, "wine", runs[0][4])
        for number, status in enumerate(["FINISHED"] * 4 + ["FAILED", "RUNNING"])
    ]
    params = asked(board, "select value from params join runs using (run_id) where name = 'fit-3'")
    assert sorted(params) == [("3",), ("l-bfgs",)]
    assert asked(board, "select value, step from metrics join runs using (run_id) where name = 'fit-2'") == [
        (1 / 7, 4)
    ]
    champion = None if version.startswith("1.") else ["champion"]
    assert asked(board, "select version, stage, aliases, source from versions order by version") == [
        ("1", "None", None, "mlflow-artifacts:/1/0/model"),
        ("2", "Production", None, "mlflow-artifacts:/1/1/model"),
        ("3", "None", champion, "mlflow-artifacts:/1/2/model"),
    ]
    data = asked(board, "select r.name, d.name, digest, context from datasets d join runs r using (run_id)")
    assert data == ([] if version.startswith("1.") else [("fit-0", "wine.csv", "8d1e77aa", "training")])


def test_fault_37_nan_and_infinities(board: Board) -> None:
    found = asked(
        board,
        "select key, value, is_nan from metric where key in ('undefined', 'above', 'below') order by key",
    )
    assert found == [("above", math.inf, False), ("below", -math.inf, False), ("undefined", None, True)]


def test_a_metric_s_history_is_read_when_asked_for(board: Board) -> None:
    ((run_id,),) = asked(board, "select run_id from runs where name = 'fit-1'")
    history = history_of(board.source, [run_id], ["rmse", "undefined", "above"])
    assert [(key, step) for _, key, step, _, _ in history] == [
        ("above", 0),
        *(("rmse", step) for step in range(5)),
        ("undefined", 0),
    ]
    assert [value for *_, value in history] == [math.inf, *(1 / (step + 2) for step in range(5)), None]


def test_fault_06_newer_schema_is_read_by_what_is_known(
    database: str, board_of: Callable[..., Board], pg: Server
) -> None:
    known = board_of(database)
    known.refresh()
    pg.sql(
        "update alembic_version set version_num = 'ffffffffffff';"
        "alter table runs add column colour text default 'blue';"
        "alter table params rename column value to value_;"
        "create table surprises (run_uuid text)",
        database,
    )
    board = board_of(database)
    board.refresh()
    found, expected = board.content(), known.content()
    assert {row[2] for row in found["param"]} == {None}
    del found["param"], expected["param"]
    assert found == expected


def test_a_migration_while_connected_is_noticed(
    database: str, board_of: Callable[..., Board], pg: Server
) -> None:
    board = board_of(database)
    board.refresh()
    pg.sql("alter table params rename column value to value_", database)
    board.refresh()
    assert {row[2] for row in board.content()["param"]} == {None}
    pg.sql("alter table params rename column value_ to value", database)
    board.refresh()
    assert "l-bfgs" in {row[2] for row in board.content()["param"]}
