"""The alias hand on real PostgreSQL and MariaDB servers, through MLflow's client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from actions.journalled import Says, plan_of
from actions.registries import MODEL, alias_step, fill
from conformance import mariadb_server, postgres_server
from mlops_dash.actions.audit import send_all
from mlops_dash.actions.executor import execute, resume
from mlops_dash.actions.hands import Context, Hand, Note, Standing, hand_of
from mlops_dash.actions.journal import Journal
from mlops_dash.actions.registry_writer import Registry, registry_of
from mlops_dash.domain.plans import Outcome, Step
from mlops_dash.errors import RefusedError

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def postgres() -> Iterator[postgres_server.Server]:
    with postgres_server.server() as one:
        one.create("store")
        uri = one.address("store", "writer", driver="+psycopg")
        fill(Registry(uri).client)
        yield one


def rolled_back(uri: str, folder: Path) -> None:
    """Roll back, leave a record, and go forward again by undoing."""
    context = Context(uri, None, folder, folder)
    book = Journal(folder / "journal")
    plan = plan_of(alias_step())

    def hands(step: Step) -> Hand:
        return hand_of(step, context)

    assert execute(plan, book, hands, Says(), lambda _: ()) is Outcome.VERIFIED
    assert registry_of(uri).alias(MODEL, "production") == "4"
    assert send_all(book, registry_of(uri)) == (plan.id,)
    assert hand_of(alias_step("6", "3"), context).look().by is not None
    hand_of(alias_step(), context).undo(lambda *_: None)
    assert registry_of(uri).alias(MODEL, "production") == "6"


def test_a_rollback_in_postgresql(postgres: postgres_server.Server, tmp_path: Path) -> None:
    rolled_back(postgres.address("store", "writer", driver="+psycopg"), tmp_path)


def test_fault_14_rights_schema_and_passwords(postgres: postgres_server.Server, tmp_path: Path) -> None:
    """Who may only read is refused; so is another schema, an empty database and a missing driver."""

    def refused(uri: str) -> str:
        one = hand_of(alias_step(), Context(uri, None, tmp_path, tmp_path))
        with pytest.raises(RefusedError) as caught:
            one.act(lambda *_: None)
        told = str(caught.value)
        assert "p/w" not in told
        assert "p%2Fw" not in told
        return told

    refused(postgres.address("store", "reader", driver="+psycopg"))
    refused(postgres.address("store", "writer", password="wrong-one", driver="+psycopg"))
    assert "driver" in refused(postgres.address("store", "writer", driver="+pg8000"))
    postgres.create("empty")
    assert "known schema" in refused(postgres.address("empty", "writer", driver="+psycopg"))
    assert postgres.sql("select count(*) from pg_tables where schemaname = 'public'", "empty") == "0"
    postgres.sql("update alembic_version set version_num = '0584bdc529eb'", "store")
    try:
        assert "2.22" in refused(postgres.address("store", "writer", driver="+psycopg"))
    finally:
        from mlops_dash.actions.schema_heads import installed_head

        postgres.sql(f"update alembic_version set version_num = '{installed_head()}'", "store")
    postgres.stop()
    one = hand_of(alias_step(), Context(postgres.address("store", "writer"), None, tmp_path, tmp_path))
    assert one.look().standing is Standing.UNKNOWN
    postgres.start()


def test_fault_14_a_server_that_goes_away_in_the_middle(
    postgres: postgres_server.Server, tmp_path: Path
) -> None:
    """What was sent and not answered is unknown, and settled when the server is there again."""
    uri = postgres.address("store", "writer", driver="+psycopg")
    context = Context(uri, None, tmp_path, tmp_path)
    book = Journal(tmp_path / "journal")
    plan = plan_of(alias_step("6", "3"))

    class Failing:
        """The alias hand, its server gone at the moment at which it acts."""

        def __init__(self, step: Step) -> None:
            self._hand = hand_of(step, context)
            self.look, self.undo = self._hand.look, self._hand.undo

        def act(self, note: Note) -> Mapping[str, Any]:
            postgres.stop("fast")
            return self._hand.act(note)

    began = time.monotonic()
    try:
        outcome = execute(plan, book, Failing, Says(), lambda _: ())
        assert time.monotonic() - began < 60
    finally:
        postgres.start()
    assert outcome in (Outcome.UNKNOWN, Outcome.FAILED, Outcome.REFUSED)
    assert registry_of(uri).alias(MODEL, "production") == "6"
    log = book.take_up(plan.id)
    if log is not None:
        with log:
            settled = resume(log, lambda step: hand_of(step, context), Says(), lambda _: ())
        assert settled in (Outcome.FAILED, Outcome.REFUSED)
    assert registry_of(uri).alias(MODEL, "production") == "6"


def test_a_rollback_in_mariadb(tmp_path: Path) -> None:
    with mariadb_server.server() as one:
        one.sql("create database store1")
        uri = one.address("store1", "writer")
        fill(Registry(uri).client)
        rolled_back(uri, tmp_path)
