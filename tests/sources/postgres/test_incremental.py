"""After any edit, committed at any time and found in any way, a refresh ends where a fresh reading does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from conformance.board import Board
from conformance.postgres_server import Server
from logged_values import history_of
from mlops_dash.sources.base import Apply, Batch, Position, Reading, Tracks
from mlops_dash.sources.mlflow.postgres import changes, reading
from mlops_dash.sources.mlflow.postgres.position import Mark, Snapshot

Boards = Callable[..., Board]

NEW_RUN = (
    "insert into runs (run_uuid, name, experiment_id, status, start_time, lifecycle_stage, source_type) "
    "values ('{run}', 'later', 1, 'RUNNING', 5, 'active', 'LOCAL');"
    "insert into params (run_uuid, key, value) values ('{run}', 'depth', '9');"
    "insert into tags (run_uuid, key, value) values ('{run}', 'note', 'new');"
    "insert into metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "values ('{run}', 'rmse', 1, 1, 1, false);"
    "insert into latest_metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "values ('{run}', 'rmse', 1, 1, 1, false);"
)
LATE_METRIC = (
    "insert into metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "select run_uuid, 'late', 0.5, 9, 9, false from runs where name = 'fit-1';"
    "insert into latest_metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "select run_uuid, 'late', 0.5, 9, 9, false from runs where name = 'fit-1';"
)
REMOVED_RUN = "".join(
    f"delete from {table} where {column} = (select run_uuid from runs where name = 'fit-1');"
    for table, column in [
        ("latest_metrics", "run_uuid"), ("metrics", "run_uuid"), ("params", "run_uuid"), ("tags", "run_uuid"),
        ("inputs", "destination_id"),
    ]
) + "update model_versions set run_id = null; delete from runs where name = 'fit-1'"  # fmt: skip
EDITS = {
    "new run": NEW_RUN.format(run="a" * 32),
    "hostile run": NEW_RUN.format(run="it''s \"[b]\" \\ $1 %s\x1b]52;"),
    "late metric": LATE_METRIC,
    "newer metric": LATE_METRIC.replace("'late'", "'other'"),
    "edited tag": "update tags set value = 'edited' where key = 'note'",
    "deleted tag": "delete from tags where key = 'note'",
    "one deleted, one new tag": "delete from tags where key = 'note';"
    "insert into tags (run_uuid, key, value) select run_uuid, 'new', '1' from runs",
    "run ends": "update runs set status = 'KILLED', end_time = 7",
    "run renamed by tag": "update runs set name = '';"
    "update tags set value = 'x' where key = 'mlflow.runName'",
    "deleted run": "update runs set lifecycle_stage = 'deleted' where name = 'fit-0'",
    "removed run": REMOVED_RUN,
    "alias moved": "update registered_model_aliases set version = 1",
    "version tag gone": "delete from model_version_tags",
    "dataset gone": "delete from input_tags; delete from inputs; delete from datasets",
    "everything gone": "truncate experiments, registered_models cascade;"
    "delete from datasets; delete from inputs",
    "nothing": "update runs set name = 'x' where false",
}


def fresh(database: str, board_of: Boards) -> Any:
    board = board_of(database)
    board.refresh()
    return board.content()


@pytest.fixture(params=["looked through", pytest.param("ends only", marks=pytest.mark.campaign)])
def large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether tables count as too large to be looked through each time."""
    if request.param == "ends only":
        monkeypatch.setattr(changes, "_LOOKED_THROUGH", -1)
        monkeypatch.setattr(changes, "_WORTH_TWO_LANES", 0)
    return bool(request.param == "ends only")


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_shows_at_the_next_refresh(
    edit: str, large: bool, database: str, board: Board, board_of: Boards, pg: Server
) -> None:
    before = board.content()
    pg.sql(EDITS[edit], database)
    assert edit == "nothing" or board.source.changed(board.position)
    board.refresh()
    assert board.content() == fresh(database, board_of)
    assert edit == "nothing" or board.content() != before
    assert not board.source.changed(board.position)


def not_due(board: Board) -> None:
    """Let it be as if large tables had been looked through just now, at great cost."""
    assert board.position is not None
    mark = json.loads(board.position)
    board.position = json.dumps(mark | {"checked": time.time(), "took": 1e6})


