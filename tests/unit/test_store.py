"""The store: batches, questions, what a user's own SQL may do, and the cache's files."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from mlops_dash.domain.environments import Health, Observation
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.errors import StoreError
from mlops_dash.sources.base import Apply, Batch
from mlops_dash.store import database
from mlops_dash.store.database import Store
from mlops_dash.store.questions import question

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def params(*rows: tuple[int, str, str, str]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    names = ("rowno", "run_id", "key", "value")
    kinds = (pa.int64(), pa.string(), pa.string(), pa.string())
    return pa.table(
        {name: pa.array(values, kind) for name, values, kind in zip(names, columns, kinds, strict=True)}
    )


def batch(apply: Apply, *rows: tuple[int, str, str, str], **more: Any) -> Batch:
    return Batch("param", params(*rows), apply, **more)


def held(store: Store) -> list[tuple[Any, ...]]:
    return store.sql("select rowno, run_id, key, value from param order by all")[1]


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None, "project") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache folder with a published snapshot that holds one parameter."""
    folder = tmp_path / "cache" / "project"
    with Store.open(folder, "project") as store:
        store.apply(batch(Apply.APPEND, (1, "a", "depth", "3")))
        store.set_source(SourceStatus("tracking", "mlflow-sqlite", Freshness.OK, NOW), "here")
        assert store.publish()
    return folder


def test_batches_change_their_table_as_they_say(store: Store) -> None:
    store.apply(batch(Apply.APPEND, (1, "a", "k", "1"), (2, "b", "k", "2"), (3, "b", "l", "3")))
    store.apply(batch(Apply.APPEND, (4, "c", "k", "4")))
    store.apply(batch(Apply.UPSERT, (2, "b", "k", "two"), (5, "d", "k", "5"), keys=("run_id", "key")))
    assert [row[3] for row in held(store)] == ["1", "two", "3", "4", "5"]
    store.apply(batch(Apply.REPLACE_WHERE, (6, "b", "m", "6"), keys=("run_id",), scope=("b", "gone")))
    assert [row[3] for row in held(store)] == ["1", "4", "5", "6"]
    store.apply(batch(Apply.REPLACE_RANGE, (4, "c", "k", "four"), keys=("rowno",), scope=("4", "5")))
    assert [row[3] for row in held(store)] == ["1", "four", "6"]
    store.apply(Batch("param", None, Apply.REPLACE_WHERE, ("run_id",), ("a",)))
    assert [row[3] for row in held(store)] == ["four", "6"]
    store.apply(batch(Apply.REPLACE, (9, "z", "k", "9")))
    assert [row[3] for row in held(store)] == ["9"]


def test_streams_side_by_side_and_shape_rows(store: Store) -> None:
    streams = (params((-1, "", "", ""), (1, "a", "k", "1")), params((-1, "", "", ""), (2, "a", "l", "2")))
    store.apply(Batch("param", streams, Apply.REPLACE, shaped="rowno"))
    assert [row[0] for row in held(store)] == [1, 2]


def test_columns_that_a_batch_lacks_are_null(store: Store) -> None:
    store.apply(Batch("param", pa.table({"run_id": ["a"], "unknown": [1]}), Apply.APPEND))
    assert held(store) == [(None, "a", None, None)]


def test_fault_38_nul_is_replaced(store: Store) -> None:
    store.apply(batch(Apply.APPEND, (1, "a", "k\0", "v\0w")))
    assert held(store) == [(1, "a", "k\ufffd", "v\ufffdw")]


def test_a_batch_that_fails_leaves_no_trace(store: Store) -> None:
    store.apply(batch(Apply.APPEND, (1, "a", "k", "1")))

    def broken() -> Iterator[pa.RecordBatch]:
        yield from params((2, "b", "k", "2")).to_batches()
        raise OSError("the disk went away")

    reader = pa.RecordBatchReader.from_batches(params((2, "b", "k", "2")).schema, broken())
    with pytest.raises(StoreError, match="went away"):
        store.apply(Batch("param", reader, Apply.REPLACE))
    assert held(store) == [(1, "a", "k", "1")]
    with pytest.raises(StoreError, match="no table"):
        store.apply(Batch("nothing", params(), Apply.REPLACE))


