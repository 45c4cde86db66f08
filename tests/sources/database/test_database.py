"""A database that cannot be reached or read costs its freshness; what was read stands."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Iterator

import pytest

from conformance.board import Board
from conformance.mariadb_server import PASSWORD, Server
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import Position, Reading
from mlops_dash.sources.mlflow.address import Address, Kind
from mlops_dash.sources.mlflow.probing import State
from mlops_dash.sources.mlflow.sqlalchemy import MlflowDatabase, connection, digests, probe, reading, tables


@pytest.fixture
def boards() -> Iterator[list[Board]]:
    """Boards to be closed at the end."""
    made: list[Board] = []
    yield made
    for board in made:
        board.close()


def error_of(address: str) -> SourceError:
    source = MlflowDatabase(address)
    with pytest.raises(SourceError) as raised:
        list(source.read(Reading(None, None)))  # type: ignore[arg-type]
    told = "".join(traceback.format_exception(raised.value))
    assert "secret" not in told
    assert PASSWORD not in told
    assert raised.value.remedy
    return raised.value


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# -- without a server -------------------------------------------------------------------------------------


def test_a_server_that_is_down_is_told() -> None:
    address = f"mysql+pymysql://dev1:secret@127.0.0.1:{closed_port()}/mlflow"
    assert "cannot be reached" in error_of(address).message
    steps = list(probe(address))
    assert [(step.name, step.state) for step in steps] == [("driver", State.OK), ("address", State.FAIL)]


def test_a_server_that_accepts_and_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = error_of(f"mysql+pymysql://dev1:secret@127.0.0.1:{silent.getsockname()[1]}/mlflow")
    assert "MySQL" in error.message


def test_a_server_that_is_something_else_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        from threading import Thread

        def answer() -> None:
            client, _ = other.accept()
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
            client.close()

        thread = Thread(target=answer)
        thread.start()
        error = error_of(f"mysql+pymysql://dev1:secret@127.0.0.1:{other.getsockname()[1]}/mlflow")
        thread.join()
    assert "MySQL" in error.message
    assert error.remedy
    assert "secret" not in str(error)


def test_a_driver_that_is_missing_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_is_there", lambda module: False)
    for scheme, extra in (
        ("mysql", "mysql"),
        ("mariadb+mariadbconnector", "mysql"),
        ("mssql+pyodbc", "mssql"),
    ):
        error = error_of(f"{scheme}://dev1:secret@localhost/mlflow")
        assert f"pip install 'mlops-dash[{extra}]'" in str(error)
    (step,) = probe("mysql://dev1:secret@localhost/mlflow")
    assert (step.name, step.state) == ("driver", State.FAIL)


@pytest.mark.parametrize("scheme", ["mysql", "mysql+mysqldb", "mariadb+asyncmy", "mysql+aiomysql", "mariadb"])
def test_a_driver_that_is_installed_stands_in_for_another(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_is_there", lambda module: module == "pymysql")
    engine = connection.engine_of(Address.of(f"{scheme}://dev1:secret@localhost/mlflow?charset=utf8mb4"))
    assert (engine.dialect.name, engine.dialect.driver) == ("mysql", "pymysql")
    assert "secret" not in repr(engine)


def test_an_address_that_is_none_is_told() -> None:
    assert "cannot be understood" in error_of("mysql+pymysql://dev1:secret@host:port/mlflow").message


def test_what_sql_server_is_asked() -> None:
    """No SQL Server can be had for tests: the SQL is looked at."""
    from sqlalchemy import select
    from sqlalchemy.dialects import mssql

    columns = {name for shape in tables.ALL for _, name, _ in shape.columns} | {"is_nan", "value"}
    schema = {shape.source: frozenset(columns | {"lifecycle_stage", "current_stage"}) for shape in tables.ALL}
    for shape in tables.ALL:
        table, selected = tables.selection(shape, schema)
        asked = select(*selected).select_from(table)
        assert "[key]" in str(asked.compile(dialect=mssql.dialect())) or shape.table not in ("param", "tag")
    digest = digests._combined(Kind.MSSQL, tables.TAG, schema)
    text = str(select(digest).compile(dialect=mssql.dialect()))
    assert "hashbytes" in text
    assert "CAST(substring(" in text
    assert "AS BIGINT" in text
    chosen = digests.starting(tables.table_of("runs", schema).c.run_uuid, ["a%", "0f"])
    assert "LIKE" in str(chosen.compile(dialect=mssql.dialect()))


# -- with a server ----------------------------------------------------------------------------------------

real = pytest.mark.campaign


@real
def test_credentials_that_are_refused_are_told(maria: Server) -> None:
    address = maria.address("store_filled", password="secret")
    assert "refuses the user or the password" in error_of(address).message
    assert [step.name for step in probe(address)][-1] == "credentials"
    assert "no such database" in error_of(maria.address("elsewhere")).message


@real
def test_an_empty_database_stays_empty(maria: Server) -> None:
    maria.sql("create database store_empty")
    assert "no MLflow tracking store" in error_of(maria.address("store_empty")).message
    assert [(step.name, step.state) for step in probe(maria.address("store_empty"))][-1] == (
        "schema",
        State.FAIL,
    )
    assert maria.sql("show tables", "store_empty") == ""


@real
def test_a_user_with_rights_on_some_tables_only(maria: Server, database: str, boards: list[Board]) -> None:
    maria.sql(f"create user some@'127.0.0.1' identified by '{PASSWORD}'")
    address = maria.address(database, "some")
    maria.sql(f"grant select on {database}.params to some@'127.0.0.1'")
    assert "may not read MLflow's runs" in error_of(address).message
    for name in ("runs", "experiments", "tags"):
        maria.sql(f"grant select on {database}.{name} to some@'127.0.0.1'")
    board = Board(MlflowDatabase(address))
    boards.append(board)
    end = [part for part in board.source.read(Reading(None, board.store)) if board.take(part)][-1]
    assert isinstance(end, Position)
    assert end.warning == "the user may not read latest_metrics, metrics"
    assert end.remedy
    found = board.content()
    assert found["run"]
    assert found["param"]
    assert not found["metric"]
    rights = next(step for step in probe(address) if step.name == "rights")
    assert (rights.state, rights.evidence) == (State.WARN, "latest_metrics, metrics may not be read")
    maria.sql(f"grant select on {database}.* to some@'127.0.0.1'")
    board.refresh()
    assert board.content()["metric"]


@real
def test_nothing_can_be_written_through_our_connections(maria: Server, database: str) -> None:
    from sqlalchemy import text

    address = Address.of(maria.address(database, "writer"))
    engine = connection.engine_of(address)
    for statement in ("update runs set name = 'x'", "create table x (y int)", "delete from runs"):
        with pytest.raises(SourceError), connection.connected(engine, address) as opened:
            opened.execute(text(statement))


@real
def test_a_statement_that_takes_too_long_is_ended(
    maria: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import text

    monkeypatch.setattr(connection, "STATEMENT", 1)
    address = Address.of(maria.address(database))
    with (
        pytest.raises(SourceError, match="took longer than"),
        connection.connected(connection.engine_of(address), address) as opened,
    ):
        opened.execute(text("select count(*) from runs a, runs b, tags c, tags d, tags e, tags f"))


@real
def test_a_connection_that_is_lost_in_the_middle_is_made_again(
    maria: Server, database: str, boards: list[Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "RUNS_AT_ONCE", 4)
    whole = Board(MlflowDatabase(maria.address(database)))
    board = Board(MlflowDatabase(maria.address(database)))
    boards += [whole, board]
    whole.refresh()
    with pytest.raises(SourceError, match="lost"):
        _read_until_lost(board, maria, database)
    assert board.position is not None, "what was read so far can be gone on from"
    assert board.content()["run"]
    read_again: list[str] = []
    for part in board.source.read(Reading(board.position, board.store)):
        board.take(part)
        if not isinstance(part, Position):
            read_again.append(part.table)
    assert "experiment" not in read_again
    assert board.content() == whole.content()


def _read_until_lost(board: Board, maria: Server, database: str) -> None:
    parts = 0
    for part in board.source.read(Reading(None, board.store)):
        board.take(part)
        parts += isinstance(part, Position)
        if parts == 2:
            ids = maria.sql(f"select id from information_schema.processlist where db = '{database}'").split()
            for connection_id in ids:
                maria.sql(f"kill {connection_id}")


@real
def test_edits_of_old_runs_show_within_the_bound_that_is_stated(
    maria: Server, database: str, boards: list[Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "RUNS_SWEPT", 2)
    board = Board(MlflowDatabase(maria.address(database)))
    boards.append(board)
    board.refresh()
    runs = len(board.content()["run"])
    maria.sql("update tags set value = 'edited' where `key` = 'said'", database)
    for _ in range(runs // 2 + 2):
        board.refresh()
    assert set(_said(board)) == {("edited",)}
    maria.sql("update tags set value = 'again' where `key` = 'said'", database)
    board.refresh(thorough=True)
    assert set(_said(board)) == {("again",)}


def _said(board: Board) -> list[tuple[str, ...]]:
    return board.store.sql("select value from tag where key = 'said'")[1]


@real
def test_doctor_looks_at_each_step(maria: Server, database: str) -> None:
    steps = list(probe(maria.address(database)))
    assert [step.name for step in steps] == [
        "driver", "address", "credentials", "TLS", "version", "schema", "rights", "speed",
    ]  # fmt: skip
    assert {step.state for step in steps} == {State.OK}
    assert not any(PASSWORD in f"{step.evidence}{step.remedy}" for step in steps)
