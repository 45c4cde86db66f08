"""After any edit made through MLflow, a refresh ends where a fresh reading of everything would."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlops_dash.sources.base import Reading
from mlops_dash.sources.mlflow.sqlite import reading as sqlite_reading

from .conftest import Board, OtherProcess

Edit = Callable[[Any, list[str]], None]


def _new_run(client: Any, runs: list[str]) -> None:
    run = client.create_run("1", tags={"mlflow.runName": "later"})
    client.log_param(run.info.run_id, "depth", 9)
    client.log_metric(run.info.run_id, "rmse", 0.25)
    runs.append(run.info.run_id)


def _late_metric(client: Any, runs: list[str]) -> None:
    client.log_metric(runs[0], "late", 1.5, step=3)
    client.log_metric(runs[1], "rmse", 0.125, step=99)


def _edited_tag(client: Any, runs: list[str]) -> None:
    client.set_tag(runs[2], "note", "edited")


def _deleted_tag(client: Any, runs: list[str]) -> None:
    client.set_tag(runs[1], "passing", "by")
    client.delete_tag(runs[1], "passing")
    client.set_tag(runs[0], "reuses", "the row number")


def _deleted_old_tag(client: Any, runs: list[str]) -> None:
    client.set_tag(runs[3], "note", "there")
    client.delete_tag(runs[3], "note")


def _renamed_run(client: Any, runs: list[str]) -> None:
    client.update_run(runs[1], name="renamed")


def _finished_run(client: Any, runs: list[str]) -> None:
    client.set_terminated(runs[0], "KILLED")


def _moved_alias(client: Any, runs: list[str]) -> None:
    client.set_registered_model_alias("quality", "champion", "1")
    client.set_registered_model_alias("quality", "challenger", "3")


def _dropped_alias(client: Any, runs: list[str]) -> None:
    client.set_registered_model_alias("quality", "brief", "1")
    client.delete_registered_model_alias("quality", "brief")


def _stage_transition(client: Any, runs: list[str]) -> None:
    client.transition_model_version_stage("quality", "3", "Staging")


def _new_version(client: Any, runs: list[str]) -> None:
    client.create_model_version("quality", "mlflow-artifacts:/1/9/model", runs[0])


def _version_tag(client: Any, runs: list[str]) -> None:
    client.set_model_version_tag("quality", "1", "approved", "no longer")


def _deleted_run(client: Any, runs: list[str]) -> None:
    client.delete_run(runs[2])


def _deleted_and_restored_run(client: Any, runs: list[str]) -> None:
    client.delete_run(runs[0])
    client.restore_run(runs[0])


def _new_dataset(client: Any, runs: list[str]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    digest = f"{random.randrange(1 << 32):08x}"
    dataset = Dataset("wine.csv", digest, "local", "{}", None, None)
    client.log_inputs(runs[1], [DatasetInput(dataset, [InputTag("mlflow.data.context", "eval")])])


def _experiments(client: Any, runs: list[str]) -> None:
    client.rename_experiment("1", "wines")
    client.restore_experiment("2")


def _removed_newest_run(client: Any, runs: list[str]) -> None:
    """As ``mlflow gc`` does; the next run reuses its row numbers."""
    _new_run(client, runs)
    client.delete_run(runs[-1])
    _gc(client, runs.pop())
    _new_run(client, runs)


def _removed_old_run(client: Any, runs: list[str]) -> None:
    run = runs.pop(1)
    client.delete_run(run)
    _gc(client, run)


def _gc(client: Any, run_id: str) -> None:
    client._tracking_client.store._hard_delete_run(run_id)


EDITS: list[Edit] = [
    _new_run,
    _late_metric,
    _edited_tag,
    _deleted_tag,
    _deleted_old_tag,
    _renamed_run,
    _finished_run,
    _moved_alias,
    _dropped_alias,
    _stage_transition,
    _new_version,
    _version_tag,
    _deleted_run,
    _deleted_and_restored_run,
    _new_dataset,
    _experiments,
    _removed_newest_run,
    _removed_old_run,
]


def client_of(database: Path) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{database}", f"sqlite:///{database}")


def run_ids(database: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    found = [str(row[0]) for row in connection.execute("select run_uuid from runs order by rowid")]
    connection.close()
    return found


def fresh(database: Path, board_of: Callable[[Path], Board]) -> dict[str, list[tuple[Any, ...]]]:
    board = board_of(database)
    board.refresh()
    content = board.content()
    board.close()
    return content


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__.strip("_"))
def test_an_edit_shows_at_the_next_refresh(
    edit: Edit, tracking_db: Path, board_of: Callable[[Path], Board]
) -> None:
    board = board_of(tracking_db)
    board.refresh()
    before = board.content()
    edit(client_of(tracking_db), run_ids(tracking_db))
    assert board.source.changed(board.position)
    board.refresh()
    assert board.content() == fresh(tracking_db, board_of)
    assert edit is _deleted_and_restored_run or edit is _dropped_alias or board.content() != before
    assert not board.source.changed(board.position)


def test_random_edits_end_where_a_fresh_reading_does(
    tracking_db: Path, board_of: Callable[[Path], Board]
) -> None:
    chosen = random.Random(20)
    board = board_of(tracking_db)
    board.refresh()
    client, runs = client_of(tracking_db), run_ids(tracking_db)
    client.restore_run(runs[5])
    for _ in range(25):
        for edit in chosen.sample(EDITS, chosen.randint(1, 3)):
            if edit is _deleted_run or (edit is _experiments and _renamed(tracking_db)):
                continue
            if edit is _removed_old_run and len(runs) < 6:
                continue
            edit(client, runs)
        board.refresh()
        assert board.content() == fresh(tracking_db, board_of)


def _renamed(database: Path) -> bool:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    found = connection.execute("select 1 from experiments where name = 'wines'").fetchone()
    connection.close()
    return found is not None


def _with_many_tags(database: Path, rows: int) -> None:
    """Give a run more tags than one reading compares."""
    (run,) = run_ids(database)[:1]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "insert into tags (key, value, run_uuid) values (?, 'old', ?)",
            ((f"many-{number}", run) for number in range(rows)),
        )


def test_an_edit_of_an_old_row_shows_before_a_sweep_has_gone_round(
    tracking_db: Path, board_of: Callable[[Path], Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_reading, "SWEEP_UNTIL", 0)  # each reading compares the least that it may
    _with_many_tags(tracking_db, 100_000)
    board = board_of(tracking_db)
    board.refresh()
    for key in ("many-1", "many-50000", "many-99999"):
        with closing(sqlite3.connect(tracking_db)) as connection, connection:
            connection.execute("update tags set value = 'new' where key = ?", (key,))
        refreshes = 0
        while board.source.changed(board.position):
            board.refresh()
            refreshes += 1
        assert 1 <= refreshes <= 5
        assert board.asked(f"select value from tag where key = '{key}'") == [("new",)]
    assert board.asked("select count(*), count(distinct rowno) from tag where value in ('old', 'new')") == [
        (100_000, 100_000)
    ]


def test_a_thorough_reading_compares_everything(
    tracking_db: Path, board_of: Callable[[Path], Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_reading, "SWEEP_UNTIL", 0)
    _with_many_tags(tracking_db, 100_000)
    board = board_of(tracking_db)
    board.refresh()
    with closing(sqlite3.connect(tracking_db)) as connection, connection:
        connection.execute("update tags set value = 'new' where key like 'many-%777'")
    board.refresh(thorough=True)
    assert board.content() == fresh(tracking_db, board_of)


def test_the_sweep_goes_on_while_runs_are_added(
    tracking_db: Path, board_of: Callable[[Path], Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_reading, "SWEEP_UNTIL", 0)
    _with_many_tags(tracking_db, 100_000)
    board = board_of(tracking_db)
    board.refresh()
    with closing(sqlite3.connect(tracking_db)) as connection, connection:
        connection.execute("update tags set value = 'new' where key = 'many-99000'")
    client, runs = client_of(tracking_db), run_ids(tracking_db)
    for _ in range(5):  # never two refreshes without a write between them
        _new_run(client, runs)
        board.refresh()
    assert board.asked("select value from tag where key = 'many-99000'") == [("new",)]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__.strip("_"))
def test_single_runs_are_read_again_at_once(
    edit: Edit, tracking_db: Path, board_of: Callable[[Path], Board]
) -> None:
    board = board_of(tracking_db)
    board.refresh()
    edit(client_of(tracking_db), run_ids(tracking_db))
    position = board.position
    every = sorted({*run_ids(tracking_db), *(row[0] for row in board.asked("select run_id from run"))})
    for batch in board.source.runs(every, Reading(None, board.store)):
        board.store.apply(batch)
    now = fresh(tracking_db, board_of)
    for table in ("run", "param", "tag", "metric", "dataset_input"):
        assert board.content()[table] == now[table]
    assert board.position == position
    board.refresh()
    assert board.content() == now


def test_nothing_changed_writes_nothing(tracking_db: Path, board_of: Callable[[Path], Board]) -> None:
    board = board_of(tracking_db)
    board.refresh()
    assert not board.source.changed(board.position)
    board.refresh(thorough=True)
    assert board.applied == []


def test_a_position_holds_in_another_process_s_source(
    tracking_db: Path, board_of: Callable[[Path], Board]
) -> None:
    import os

    os.utime(tracking_db, (1_700_000_000, 1_700_000_000))
    first = board_of(tracking_db)
    first.refresh()
    second = board_of(tracking_db)
    assert not second.source.changed(first.position)
    _edited_tag(client_of(tracking_db), run_ids(tracking_db))
    assert second.source.changed(first.position)


def test_an_edit_of_one_tag_reads_one_block(tracking_db: Path, board_of: Callable[[Path], Board]) -> None:
    board = board_of(tracking_db)
    board.refresh()
    _edited_tag(client_of(tracking_db), run_ids(tracking_db))
    board.refresh()
    assert board.applied == ["tag"]


def test_a_replaced_file_is_read_whole(
    tracking_db: Path, tmp_path: Path, board_of: Callable[[Path], Board]
) -> None:
    other = Path(shutil.copy(tracking_db, tmp_path / "other.db"))
    _edited_tag(client_of(other), run_ids(other))
    client_of(other).set_tag(run_ids(other)[0], "note", "other")
    board = board_of(tracking_db)
    board.refresh()
    other.replace(tracking_db)
    assert board.source.changed(board.position)
    board.refresh()
    assert board.content() == fresh(tracking_db, board_of)


def test_a_position_of_another_format_means_reading_everything(
    tracking_db: Path, board_of: Callable[[Path], Board]
) -> None:
    board = board_of(tracking_db)
    for position in ("", "{", "[]", '{"format": 99}', '{"format": 1}'):
        assert board.source.changed(position)
        board.position = position
        board.refresh()
        assert board.content() == fresh(tracking_db, board_of)


def test_an_interrupted_refresh_is_repeated_without_doubling(
    tracking_db: Path, board_of: Callable[[Path], Board]
) -> None:
    board = board_of(tracking_db)
    board.refresh()
    _new_run(client_of(tracking_db), run_ids(tracking_db))
    from mlops_dash.sources.base import Position, Reading

    for part in board.source.read(Reading(board.position, board.store)):
        if not isinstance(part, Position):
            board.store.apply(part)  # and no position is kept, as if the process had ended here
    board.refresh()
    assert board.content() == fresh(tracking_db, board_of)


def test_training_commits_while_a_reading_is_under_way(
    tracking_db: Path, board_of: Callable[[Path], Board], other_process: OtherProcess
) -> None:
    """Between two batches no lock is held: a writer that does not wait at all gets through."""
    board = board_of(tracking_db)
    said = []
    tables = set()
    for batch in board.batch_by_batch():
        tables.add(batch.table)
        if batch.table in ("param", "metric", "model_alias"):
            said.append(other_process.say("update runs set name = name || '.' where rowid = 1"))
    assert {"param", "metric", "model_alias"} <= tables
    assert set(said) == {"ok"}
