"""The alias hand on real SQLite stores: it moves what it is told to; MLflow migrates and creates nothing."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actions.journalled import Says, plan_of
from actions.registries import MODEL, alias_in, alias_step, write
from mlops_dash.actions import registry_writer
from mlops_dash.actions.executor import execute
from mlops_dash.actions.hands import Context, Standing, hand_of
from mlops_dash.actions.hands.alias import AliasHand
from mlops_dash.actions.journal import Journal
from mlops_dash.actions.registry_writer import registry_of
from mlops_dash.actions.schema_heads import installed_head
from mlops_dash.domain.plans import Outcome
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError
from sources.conftest import STORES, fingerprint, unpack


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return write(tmp_path / "store")


def context(database: Path, **other: Any) -> Context:
    return Context(f"sqlite:///{database}", None, database.parent, database.parent, **other)


def hand(database: Path, before: str | None = "6", after: str = "4", alias: str = "production") -> AliasHand:
    made = hand_of(alias_step(before, after, alias), context(database))
    assert isinstance(made, AliasHand)
    return made


def told(words: str, evidence: Mapping[str, Any]) -> None:
    assert words


def test_it_moves_and_moves_back(database: Path) -> None:
    one = hand(database)
    assert one.look().standing is Standing.BEFORE
    assert one.act(told) == {"found": "4", "changed": True}
    assert alias_in(database) == "4"
    assert one.look().standing is Standing.AFTER
    assert one.act(told)["changed"] is False
    assert one.undo(told) == {"found": "6", "changed": True}
    assert alias_in(database) == "6"
    assert one.undo(told)["changed"] is False


def test_an_alias_that_was_not_there_is_made_and_taken_away(database: Path) -> None:
    one = hand(database, None, "2", "canary")
    assert one.look().standing is Standing.BEFORE
    one.act(told)
    assert alias_in(database, "canary") == "2"
    one.undo(told)
    assert alias_in(database, "canary") is None


def test_fault_61_somebody_else_was_there_first(database: Path) -> None:
    registry_of(f"sqlite:///{database}").set_alias(MODEL, "production", "5")
    one = hand(database)
    look = one.look()
    assert (look.standing, look.found) == (Standing.OTHER, "5")
    with pytest.raises(RefusedError, match="names version 5"):
        one.act(told)
    with pytest.raises(RefusedError, match="names version 5"):
        one.undo(told)
    assert alias_in(database) == "5"


def test_fault_61_who_it_was_is_known_from_their_record(database: Path, tmp_path: Path) -> None:
    from mlops_dash.actions.audit import send_all

    book = Journal(tmp_path / "journal")
    theirs = plan_of(alias_step("6", "5"), after="5", actor="ada")
    assert (
        execute(theirs, book, lambda s: hand_of(s, context(database)), Says(), lambda _: ())
        is Outcome.VERIFIED
    )
    assert send_all(book, registry_of(f"sqlite:///{database}")) == (theirs.id,)
    look = hand(database).look()
    assert look.by is not None
    assert look.by.startswith("ada (")
    assert "put there by ada" in look.words


def test_somebody_who_moves_it_at_the_very_moment_is_noticed(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = registry_of(f"sqlite:///{database}")
    real = registry.set_alias

    def then_somebody(model: str, alias: str, version: str) -> None:
        real(model, alias, version)
        real(model, alias, "5")

    monkeypatch.setattr(registry, "set_alias", then_somebody)
    with pytest.raises(RefusedError, match="at the same moment"):
        hand(database).act(told)


def test_fault_63_a_version_that_is_gone_is_refused(database: Path) -> None:
    with pytest.raises(RefusedError, match="no version 99"):
        hand(database, after="99").act(told)
    registry_of(f"sqlite:///{database}").client.delete_model_version(MODEL, "4")
    with pytest.raises(RefusedError, match="no version 4"):
        hand(database).act(told)
    assert alias_in(database) == "6"


def test_a_version_that_was_deleted_cannot_be_gone_back_to(database: Path) -> None:
    one = hand(database)
    one.act(told)
    registry_of(f"sqlite:///{database}").client.delete_model_version(MODEL, "6")
    with pytest.raises(DashError, match="it was deleted"):
        one.undo(told)
    assert alias_in(database) == "4"


def test_a_model_that_there_is_not_is_refused(database: Path) -> None:
    step = alias_step()
    arguments = {**step.arguments, "model": "wein"}
    with pytest.raises(RefusedError):
        AliasHand(arguments, context(database)).act(told)


@pytest.mark.parametrize("name", ["latest", "v4", "a b\x1b[31m", "", "x" * 300, "'; drop table runs; --"])
def test_names_that_mlflow_does_not_take_are_refused(database: Path, name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        hand(database, None, "4", name).act(told)
    assert "\x1b" not in str(caught.value)


def test_read_only_changes_nothing(database: Path) -> None:
    step = alias_step()
    one = hand_of(step, context(database, read_only=True))
    for change in (one.act, one.undo):
        with pytest.raises(RefusedError, match="--read-only"):
            change(told)
    assert alias_in(database) == "6"


# -- stores that MLflow's client must not touch ----------------------------------------------------------


def unchanged(folder: Path, one: AliasHand) -> RefusedError:
    """Look and act; return why it was refused. Nothing in the folder may have changed."""
    before = fingerprint(folder)
    assert one.look().standing is Standing.UNKNOWN
    with pytest.raises(RefusedError) as caught:
        one.act(told)
    with pytest.raises(OutcomeUnknownError):
        one.undo(told)
    assert fingerprint(folder) == before
    return caught.value


@pytest.mark.parametrize("release", ["1.30.1", "2.9.2", "2.22.1"])
def test_fault_05_an_older_schema_is_refused_with_the_version_to_install(
    release: str, tmp_path: Path
) -> None:
    database = unpack(STORES / f"mlflow-{release}.db.xz", tmp_path / "mlflow.db")
    error = unchanged(tmp_path, hand(database))
    assert f"MLflow {release.rpartition('.')[0]}" in error.message
    assert "mlflow db upgrade" in str(error.remedy)
    assert f"mlflow=={release.rpartition('.')[0]}" in str(error.remedy)


@pytest.mark.parametrize(
    ("head", "install"), [("f4a9b2c7d1e6", "mlflow==3.18"), ("abcdef012345", "the MLflow")]
)
def test_fault_06_a_newer_schema_is_refused_with_the_version_to_install(
    database: Path, head: str, install: str
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("update alembic_version set version_num = ?", (head,))
        connection.commit()
    error = unchanged(database.parent, hand(database))
    assert head in error.message
    assert str(error.remedy).startswith(f"Install {install}")


def test_fault_07_no_alembic_version(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("drop table alembic_version")
        connection.commit()
    assert "alembic_version" in unchanged(database.parent, hand(database)).message


def test_fault_08_a_store_that_is_not_there_is_not_created(tmp_path: Path) -> None:
    error = unchanged(tmp_path, hand(tmp_path / "mlflow.db"))
    assert "Nothing was created" in error.message
    assert list(tmp_path.iterdir()) == []


def test_fault_08_a_store_that_goes_away_is_not_created_anew(database: Path) -> None:
    one = hand(database)
    one.act(told)
    database.unlink()
    assert one.look().standing is Standing.UNKNOWN
    with pytest.raises(OutcomeUnknownError):
        one.undo(told)
    assert not database.exists()


def test_fault_09_a_file_of_zero_length_is_not_initialised(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    unchanged(tmp_path, hand(tmp_path / "mlflow.db"))


@pytest.mark.parametrize("content", [b"hello" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_fault_10_what_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    unchanged(tmp_path, hand(tmp_path / "mlflow.db"))


@pytest.mark.parametrize("table", ["registered_model_aliases", "model_versions"])
def test_fault_03_a_store_with_corrupt_pages_is_left_alone(database: Path, table: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        (page,) = connection.execute(
            "select rootpage from sqlite_master where name = ? and type = 'table'", (table,)
        ).fetchone()
        (size,) = connection.execute("pragma page_size").fetchone()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xde\xad" * (size // 2))
    if table == "registered_model_aliases":
        unchanged(database.parent, hand(database))
        return
    with pytest.raises(RefusedError, match="damaged"):
        hand(database).act(told)
    assert alias_in(database) == "6"


def test_fault_04_a_store_that_was_cut_short_is_left_alone(database: Path) -> None:
    os.truncate(database, 40960)
    unchanged(database.parent, hand(database))


def test_fault_12_a_store_that_may_not_be_written_is_refused(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    error = unchanged(database.parent, hand(database))
    assert "read-only for you" in error.message


@pytest.fixture
def busy(database: Path) -> Iterator[sqlite3.Connection]:
    """Another program that keeps the store locked."""
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("begin exclusive")
        yield connection


def test_fault_01_a_store_that_another_program_keeps_locked_is_unknown(
    database: Path, busy: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_dash.actions.schema_heads._WAIT", 0.1)
    look = hand(database).look()
    assert look.standing is Standing.UNKNOWN
    assert "locked" in look.words
    with pytest.raises(RefusedError, match="locked"):
        hand(database).act(told)
    busy.execute("rollback")
    assert alias_in(database) == "6"


def test_fault_02_a_busy_writer_is_waited_for(database: Path) -> None:
    one = hand(database)
    one.look()
    writing = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    writing.execute("begin immediate")
    noted = threading.Event()

    def release() -> None:
        noted.wait(60)
        writing.execute("commit")

    thread = threading.Thread(target=release)
    thread.start()
    one.act(lambda *_: noted.set())  # reading goes on, and the write waits
    thread.join()
    writing.close()
    assert alias_in(database) == "4"


def test_a_write_that_outlasts_its_deadline_is_unknown_until_it_is_known(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_writer, "FILE_DEADLINE", 0.5)
    one = hand(database)
    one.look()
    registry_of(f"sqlite:///{database}").client._get_registry_client()
    writing = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    writing.execute("begin immediate")
    with pytest.raises(OutcomeUnknownError, match="did not answer"):
        one.act(told)
    assert one.look().standing is Standing.UNKNOWN
    writing.execute("rollback")
    writing.close()
    late = registry_of(f"sqlite:///{database}")._late
    assert late is not None
    late.join(60)
    assert one.look().standing is Standing.AFTER


def test_nothing_but_the_alias_is_written(database: Path) -> None:
    def content() -> dict[str, str]:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            tables = [
                row[0] for row in connection.execute("select name from sqlite_master where type='table'")
            ]
            return {
                table: hashlib.sha256(
                    repr(connection.execute(f"select * from {table}").fetchall()).encode()
                ).hexdigest()
                for table in tables
            }

    before = content()
    hand(database).act(told)
    after = content()
    assert {name for name in before if before[name] != after[name]} == {"registered_model_aliases"}


def test_a_folder_of_runs_is_refused_unless_mlflow_was_told_to_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    one = AliasHand(alias_step().arguments, Context(str(tmp_path / "mlruns"), None, tmp_path, tmp_path))
    assert "mlflow migrate-filestore" in str(unchanged(tmp_path, one).remedy)


def test_fault_14_a_database_server_that_nobody_runs_is_unknown(tmp_path: Path) -> None:
    uri = "postgresql://me:hunter22@127.0.0.1:1/mlflow"
    one = AliasHand(alias_step().arguments, Context(uri, None, tmp_path, tmp_path))
    look = one.look()
    assert look.standing is Standing.UNKNOWN
    assert "hunter22" not in look.words
    with pytest.raises(RefusedError):
        one.act(told)


def test_the_installed_head_is_the_one_that_the_installed_mlflow_writes(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [
            (installed_head(),)
        ]