def test_a_batch_may_recover(store: Store) -> None:
    bad = pa.table({"rowno": ["no number"], "run_id": ["a"]})
    instead = [batch(Apply.REPLACE, (1, "a", "k", "1")), batch(Apply.APPEND, (2, "a", "l", "2"))]
    store.apply(Batch("param", bad, Apply.REPLACE, recover=lambda _: instead))
    assert [row[0] for row in held(store)] == [1, 2]


def test_sources_and_observations_are_remembered(folder: Path) -> None:
    status = SourceStatus("git", "git", Freshness.STALE, NOW, NOW, "14 commits", "why", "what to do")
    seen = Observation("production", "m", "http", NOW, True, Health.HEALTHY, "7", by="dev1", since=NOW)
    with Store.open(folder, "project") as store:
        assert store.position("tracking") == "here"
        store.set_source(status, "there")
        store.set_source(status)  # keeps the position
        store.save_observations([seen, seen])
        store.publish()
    with Store.open(folder, "project") as store:
        assert store.sources()["git"] == status
        assert (store.position("git"), store.position("nothing")) == ("there", None)
        found = store.sql('select environment, version, "by", since from observations')[1]
        assert found == [("production", "7", "dev1", NOW.replace(tzinfo=None))]


def test_questions_are_found_by_name(store: Store) -> None:
    tables = store.records("tables")
    assert {
        "runs",
        "params",
        "metrics",
        "tags",
        "datasets",
        "versions",
        "aliases",
        "commits",
        "refs",
        "live",
    } <= {table["name"] for table in tables}
    for table in tables:
        assert store.sql(f"from {table['name']}")[1] == []
    for name in ("no_such_question", "../pyproject", ""):
        with pytest.raises(StoreError):
            question(name)


