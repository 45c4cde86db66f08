"""A PostgreSQL server for the session, and stores in it as several versions of MLflow wrote them.

``stores/make.py`` of the folder above wrote them with ``write_to("postgresql://…")``, ``pg_dump`` kept them.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from conformance.board import Board
from conformance.postgres_server import Server, server
from mlops_dash.sources.mlflow.postgres import MlflowPostgres
from mlops_dash.sources.mlflow.postgres.catalogue import WANTED

STORES = {
    path.name.removeprefix("mlflow-").removesuffix(".sql.xz"): path
    for path in Path(__file__).with_name("stores").glob("*.sql.xz")
}
NEWEST = "3.17.2"
_NUMBERS = count()
_UNREAD = (  # traces, webhooks and more, without which a database is copied quicker
    "select string_agg(format('drop table %I cascade', tablename), ';') from pg_tables "
    "where schemaname = 'public' and tablename not in ('alembic_version', {})"
).format(", ".join(f"'{name}'" for name in WANTED))


@pytest.fixture(scope="session")
def pg() -> Iterator[Server]:
    """The server. A test that stops it starts it again."""
    with server() as one:
        yield one


@pytest.fixture(scope="session")
def copy_of(pg: Server) -> Callable[[str], str]:
    """Make databases with the store that a version of MLflow wrote."""
    made: set[str] = set()

    def make(version: str) -> str:
        template = f"mlflow-{version}"
        if version not in made:
            pg.create(template)
            pg.sql("set role writer;" + lzma.decompress(STORES[version].read_bytes()).decode(), template)
            pg.sql(pg.sql(_UNREAD, template), template)
            made.add(version)
        name = f"store{next(_NUMBERS)}"
        pg.create(name, template)
        return name

    return make


@pytest.fixture
def database(copy_of: Callable[[str], str]) -> str:
    """A database with a small store, to be changed by the test."""
    return copy_of(NEWEST)


@pytest.fixture
def board_of(pg: Server) -> Iterator[Callable[..., Board]]:
    """Make boards that follow databases; they are closed at the end."""
    boards: list[Board] = []

    def make(database: str, **address: str) -> Board:
        boards.append(Board(MlflowPostgres(pg.address(database, **address))))
        return boards[-1]

    yield make
    for board in boards:
        board.close()


@pytest.fixture
def board(database: str, board_of: Callable[..., Board]) -> Board:
    """A board that has read all of ``database``."""
    made = board_of(database)
    made.refresh()
    return made
