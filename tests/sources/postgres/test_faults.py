"""A database that is away, silent, closed to us or hostile costs its own freshness, soon, and says why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from conformance.board import Board
from conformance.postgres_server import PASSWORD, Server
from logged_values import history_of
from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import Batch, Position, Reading, Tracks
from mlops_dash.sources.mlflow.postgres import MlflowPostgres
from mlops_dash.sources.mlflow.postgres.connection import Link
from mlops_dash.sources.mlflow.postgres.conninfo import conninfo

Boards = Callable[..., Board]
SOON = 5.0  # seconds


def failure(board: Board, *words: str) -> SourceError:
    """Expect a refresh to fail soon and in plain words, the position and the earlier facts to stay."""
    position, before = board.position, board.content()
    assert board.source.changed(board.position)
    started = time.monotonic()
    with pytest.raises(SourceError) as caught:
        board.refresh()
    assert time.monotonic() - started < SOON
    for word in words:
        assert word in str(caught.value)
    for secret in (PASSWORD, "reader:", "writer:"):
        assert secret not in f"{caught.value!r} {caught.value} {caught.getrepr(showlocals=False)}"
    assert "postgresql" in caught.value.message
    assert caught.value.remedy
    assert board.position == position
    assert board.content() == before
    return caught.value


def edit(pg: Server, database: str) -> None:
    pg.sql("update tags set value = 'edited' where key = 'note'", database)


def edited(board: Board) -> bool:
    return "edited" in {row[2] for row in board.content()["tag"]}


def test_fault_14_refused_and_there_again(database: str, board: Board, pg: Server) -> None:
    edit(pg, database)
    pg.stop("fast")
    try:
        failure(board, "next refresh")
        failure(board, "Nothing listens")
    finally:
        pg.start()
    board.refresh()
    assert edited(board)


def test_fault_14_failed_over_between_two_readings(database: str, board: Board, pg: Server) -> None:
    """The connection is replaced at the first refresh that notices."""
    edit(pg, database)
    pg.stop("fast")
    pg.start()
    failure(board, "database", "next refresh")
    board.refresh()
    assert edited(board)


def test_fault_14_a_session_that_an_administrator_ended(database: str, board: Board, pg: Server) -> None:
    edit(pg, database)
    pg.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'mlops-dash'")
    failure(board, "next refresh")
    board.refresh()
    assert edited(board)


@contextmanager
def stopped(pg: Server) -> Iterator[None]:
    """A server that accepts connections and says nothing."""
    postmaster = int((pg.folder / "data" / "postmaster.pid").read_text().split()[0])
    found = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=True)
    processes = [postmaster, *map(int, found.stdout.split())]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(processes):
            os.kill(process, signal.SIGCONT)


@pytest.mark.campaign
def test_fault_14_silent(database: str, board: Board, pg: Server) -> None:
    edit(pg, database)
    with stopped(pg):
        failure(board, "did not answer in time")
        started = time.monotonic()
        with pytest.raises(SourceError):
            history_of(board.source, ["a"], ["rmse"])
        assert time.monotonic() - started < SOON
    board.refresh()
    assert edited(board)


@pytest.mark.campaign
def test_fault_14_silent_in_the_middle_of_a_reading(database: str, board_of: Boards, pg: Server) -> None:
    board = board_of(database)
    parts = board.source.read(Reading(None, board.store))
    board.take(next(parts))
    with stopped(pg):
        started = time.monotonic()
        with pytest.raises(SourceError, match="did not answer"):
            take_all(board, parts)
        assert time.monotonic() - started < SOON
    board.refresh()
    assert len(board.content()["run"]) == 6


def take_all(board: Board, parts: Iterator[Batch | Tracks | Position]) -> None:
    for part in parts:
        board.take(part)


def test_whether_anything_changed_is_told_though_the_server_is_silent(board: Board, pg: Server) -> None:
    with stopped(pg):
        started = time.monotonic()
        assert board.source.changed(board.position)
        assert time.monotonic() - started < 2


def test_a_reading_of_a_silent_server_can_be_cancelled(board: Board, pg: Server) -> None:
    token = CancelToken()
    ended = threading.Event()

    def read() -> None:
        with pytest.raises(Cancelled):
            list(board.source.read(Reading(board.position, board.store, cancel=token)))
        ended.set()

    with stopped(pg):
        thread = threading.Thread(target=read)
        thread.start()
        token.cancel()
        assert ended.wait(2)
        thread.join()


def test_a_session_is_read_only_named_and_bounded(database: str, board: Board, pg: Server) -> None:
    link = Link(conninfo(pg.address(database, "writer")))
    shown = link.ask("select current_setting('statement_timeout'), current_setting('application_name')")
    assert shown == [("1min", "mlops-dash")]
    with pytest.raises(SourceError, match="read-only transaction"):
        link.ask("select setval('experiments_experiment_id_seq', 99)")
    link.close()


def test_vacuum_is_not_held_back_between_batches(database: str, board_of: Boards, pg: Server) -> None:
    """No transaction stays open while what was read goes into the store, however long that takes."""
    board = board_of(database)
    open_ones = (
        "select count(*) from pg_stat_activity where application_name = 'mlops-dash' "
        "and (state <> 'idle' or backend_xmin is not null)"
    )

    def settled() -> bool:
        until = time.monotonic() + 10
        while pg.sql(open_ones) != "0":
            if time.monotonic() > until:
                return False
        return True

    for part in board.source.read(Reading(None, board.store)):
        if isinstance(part, Tracks):
            for side in part.sides:
                for batch in side:
                    assert settled()
                    board.take(batch)
        else:
            assert settled()
            board.take(part)
    assert len(board.content()["run"]) == 6


def test_a_user_with_rights_on_some_tables_only(database: str, board_of: Boards, pg: Server) -> None:
    pg.sql("revoke select on params, registered_model_aliases, tags from reader", database)
    board = board_of(database)
    end = last(board)
    assert end.warning is not None
    for word in ("'reader' may not read", "public.params", "public.tags", "public.registered_model_aliases"):
        assert word in end.warning
    found = board.content()
    assert (found["param"], found["tag"], found["model_alias"]) == ([], [], [])
    assert {row[2] for row in found["run"]} == {f"fit-{number}" for number in range(6)}
    assert found["metric"]
    assert end.remedy is not None
    pg.sql(end.remedy.partition("run: ")[2], database)
    assert last(board).warning is None
    assert board.content()["param"]
    pg.sql("revoke select on params from reader", database)
    assert "public.params" in str(last(board).warning)
    assert board.content()["param"] == []


def last(board: Board) -> Position:
    found: Batch | Tracks | Position | None = None
    for part in board.source.read(Reading(board.position, board.store)):
        board.take(part)
        found = part
    assert isinstance(found, Position)
    return found


def test_essential_tables_that_may_not_be_read(database: str, board_of: Boards, pg: Server) -> None:
    pg.sql("revoke select on runs from reader", database)
    board = board_of(database)
    found = failure(board, "'reader' may not read runs", "GRANT SELECT ON public.runs TO reader;")
    pg.sql(str(found.remedy).partition("run: ")[2], database)
    board.refresh()
    assert len(board.content()["run"]) == 6


def test_another_schema_is_read_where_the_search_path_says(
    database: str, board_of: Boards, pg: Server
) -> None:
    pg.sql(
        "alter schema public rename to team; create schema public; grant usage on schema team to reader",
        database,
    )
    failure(board_of(database), "'team'", "?options=-csearch_path%3Dteam")
    board = Board(MlflowPostgres(pg.address(database) + "?options=-csearch_path%3Dteam"))
    with closing(board):
        board.refresh()
        assert len(board.content()["run"]) == 6
        pg.sql("update team.tags set value = 'edited' where key = 'note'", database)
        board.refresh()
        assert edited(board)


def test_fault_16_wrong_password(database: str, board_of: Boards) -> None:
    failure(board_of(database, password="wr0ng"), "user or password", "PGPASSWORD")


def test_fault_17_no_such_database(board_of: Boards, pg: Server) -> None:
    failure(board_of("nowhere"), "no such database", "Nothing was created")
    assert pg.sql("select count(*) from pg_database where datname = 'nowhere'") == "0"


def test_fault_28_no_such_host() -> None:
    with closing(Board(MlflowPostgres("postgresql://reader:x@no-such-host.invalid/runs"))) as board:
        failure(board, "no such host")


def test_fault_07_another_program_s_database(
    board_of: Boards, pg: Server, copy_of: Callable[[str], str]
) -> None:
    pg.create("songs")
    pg.sql("create table songs (title text)", "songs")
    failure(board_of("songs"), "no MLflow tracking store", "Nothing was created")
    assert pg.sql("select count(*) from pg_tables where schemaname = 'public'", "songs") == "1"
    pg.sql("drop database songs")


def test_fault_07_no_alembic_version(database: str, board_of: Boards, pg: Server) -> None:
    pg.sql("drop table alembic_version", database)
    failure(board_of(database), "alembic_version")


def reload(pg: Server) -> None:
    """Have the server read its configuration, and wait until new sessions have it."""
    before = pg.sql("select pg_conf_load_time()")
    pg.sql("select pg_reload_conf()")
    until = time.monotonic() + 10
    while pg.sql("select pg_conf_load_time()") == before:
        assert time.monotonic() < until


def test_tls(database: str, board_of: Boards, pg: Server) -> None:
    rules = pg.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    try:
        rules.write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        reload(pg)
        board = Board(MlflowPostgres(pg.address(database) + "?sslmode=require"))
        with closing(board):
            board.refresh()
        failure(
            Board(MlflowPostgres(pg.address(database) + "?sslmode=disable")), "TLS only", "sslmode=require"
        )
        verified = (
            pg.address(database).replace("127.0.0.1", "localhost") + "?sslmode=verify-full&sslrootcert=system"
        )
        failure(Board(MlflowPostgres(verified)), "certificate cannot be trusted", "sslrootcert")
    finally:
        rules.write_text(before)
        reload(pg)


def test_tls_that_the_server_does_not_offer(database: str, board_of: Boards, pg: Server) -> None:
    pg.sql("alter system set ssl = off")
    reload(pg)
    try:
        board = Board(MlflowPostgres(pg.address(database) + "?sslmode=require"))
        failure(board, "does not offer it")
    finally:
        pg.sql("alter system reset ssl")
        reload(pg)


@pytest.mark.campaign
def test_fault_01_a_migration_locks_a_table(database: str, board: Board, pg: Server) -> None:
    edit(pg, database)
    with closing(pg.connect(database)) as migration:
        migration.execute("lock table tags in access exclusive mode")
        failure(board, "locked by another program", "migration")
    board.refresh()
    assert edited(board)


def test_no_connection_left(database: str, board_of: Boards, pg: Server) -> None:
    pg.sql("alter role reader connection limit 0")
    try:
        failure(board_of(database), "no connection left")
    finally:
        pg.sql("alter role reader connection limit -1")


def test_a_missing_driver_names_the_command(
    database: str, board_of: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(SourceError, match="pip install adbc-driver-postgresql"):
        board_of(database).refresh()


def test_connections_end_with_the_source(database: str, board: Board, pg: Server) -> None:
    history_of(board.source, ["a"], ["rmse"])
    count = f"select count(*) from pg_stat_activity where datname = '{database}'"
    assert int(pg.sql(count)) <= 2
    board.source.close()
    until = time.monotonic() + 10
    while pg.sql(count) != "0":
        assert time.monotonic() < until


def test_reading_needs_neither_pandas_nor_pyarrow(database: str, pg: Server) -> None:
    program = (
        "import sys\n"
        "from mlops_dash.sources.base import Reading\n"
        "from mlops_dash.sources.mlflow.postgres import MlflowPostgres\n"
        "from mlops_dash.store.database import Store\n"
        "store = Store.open(None, 'x')\n"
        "source = MlflowPostgres(sys.argv[1])\n"
        "for part in source.read(Reading(None, store)):\n"
        "    store.apply(part) if not hasattr(part, 'value') else None\n"
        "source.close(); store.close()\n"
        "print(sorted({'pandas', 'pyarrow', 'mlflow', 'sqlalchemy', 'psycopg'} & sys.modules.keys()))\n"
    )
    command = [sys.executable, "-c", program, pg.address(database)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