def test_questions_from_several_threads(folder: Path) -> None:
    answers: list[int] = []
    with Store.open(folder, "project") as store:

        def ask() -> None:
            answers.extend(len(store.ask("tracking_run_ids", low=0, high=9)) for _ in range(20))

        def write() -> None:
            for number in range(20):
                store.apply(batch(Apply.APPEND, (number, "a", f"k{number}", "1")))
                store.publish()

        threads = [threading.Thread(target=work) for work in (ask, write, ask, write, ask)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(held(store)) == 41
    assert answers == [0] * 60


@pytest.mark.parametrize(
    "text",
    [
        "drop table run",
        "insert into run (run_id) values ('x')",
        "select 1; drop table run",
        "begin; drop table run",
        "copy run to '/tmp/out.csv'",
        "attach '/tmp/other.db'",
        "install httpfs",
        "load httpfs",
        "set threads = 1",
        "reset lock_configuration",
        "pragma enable_external_access",
        "call pragma_version()",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from glob('/*')",
        "from '/etc/passwd'",
        "export database '/tmp/out'",
        "vacuum",
        "",
        ";",
        "selec 1",
    ],
)
def test_a_user_s_sql_only_reads(text: str, store: Store) -> None:
    with pytest.raises(StoreError):
        store.sql(text)
    assert store.sql("select count(*) from run")[1] == [(0,)]


def test_a_user_s_sql_answers_with_columns_and_a_limit(store: Store) -> None:
    columns, rows = store.sql("select range as n, 'x' as t from range(100)", limit=3)
    assert columns == ("n", "t")
    assert rows == [(0, "x"), (1, "x"), (2, "x")]
    assert len(store.sql("from range(5000)", None)[1]) == 5000
    assert store.sql("with a as (select 1) from a;")[1] == [(1,)]
    assert store.sql("describe runs")[1][0][0] == "run_id"


def test_a_user_s_sql_has_its_times_in_utc(store: Store) -> None:
    text = """select now() as n, 1 as n, [timestamptz '2026-11-23 08:00:00+02'] as "a ""list"
        from range(9) order by 2; """
    columns, rows = store.sql(text, limit=1)
    assert columns == ("n", "n", 'a "list')
    assert rows[0][1:] == (1, [datetime(2026, 11, 23, 6)])
    plain = store.sql("select epoch_us(now()::timestamp) - epoch_us(now())")[1][0][0]
    assert (rows[0][0].tzinfo, plain) == (None, 0)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_plain_now_is_utc_wherever_the_machine_is(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        with Store.open(None, "zone") as store:
            plain = store.sql("select now()::timestamp")[1][0][0]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert abs((plain - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 600


# -- the cache's files --------------------------------------------------------------------------------


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_cache_is_private_and_left_tidy(folder: Path) -> None:
    assert files(folder) == ["snapshot.duckdb"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "snapshot.duckdb").stat().st_mode & 0o777 == 0o600
    with Store.open(folder, "project") as store:
        assert store.notice is None
        assert held(store) == [(1, "a", "depth", "3")]
        assert not store.publish()  # nothing changed


def test_fault_68_two_instances_publish_while_the_other_reads(folder: Path) -> None:
    with Store.open(folder, "project") as one, Store.open(folder, "project") as two:
        one.apply(batch(Apply.APPEND, (2, "b", "depth", "4")))
        assert one.publish()
        assert len(held(two)) == 1
        two.apply(batch(Apply.APPEND, (3, "c", "depth", "5"), (4, "c", "l", "6")))
        assert two.publish()
        assert len(held(one)) == 2
        with Store.open(folder, "project") as three:
            assert len(held(three)) == 3
        assert (one.notice, two.notice) == (None, None)
    assert files(folder) == ["snapshot.duckdb"]


def test_fault_68_a_killed_instance_s_copy_is_swept(folder: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from mlops_dash.store.database import Store; "
        "Store.open(Path(sys.argv[1]), 'project'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, folder], check=False)
    assert len(files(folder)) == 2
    with Store.open(folder, "project") as living:
        assert len(files(folder)) == 2
        with Store.open(folder, "project"):
            assert len(files(folder)) == 3
        assert held(living) == [(1, "a", "depth", "3")]
    assert files(folder) == ["snapshot.duckdb"]


def _is_set_aside(folder: Path, identity: str = "project") -> None:
    with Store.open(folder, identity) as store:
        assert store.notice
        assert held(store) == []
        assert store.position("tracking") is None
        assert "snapshot.set-aside" in files(folder)
        assert "snapshot.duckdb" not in files(folder)
        store.apply(batch(Apply.APPEND, (1, "a", "depth", "3")))
        assert store.publish()
    with Store.open(folder, identity) as store:
        assert store.notice is None
        assert len(held(store)) == 1
    assert files(folder) == ["snapshot.duckdb", "snapshot.set-aside"]


@pytest.mark.parametrize("damage", ["text", "cut", "empty", "header"])
def test_fault_69_corrupt_cache_is_rebuilt(damage: str, folder: Path) -> None:
    snapshot = folder / "snapshot.duckdb"
    content = snapshot.read_bytes()
    damaged = {
        "text": b"hello" * 1000,
        "cut": content[:5000],
        "empty": b"",
        "header": content[:4096] + b"\xff" * 8192 + content[12288:],
    }
    snapshot.write_bytes(damaged[damage])
    _is_set_aside(folder)


def test_fault_69_damage_that_shows_only_when_asked(tmp_path: Path) -> None:
    with Store.open(tmp_path, "project") as store:
        rows = [(number, os.urandom(16).hex(), "k", os.urandom(16).hex()) for number in range(20_000)]
        store.apply(Batch("param", params(*rows), Apply.APPEND))
        store.publish()
        found = store.sql(
            "select distinct block_id from pragma_storage_info('param') where column_name = 'value'"
        )
    with (tmp_path / "snapshot.duckdb").open("r+b") as file:
        for block in {row[0] for row in found[1] if row[0] is not None and row[0] >= 0}:
            file.seek(12288 + block * 262144 + 100_000)
            file.write(os.urandom(64))
    with Store.open(tmp_path, "project") as store:
        assert store.notice is None
        with pytest.raises(StoreError):
            store.sql("select max(value), max(run_id), max(rowno) from param")
        assert store.notice
        store.apply(batch(Apply.REPLACE, (1, "a", "depth", "3")))
        assert held(store) == [(1, "a", "depth", "3")]
        assert store.publish()
    assert files(tmp_path) == ["snapshot.duckdb", "snapshot.set-aside"]


def test_fault_70_a_snapshot_that_lost_its_last_writes(folder: Path) -> None:
    with Store.open(folder, "project") as store:
        store.apply(batch(Apply.APPEND, (2, "b", "depth", "4")))
        (working,) = folder.glob("work-*/store.duckdb")
        assert working.with_name("store.duckdb.wal").exists()
        log = (working.with_name("store.duckdb.wal")).read_bytes()
    # a copy whose write-ahead log is gone: it opens silently, with rows missing
    connection = duckdb.connect(str(folder / "snapshot.duckdb"))
    connection.execute("delete from param")
    connection.close()
    assert log
    _is_set_aside(folder)


@pytest.mark.parametrize("reason", ["schema", "identity", "newer format"])
def test_fault_71_cache_of_another_version_or_project(
    reason: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "schema":
        monkeypatch.setattr(database, "schema_version", lambda: "another")
    if reason == "newer format":
        with (folder / "snapshot.duckdb").open("r+b") as file:
            file.seek(12)  # the storage version, after checksum and magic
            file.write((10_000).to_bytes(8, "little"))
    _is_set_aside(folder, "another project" if reason == "identity" else "project")


@contextmanager
def full_disk(free: int) -> Iterator[None]:
    """No file can grow beyond ``free`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_fault_72_disk_full_when_publishing(folder: Path) -> None:
    with Store.open(folder, "project") as store:
        store.apply(batch(Apply.APPEND, (2, "b", "depth", "4")))
        with full_disk(100_000):
            assert not store.publish()
        assert store.notice
        assert len(held(store)) == 2
    with Store.open(folder, "project") as store:
        assert held(store) == [(1, "a", "depth", "3")]
    assert files(folder) == ["snapshot.duckdb"]


def test_fault_72_disk_full_when_opening(folder: Path) -> None:
    with full_disk(100_000):
        with Store.open(folder, "project") as store:
            assert store.notice
            assert "memory" in store.notice
            store.apply(batch(Apply.APPEND, (2, "b", "depth", "4")))
            assert len(held(store)) == 1
            assert not store.publish()
        assert files(folder) == ["snapshot.duckdb"]


def test_fault_72_disk_full_while_reading(folder: Path) -> None:
    rows = [
        (number, f"{number:032x}", f"{number * 7919:x}", os.urandom(16).hex()) for number in range(200_000)
    ]
    with Store.open(folder, "project") as store:
        with full_disk(1_200_000), pytest.raises(StoreError, match="could not take"):
            store.apply(Batch("param", params(*rows), Apply.APPEND))
        assert store.notice
        assert held(store) == [(1, "a", "depth", "3")]  # what was committed before is not lost
        store.apply(Batch("param", params(*rows), Apply.REPLACE))
        assert len(held(store)) == 10_000  # as many as are shown at most
    with Store.open(folder, "project") as store:
        assert held(store) == [(1, "a", "depth", "3")]


def test_fault_73_read_only_home(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("where a folder would be")
    with Store.open(tmp_path / "file" / "cache", "project") as store:
        assert store.notice
        assert "memory" in store.notice
        store.apply(batch(Apply.APPEND, (2, "b", "depth", "4")))
        assert len(held(store)) == 1
        assert not store.publish()


def test_what_is_kept_is_asked_once_until_a_batch_comes(store: Store) -> None:
    made: list[int] = []

    def make(rows: list[tuple[Any, ...]]) -> int:
        made.append(len(rows))
        return len(rows)

    store.apply(batch(Apply.APPEND, (1, "a", "depth", "3")))
    assert [store.kept("tables", make) for _ in range(3)] == made * 3
    store.save_observations([])
    store.kept("tables", make)
    assert len(made) == 1
    store.apply(batch(Apply.APPEND, (2, "a", "width", "3")))
    store.kept("tables", make)
    assert len(made) == 2


def test_two_who_ask_for_what_is_kept_at_once_wait_for_one_answer(store: Store) -> None:
    both, made = threading.Barrier(2), []

    def ask() -> None:
        both.wait()
        store.kept("tables", lambda rows: made.append(len(rows)))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


LARGE = "select len(list(md5(range::varchar))) from range(500000)"  # two do not fit into its memory


def test_questions_that_are_too_much_at_once_are_asked_one_after_the_other(folder: Path) -> None:
    with Store.open(folder, "project") as store:
        both, found = threading.Barrier(4), []

        def ask() -> None:
            both.wait()
            found.extend(store.composed("large", LARGE, {}))
            found.extend(store.sql(LARGE)[1])

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [(500_000,)] * 8


def test_one_question_that_is_too_much_is_told(folder: Path) -> None:
    with Store.open(folder, "project") as store:
        with pytest.raises(StoreError, match="Out of Memory"):
            store.composed("large", "select list(md5(range::varchar)) from range(3000000)", {})
        assert store.ask("tables")  # it goes on