def test_new_rows_at_the_end_of_large_tables_show_at_once(
    database: str, board: Board, board_of: Boards, pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_LOOKED_THROUGH", -1)
    not_due(board)
    pg.sql(NEW_RUN.format(run="b" * 32) + LATE_METRIC, database)
    applied = applied_by(board)
    assert board.content() == fresh(database, board_of)
    assert {table for table, _ in applied} == {"run", "param", "tag", "metric"}


def test_edits_within_large_tables_show_when_these_are_looked_through(
    database: str, board: Board, board_of: Boards, pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_LOOKED_THROUGH", -1)
    monkeypatch.setattr(changes, "_BEFORE_END", -1_000_000)  # as if the edited rows were far from the end
    not_due(board)
    pg.sql("update tags set value = 'edited' where key = 'note'; delete from params", database)
    board.refresh()
    assert board.content() != fresh(database, board_of)
    assert Mark.load(board.position).stirred  # type: ignore[union-attr]
    assert not board.source.changed(board.position), "not before its time"
    mark = json.loads(str(board.position))
    board.position = json.dumps(mark | {"took": 0.0})
    assert board.source.changed(board.position), "now it is due"
    board.refresh()
    assert board.content() == fresh(database, board_of)


def test_r_looks_through_large_tables(
    database: str, board: Board, board_of: Boards, pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_LOOKED_THROUGH", -1)
    monkeypatch.setattr(changes, "_BEFORE_END", -1_000_000)
    not_due(board)
    pg.sql("update tags set value = 'edited' where key = 'note'", database)
    board.refresh(thorough=True)
    assert board.content() == fresh(database, board_of)


def applied_by(board: Board) -> list[tuple[str, Apply]]:
    found = []
    for part in board.source.read(Reading(board.position, board.store)):
        if isinstance(part, Batch):
            found.append((part.table, part.apply))
        board.take(part)
    return found


def test_an_edit_of_one_tag_reads_that_tag(board: Board, database: str, pg: Server) -> None:
    pg.sql("update tags set value = 'edited' where key = 'note' and value = 'note 2'", database)
    parts = [
        part for part in board.source.read(Reading(board.position, board.store)) if isinstance(part, Batch)
    ]
    assert [(part.table, part.rows.num_rows) for part in parts] == [("tag", 1)]


def test_nothing_changed_reads_nothing(board: Board) -> None:
    assert not board.source.changed(board.position)
    assert applied_by(board) == []


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_transaction_that_was_under_way_is_not_lost(
    ends: str, large: bool, database: str, board: Board, board_of: Boards, pg: Server
) -> None:
    """It began before a refresh, others committed meanwhile, and it ends after several more."""
    with closing(pg.connect(database)) as slow:
        slow.execute(NEW_RUN.format(run="c" * 32))
        slow.execute("update tags set value = 'slow' where key = 'note' and value = 'note 1'")
        for number in range(3):
            pg.sql(NEW_RUN.format(run=f"{number:032}"), database)
            board.refresh()
            assert board.content() == fresh(database, board_of)
        getattr(slow, ends)()
    assert board.source.changed(board.position)
    board.refresh()
    assert board.content() == fresh(database, board_of)
    shown = {row[0] for row in board.content()["run"]}
    assert ("c" * 32 in shown) is (ends == "commit")
    board.refresh()
    assert board.content() == fresh(database, board_of)


def test_a_prepared_transaction_is_not_lost(
    database: str, board: Board, board_of: Boards, pg: Server
) -> None:
    pg.sql("begin; update tags set value = 'prepared' where key = 'note'; prepare transaction 'p'", database)
    pg.sql(NEW_RUN.format(run="d" * 32), database)
    board.refresh()
    pg.sql("commit prepared 'p'", database)
    board.refresh()
    assert "prepared" in {row[2] for row in board.content()["tag"]}
    assert board.content() == fresh(database, board_of)


def test_what_is_written_while_it_is_read_is_found_and_never_doubled(
    database: str, board_of: Boards, pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pg.sql(
        "insert into tags (run_uuid, key, value) select run_uuid, 'k' || n, repeat('x', 500) "
        "from runs, generate_series(1, 300) as n",
        database,
    )
    monkeypatch.setattr(reading, "_AT_ONCE", (4, 4))
    board = board_of(database)
    for number, part in enumerate(one_by_one(board)):
        if isinstance(part, Batch) and part.table == "tag" and part.apply is not Apply.UPSERT:
            pg.sql(f"update tags set value = '{number}' where key in ('k1', 'k300')", database)
        board.take(part)
    assert board.content() == fresh(database, board_of)


def one_by_one(board: Board) -> Iterator[Batch | Position]:
    for part in board.source.read(Reading(board.position, board.store)):
        if isinstance(part, Tracks):
            for side in part.sides:
                yield from side
        else:
            yield part


@pytest.mark.parametrize("statement", ["vacuum full", "cluster tags using tag_pk", "vacuum freeze"])
def test_rewritten_tables(
    statement: str, large: bool, database: str, board: Board, board_of: Boards, pg: Server
) -> None:
    pg.sql("delete from tags where key = 'mlflow.user'", database)
    pg.sql(statement, database)
    pg.sql("update tags set value = 'edited' where key = 'note'", database)
    board.refresh()
    assert board.content() == fresh(database, board_of)


def test_a_recreated_table_is_read_whole(database: str, board: Board, board_of: Boards, pg: Server) -> None:
    pg.sql(
        "alter table tags rename to old; create table tags as select * from old where key = 'note';"
        "update tags set value = 'copied'; grant select on tags to reader; drop table old",
        database,
    )
    board.refresh()
    assert {row[2] for row in board.content()["tag"]} == {"copied"}
    assert board.content() == fresh(database, board_of)


def test_numbers_of_transactions_that_tell_nothing_any_longer_mean_reading_everything(
    database: str, board: Board, board_of: Boards
) -> None:
    now = Snapshot.of(json.loads(str(board.position))["snapshot"])
    assert now.tells_since(now)
    assert not Snapshot("", now.low + 2**31, now.high + 2**31).tells_since(now)
    assert not now.tells_since(Snapshot("", now.low + 1, now.high + 1)), "the server was set back"
    mark = json.loads(str(board.position))
    board.position = json.dumps(mark | {"snapshot": f"{now.high + 5}:{now.high + 5}:"})
    assert {apply for _, apply in applied_by(board)} == {Apply.REPLACE}
    assert board.content() == fresh(database, board_of)


def test_tables_that_tell_no_transactions_are_compared_whole(
    database: str, board_of: Boards, pg: Server
) -> None:
    """Views, and tables of which only some columns may be read."""
    pg.sql(
        "alter table runs rename to all_runs;"
        "create view runs as select * from all_runs where status <> 'FAILED';"
        "grant select on runs to reader; revoke select on tags from reader;"
        "grant select (run_uuid, key, value) on tags to reader",
        database,
    )
    board = board_of(database)
    board.refresh()
    assert len(board.content()["run"]) == 5
    assert len(board.content()["tag"]) > 5
    pg.sql("update all_runs set name = 'seen'; delete from tags where key = 'note'", database)
    board.refresh()
    assert {row[2] for row in board.content()["run"]} == {"seen"}
    assert board.content() == fresh(database, board_of)
    assert not board.source.changed(board.position)


def test_an_older_server_s_ranges_find_the_same_rows(
    database: str, board: Board, board_of: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_dash.sources.mlflow.postgres import columns

    monkeypatch.setattr(columns, "_RANGES_SINCE", 990_000)
    assert fresh(database, board_of) == board.content()


def test_a_position_holds_in_another_process_s_source(
    database: str, board: Board, board_of: Boards, pg: Server
) -> None:
    other = board_of(database)
    other.store, other.position = board.store, board.position
    pg.sql("update tags set value = 'edited' where key = 'note'", database)
    assert [table for table, _ in applied_by(other)] == ["tag"]
    assert other.content() == fresh(database, board_of)


def test_hostile_identifiers_are_read_again_and_asked_about(database: str, board: Board, pg: Server) -> None:
    run = "'); drop table runs; --"
    pg.sql(NEW_RUN.format(run=run.replace("'", "''")), database)
    for batch in board.source.runs([run], Reading(board.position, board.store)):  # type: ignore[attr-defined]
        board.store.apply(batch)
    assert run in {row[0] for row in board.content()["run"]}
    assert history_of(board.source, [run], ["rmse", "\\'; --"]) == [(run, "rmse", 1, 1, 1.0)]
    assert history_of(board.source, ["\0"], ["rmse"]) == []


MANY_RUNS = (
    "insert into runs (run_uuid, name, experiment_id, status, start_time, lifecycle_stage, source_type) "
    "select md5(n::text), repeat('x', 200), 1, 'FINISHED', n, 'active', 'LOCAL' "
    "from generate_series(1, 300) as n;"
    "insert into params (run_uuid, key, value) select md5(n::text), 'long', repeat('x', 200) "
    "from generate_series(1, 300) as n;"
    "insert into tags (run_uuid, key, value) select md5(n::text), 'long', repeat('x', 200) "
    "from generate_series(1, 300) as n;"
    "insert into metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "select md5(n::text), repeat('m', 200), 1, 1, 1, false from generate_series(1, 300) as n;"
    "insert into latest_metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "select md5(n::text), repeat('m', 200), 1, 1, 1, false from generate_series(1, 300) as n;"
)


def test_what_belongs_to_new_runs_is_added_without_looking_for_it(
    database: str, board_of: Boards, pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_BEFORE_END", 1)
    pg.sql(MANY_RUNS, database)
    board = board_of(database)
    board.refresh()
    not_due(board)
    pg.sql(NEW_RUN.format(run="e" * 32), database)
    interrupted = board.source.read(Reading(board.position, board.store))
    board.take(next(interrupted))  # the run itself, and then the program ends
    interrupted.close()  # type: ignore[attr-defined]
    board.refresh()
    assert board.content() == fresh(database, board_of)
    pg.sql(NEW_RUN.format(run="f" * 32), database)
    assert applied_by(board) == [(table, Apply.APPEND) for table in ("run", "tag", "param", "metric")]
    assert board.content() == fresh(database, board_of)
    pg.sql(
        NEW_RUN.format(run="9" * 32) + LATE_METRIC + "update tags set value = 'y' where key = 'long'",
        database,
    )
    board.refresh()
    assert board.content() == fresh(database, board_of)
