"""A tracking store that is missing, broken, locked or hostile costs its own freshness and says why."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import Position, Reading

from .conftest import Board, OtherProcess, fingerprint

Boards = Callable[[Path], Board]


@contextmanager
def fails(board: Board, *words: str) -> Iterator[None]:
    """Expect a refresh to fail in plain words, the position and the earlier facts to stay."""
    position, before = board.position, board.content()
    yield
    assert board.source.changed(board.position)
    with pytest.raises(SourceError) as caught:
        board.refresh()
    assert str(board.path) in caught.value.message
    for word in words:
        assert word in str(caught.value)
    assert board.position == position
    assert board.content() == before


def edit(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_fault_01_exclusive_lock(tracking_db: Path, board_of: Boards, other_process: OtherProcess) -> None:
    board = board_of(tracking_db)
    board.refresh()
    assert other_process.say("begin exclusive") == "ok"
    with fails(board, "locked by another program"):
        pass
    assert other_process.say("rollback") == "ok"
    board.refresh()


def test_fault_02_busy_writer_does_not_keep_us_from_reading(
    tracking_db: Path, board_of: Boards, other_process: OtherProcess
) -> None:
    board = board_of(tracking_db)
    assert other_process.say("begin immediate") == "ok"
    assert other_process.say("update runs set name = 'not committed'") == "ok"
    board.refresh()
    assert other_process.say("rollback") == "ok"
    assert board.counts == "5 runs"
    assert "not committed" not in str(board.content())


def test_fault_02_a_writer_that_commits_meanwhile_is_found_next_time(
    tracking_db: Path, board_of: Boards
) -> None:
    board = board_of(tracking_db)
    for batch in board.batch_by_batch():
        edit(tracking_db, f"update tags set value = '{batch.table}' where rowid = 2")
    assert board.source.changed(board.position)
    board.refresh()
    assert board.asked("select value from tag where rowno = 2") == [("metric",)]


def test_fault_03_corrupt_pages(tracking_db: Path, board_of: Boards) -> None:
    board = board_of(tracking_db)
    board.refresh()
    with closing(sqlite3.connect(tracking_db)) as connection:
        (page,) = connection.execute("select rootpage from sqlite_master where name = 'runs'").fetchone()
        (size,) = connection.execute("pragma page_size").fetchone()
    with fails(board, "damaged", "backup"), tracking_db.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xde\xad" * (size // 2))


def test_fault_04_truncated(tracking_db: Path, board_of: Boards) -> None:
    board = board_of(tracking_db)
    board.refresh()
    with fails(board, "cut short"):
        os.truncate(tracking_db, tracking_db.stat().st_size // 2 // 4096 * 4096)


def test_fault_07_no_alembic_version(tracking_db: Path, board_of: Boards) -> None:
    board = board_of(tracking_db)
    board.refresh()
    with fails(board, "alembic_version"):
        edit(tracking_db, "drop table alembic_version")


def test_fault_07_another_program_s_database(tmp_path: Path, board_of: Boards) -> None:
    edit(tmp_path / "other.db", "create table songs (title text)")
    before = fingerprint(tmp_path)
    with fails(board_of(tmp_path / "other.db"), "no MLflow tracking store"):
        pass
    assert fingerprint(tmp_path) == before


def test_fault_08_missing_path_is_not_created(tmp_path: Path, board_of: Boards) -> None:
    with fails(
        board_of(tmp_path / "deep" / "mlflow.db"), "there is no tracking store", "MLFLOW_TRACKING_URI"
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_fault_08_a_folder_is_no_store(tmp_path: Path, board_of: Boards) -> None:
    (tmp_path / "mlruns").mkdir()
    with fails(board_of(tmp_path / "mlruns"), "folder", "by its path alone"):
        pass


def test_fault_09_zero_length_is_not_initialised(tmp_path: Path, board_of: Boards) -> None:
    (tmp_path / "mlflow.db").touch()
    with fails(board_of(tmp_path / "mlflow.db"), "empty (0 bytes)"):
        pass
    assert (tmp_path / "mlflow.db").stat().st_size == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_fault_10_not_sqlite(tmp_path: Path, board_of: Boards) -> None:
    (tmp_path / "mlflow.db").write_text("PGDMP or anything else\n" * 50)
    with fails(board_of(tmp_path / "mlflow.db"), "not an SQLite database"):
        pass


def test_fault_11_deleted_while_read(tracking_db: Path, board_of: Boards) -> None:
    board = board_of(tracking_db)
    board.refresh()
    position, before = board.position, board.content()

    def delete_and_go_on() -> None:
        for part in board.source.read(Reading(None, board.store)):
            assert not isinstance(part, Position)
            tracking_db.unlink(missing_ok=True)
            board.store.apply(part)

    with pytest.raises(SourceError, match="there is no tracking store"):
        delete_and_go_on()
    assert board.position == position
    assert board.content() == before


def test_fault_12_read_only_file_and_folder(tracking_db: Path, board_of: Boards) -> None:
    tracking_db.chmod(0o444)
    tracking_db.parent.chmod(0o555)
    try:
        before = fingerprint(tracking_db.parent)
        board = board_of(tracking_db)
        board.refresh()
        board.close()
        assert board.counts == "5 runs"
        assert fingerprint(tracking_db.parent) == before
    finally:
        tracking_db.parent.chmod(0o755)


def test_fault_12_write_ahead_store_gets_no_files_beside_it(tracking_db: Path, board_of: Boards) -> None:
    edit(tracking_db, "pragma journal_mode = wal")
    before = fingerprint(tracking_db.parent)
    board = board_of(tracking_db)
    board.refresh()
    board.close()
    assert board.counts == "5 runs"
    assert fingerprint(tracking_db.parent) == before


def test_write_ahead_store_with_an_open_writer(tracking_db: Path, board_of: Boards) -> None:
    with closing(sqlite3.connect(tracking_db)) as writer:
        writer.execute("pragma journal_mode = wal")
        writer.execute("update runs set name = 'in the log' where rowid = 1")
        writer.commit()
        board = board_of(tracking_db)
        board.refresh()
        assert board.asked("select name from run where rowno = 1") == [("in the log",)]
        writer.execute("update runs set name = 'again' where rowid = 1")
        writer.commit()
        assert board.source.changed(board.position)
        board.refresh()
        assert board.asked("select name from run where rowno = 1") == [("again",)]


def test_fault_13_run_removed_between_two_batches(tracking_db: Path, board_of: Boards) -> None:
    """What is left of it goes at the next refresh; nothing is doubled or mixed up."""
    board = board_of(tracking_db)
    for batch in board.batch_by_batch():
        if batch.table == "run":
            (run,) = board.asked("select run_id from run where name = 'fit-3'")
            tables = ("params", "tags", "metrics", "latest_metrics", "runs")
            edit(tracking_db, *(f"delete from {table} where run_uuid = '{run[0]}'" for table in tables))
    board.refresh()
    assert board.asked("select count(*) from run") == [(5,)]
    for table in ("param", "tag", "metric"):
        assert board.asked(f"select count(*) from {table} where run_id not in (select run_id from run)") == [
            (0,)
        ]


HOSTILE = {
    29: "\x1b]52;c;aGk=\x07\x1b]8;;http://x\x1b\\link",
    30: "\x1b]0;never ended",
    31: "\x9b31mred\x85",
    32: "over\rwritten\x1b[2Aup",
    33: "\u202eright to left\u200b",
    34: "[/] [b [@click=app.quit]x",
}


@pytest.mark.parametrize("number", HOSTILE, ids=[f"fault_{number}" for number in HOSTILE])
def test_fault_29_to_34_hostile_text_is_kept_as_it_is(
    number: int, tracking_db: Path, board_of: Boards
) -> None:
    text = HOSTILE[number]
    with closing(sqlite3.connect(tracking_db)) as connection:
        connection.execute("update runs set name = ? where rowid = 1", (text,))
        connection.execute("update params set value = ? where rowid = 1", (text,))
        connection.execute("update experiments set name = ? where experiment_id = 1", (text,))
        connection.commit()
    board = board_of(tracking_db)
    board.refresh()
    assert board.asked("select name from run where rowno = 1") == [(text,)]
    assert board.asked("select value from param where rowno = 1") == [(text,)]
    assert board.asked("select name from experiment where experiment_id = '1'") == [(text,)]


def test_fault_35_longest_parameter_and_tag_are_whole(tracking_db: Path, board_of: Boards) -> None:
    edit(
        tracking_db,
        f"update params set value = '{'p' * 6000}' where rowid = 1",
        f"update tags set value = '{'t' * 8000}' where rowid = 1",
    )
    board = board_of(tracking_db)
    board.refresh()
    assert board.asked("select length(value) from param where rowno = 1") == [(6000,)]
    assert board.asked("select length(value) from tag where rowno = 1") == [(8000,)]


def test_fault_36_five_megabytes_in_one_value(tracking_db: Path, board_of: Boards) -> None:
    edit(
        tracking_db,
        f"update tags set value = '{'x' * 5_000_000}' where rowid = 1",
        f"update datasets set dataset_profile = '{'x' * 5_000_000}'",
    )
    board = board_of(tracking_db)
    board.refresh()
    assert board.asked("select length(value) from tag where rowno = 1") == [(5_000_000,)]
    assert board.asked("select length(profile) from dataset") == [(2000,)]


def test_fault_38_invalid_utf8_surrogates_and_nul(tracking_db: Path, board_of: Boards) -> None:
    edit(
        tracking_db,
        "update params set value = cast(x'61ff62' as text) where rowid = 1",
        "update tags set value = cast(x'61eda08062' as text) where rowid = 2",
        "update runs set name = cast(x'ff' as text) where rowid = 3",
        "update experiments set name = cast(x'fe' as text) where experiment_id = 1",
        "update registered_models set description = cast(x'fd' as text)",
        "update latest_metrics set key = cast(x'fc' as text) where rowid = 1",
        "update params set value = 'a' || char(0) || 'b' where rowid = 4",
    )
    board = board_of(tracking_db)
    board.refresh()
    _check_mended(board)
    board.refresh()
    _check_mended(board)
    edit(tracking_db, "update tags set value = cast(x'61ff62' as text) where rowid = 5")
    board.refresh()
    assert board.asked("select value from tag where rowno = 5") == [("a\ufffdb",)]
    _check_mended(board)


def _check_mended(board: Board) -> None:
    assert board.counts == "5 runs"
    assert board.asked("select value from param where rowno in (1, 4) order by rowno") == [("a\ufffdb",)] * 2
    assert board.asked("select value from tag where rowno = 2") == [("a\ufffd\ufffd\ufffdb",)]
    assert board.asked("select name from run where rowno = 3") == [("\ufffd",)]
    assert board.asked("select name from experiment where experiment_id = '1'") == [("\ufffd",)]
    assert board.asked("select description from registered_model") == [("\ufffd",)]
    assert board.asked("select count(*) from metric where key = chr(65533)") == [(1,)]
    assert [len(rows) for rows in board.content().values()] == [3, 6, 12, 24, 9, 1, 1, 1, 0, 1, 3, 1, 1]


def test_fault_39_year_3170843_is_unknown(tracking_db: Path, board_of: Boards) -> None:
    edit(
        tracking_db,
        "update runs set start_time = 100000000000000000, end_time = -9223372036854775808 where rowid = 1",
    )
    board = board_of(tracking_db)
    board.refresh()
    assert board.asked("select start_time, end_time from run where rowno = 1") == [
        (100_000_000_000_000_000, -(2**63))
    ]
    assert board.asked("select started_at, ended_at from runs where name = 'fit-0'") == [(None, None)]


def test_columns_that_hold_other_types_than_declared(tracking_db: Path, board_of: Boards) -> None:
    """SQLite stores anything anywhere: the row is read, what makes no sense is null or nought."""
    edit(
        tracking_db,
        "update runs set start_time = 'yesterday', end_time = null where rowid = 1",
        "update params set value = 12 where rowid = 1",
        "update tags set value = null",
        "update tags set value = x'0102' where rowid = 1",
    )
    board = board_of(tracking_db)
    board.refresh()
    assert board.asked("select start_time, end_time from run where rowno = 1") == [(0, None)]
    assert board.asked("select value from param where rowno = 1") == [("12",)]
    assert board.asked("select count(*) from tag where value is not null") == [(1,)]


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "a?mode=rwc.db", "a#b.db", "ünï'c\"de.db"])
def test_paths_that_would_mean_something_in_an_address(
    name: str, tracking_db: Path, tmp_path: Path, board_of: Boards
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    board = board_of(Path(shutil.copy(tracking_db, folder / name)))
    board.refresh()
    assert board.counts == "5 runs"
    assert [path.name for path in folder.iterdir()] == [name]


def test_a_cancelled_reading_stops_and_can_go_on(tracking_db: Path, board_of: Boards) -> None:
    board = board_of(tracking_db)
    cancel = CancelToken()

    def cancel_after_the_first() -> None:
        for part in board.source.read(Reading(None, board.store, cancel)):
            assert not isinstance(part, Position)
            board.store.apply(part)
            cancel.cancel()

    with pytest.raises(Cancelled):
        cancel_after_the_first()
    board.refresh()
    assert board.counts == "5 runs"


def test_progress_names_what_is_read(tracking_db: Path, board_of: Boards) -> None:
    seen: list[str] = []
    board_of(tracking_db).refresh(
        progress=lambda step: seen.append(f"{step.source} {step.phase} of {step.total}")
    )
    assert "tracking runs of 6" in seen
    assert "tracking parameters of 12" in seen


def test_two_sources_read_the_same_store_at_once(tracking_db: Path, board_of: Boards) -> None:
    boards = [board_of(tracking_db) for _ in range(3)]
    threads = [threading.Thread(target=board.refresh) for board in boards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [board.counts for board in boards] == ["5 runs"] * 3
    assert boards[0].content() == boards[1].content() == boards[2].content()


def test_an_unfinished_write_is_left_for_its_owner_to_roll_back(tracking_db: Path, board_of: Boards) -> None:
    program = (
        "import os, signal, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('pragma cache_size = 1'); c.execute('begin'); "
        'c.execute("with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) '
        "insert into tags (key, value, run_uuid) "
        'select i, hex(randomblob(500)), (select run_uuid from runs limit 1) from n"); '
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    board = board_of(tracking_db)
    board.refresh()
    subprocess.run([sys.executable, "-c", program, tracking_db], check=False)
    assert (tracking_db.parent / "mlflow.db-journal").exists()
    before = fingerprint(tracking_db.parent)
    with fails(board, "in the middle of a write"):
        pass
    assert fingerprint(tracking_db.parent) == before
