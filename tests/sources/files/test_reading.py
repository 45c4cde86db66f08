"""What is read of a file store, and how soon what changed on disk shows."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from logged_values import history_of
from mlops_dash.sources.base import Batch, Historic, Position, Reading, Rereadable, Source
from mlops_dash.sources.mlflow.files import disk, looking
from mlops_dash.sources.mlflow.files.looking import REFRESHES_OF_A_ROUND
from sources.files.laid_out import Board, Files, write

Following = Callable[[Path], Board]


def same_as_fresh(board: Board, board_of: Following) -> None:
    fresh = board_of(board.path)
    fresh.refresh()
    assert board.content() == fresh.content()


def test_everything_is_read(files: Files, board: Board) -> None:
    run = files.run(rmse="10 0.5 0\n11 0.25 1\n")
    (run / "params" / "deep").mkdir()
    (run / "params" / "deep" / "er").write_text("")
    files.dataset(run)
    files.model("quality", 2)
    board.refresh()
    name = run.name
    assert board.content()["run"] == [
        (None, name, "0", "fit-0001", "FINISHED", 10, 20, "active", None, "dev1", "",
         f"mlflow-artifacts:/0/{name}/artifacts")
    ]  # fmt: skip
    assert board.asked("select key, value from param order by key") == [
        ("deep/er", ""), ("depth", "1"), ("solver", "l-bfgs")
    ]  # fmt: skip
    assert board.content()["metric"] == [(None, name, "rmse", 0.25, 1, 11, False)]
    assert board.asked("select name, digest, source_type from dataset") == [("wine.csv", "8d1e", "local")]
    assert board.asked(
        "select i.run_id, t.key, t.value, d.name from dataset_input i join input_tag t using (input_id) "
        "join dataset d using (dataset_id)"
    ) == [(name, "mlflow.data.context", "training", "wine.csv")]
    assert board.asked("select name, version, stage from model_version order by version") == [
        ("quality", "1", "None"), ("quality", "2", "None")
    ]  # fmt: skip
    assert board.content()["model_alias"] == [("quality", "champion", "2")]
    assert board.position is not None
    assert (board.position.counts, board.position.warning) == ("1 run", None)


def test_it_is_a_source_that_can_do_all(board: Board) -> None:
    source: Source = board.source
    assert isinstance(source, Historic)
    assert isinstance(source, Rereadable)
    assert (source.name, source.kind) == ("tracking", "mlflow-files")
    assert source.changed(None)


def test_equal_datasets_of_two_experiments_are_two(files: Files, board: Board) -> None:
    files.experiment("1", "other")
    for experiment in ("0", "1"):
        files.dataset(files.run(experiment))
    board.refresh()
    joined = "select count(*) from dataset_input join dataset using (dataset_id)"
    assert board.asked(joined) == [(2,)]


@pytest.mark.usefixtures("an_hour_later")
def test_where_nothing_changed_nothing_is_read(files: Files, board: Board) -> None:
    for status in (1, 3):
        files.dataset(files.run(status=status))
    files.model("quality")
    assert board.refresh() > 0
    position = board.position
    for _ in range(3):
        assert board.refresh() == 0
    assert board.refresh(thorough=True) == 0
    assert board.position == position
    other = board.another()
    assert other.refresh() == 0
    assert other.refresh(thorough=True) == 0


def test_what_was_written_a_moment_ago_is_looked_at_again(
    files: Files, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system's clock ticks slowly, the next write leaves the same time, and maybe size."""
    for module in (disk, looking):
        monkeypatch.setattr(module, "stamp_of_state", lambda state: hash((state.st_ino, 1)))
    run = files.run(status=1)
    board.refresh()
    (run / "metrics" / "rmse").write_text("10 0.5 0\n11 0.75 1\n")
    files.meta(run, run_name="same")
    files.run()
    board.refresh()
    assert board.asked(f"select value from metric where run_id = '{run.name}'") == [(0.75,)]
    assert board.asked(f"select name from run where run_id = '{run.name}'") == [("same",)]
    assert board.asked("select count(*) from run") == [(2,)]


@pytest.mark.usefixtures("an_hour_later")
@pytest.mark.parametrize("again", [False, True], ids=["same process", "another process"])
def test_what_goes_on_shows_at_once(files: Files, board: Board, again: bool) -> None:
    """New runs, whatever a running run logs, and what ends, is renamed or deleted."""
    running, ended, deleted = files.run(status=1), files.run(), files.run()
    board.refresh()
    if again:
        board = board.another()
    with (running / "metrics" / "rmse").open("a") as file:
        file.write("12 0.125 2\n")
    (running / "metrics" / "val").mkdir()
    (running / "metrics" / "val" / "loss").write_text("12 7 2\n")
    (running / "tags" / "note").write_text("edited")
    files.meta(ended, run_name="renamed")
    files.meta(deleted, lifecycle_stage="deleted", deleted_time=30)
    new = files.run()
    board.refresh()
    assert board.asked(f"select key, value from metric where run_id = '{running.name}' order by key") == [
        ("rmse", 0.125), ("val/loss", 7.0)
    ]  # fmt: skip
    assert board.asked(f"select value from tag where run_id = '{running.name}'") == [("edited",)]
    assert board.asked("select name, lifecycle_stage, deleted_time from run order by run_id") == [
        ("fit-0001", "active", None),
        ("renamed", "active", None),
        ("fit-0003", "deleted", 30),
        (f"fit-{new.name[-4:]}", "active", None),
    ]


@pytest.mark.usefixtures("an_hour_later")
@pytest.mark.parametrize("part", ["metrics/rmse", "tags/note", "params/depth"])
def test_an_edit_of_an_old_run_shows_within_a_round(files: Files, board: Board, part: str) -> None:
    runs = [files.run() for _ in range(150)]
    board.refresh()
    (runs[77] / part).write_text("13 0.875 9\n")
    batches, refreshes = 0, 0
    while not batches:
        batches = board.refresh()
        refreshes += 1
        assert refreshes <= REFRESHES_OF_A_ROUND + 1
    assert batches < 10, "only that run is read"
    table = part.split("/")[0].removesuffix("s")
    assert str(board.asked(f"select * from {table} where run_id = '{runs[77].name}'")).count("9") >= 1


@pytest.mark.usefixtures("an_hour_later")
def test_a_thorough_refresh_looks_at_all(files: Files, board: Board, board_of: Following) -> None:
    runs = [files.run() for _ in range(150)]
    board.refresh()
    (runs[3] / "tags" / "note").write_text("edited")
    (runs[4] / "params" / "depth").unlink()
    shutil.rmtree(runs[5] / "metrics")
    board.refresh(thorough=True)
    same_as_fresh(board, board_of)
    assert board.asked("select count(*) from tag where value = 'edited'") == [(1,)]


@pytest.mark.usefixtures("an_hour_later")
def test_what_goes_goes_with_all_that_belongs_to_it(files: Files, board: Board, board_of: Following) -> None:
    files.experiment("1", "other")
    kept, gone = files.run(), files.run()
    of_gone = files.run("1")
    for run in (kept, gone, of_gone):
        files.dataset(run)
    files.model("quality")
    board.refresh()
    shutil.rmtree(gone)
    shutil.rmtree(files.root / "1")
    shutil.rmtree(files.root / "models" / "quality")
    board.refresh()
    assert board.asked("select run_id from run") == [(kept.name,)]
    same_as_fresh(board, board_of)


@pytest.mark.usefixtures("an_hour_later")
def test_a_deleted_experiment_takes_its_runs_along(files: Files, board: Board, board_of: Following) -> None:
    """MLflow before 2.0 leaves them marked active."""
    files.experiment("1", "other")
    files.dataset(files.run("1"))
    board.refresh()
    (files.root / "1").rename(files.root / ".trash" / "1")
    board.refresh()
    assert board.asked("select experiment_id, lifecycle_stage from run") == [("1", "deleted")]
    stages = "select experiment_id, lifecycle_stage from experiment order by all"
    assert board.asked(stages) == [("0", "active"), ("1", "deleted")]
    same_as_fresh(board, board_of)
    (files.root / ".trash" / "1").rename(files.root / "1")
    board.refresh()
    assert board.asked("select lifecycle_stage from run") == [("active",)]
    same_as_fresh(board, board_of)


@pytest.mark.usefixtures("an_hour_later")
def test_the_registry_is_current_at_each_refresh(files: Files, board: Board) -> None:
    place = files.model("quality", 3)
    board.refresh()
    (place / "aliases" / "champion").write_text("1")
    (place / "version-1" / "tags").mkdir()
    (place / "version-1" / "tags" / "approved").write_text("yes")
    board.refresh()
    assert board.content()["model_alias"] == [("quality", "champion", "1")]
    assert board.content()["model_version_tag"] == [("quality", "1", "approved", "yes")]


def test_single_runs_are_read_again(files: Files, board: Board) -> None:
    edited, gone, other = files.run(), files.run(), files.run()
    for run in (edited, gone):
        files.dataset(run)
    board.refresh()
    position = board.position
    (edited / "tags" / "note").write_text("edited")
    (other / "tags" / "note").write_text("not looked at")
    files.dataset(edited, "77aa")
    shutil.rmtree(gone)
    names = [edited.name, gone.name, "../../etc", "", "\x1b", "no such run"]
    for batch in board.source.runs(names, Reading(None, board.store)):
        board.store.apply(batch)
    assert board.asked("select value from tag order by run_id") == [("edited",), ("note 3",)]
    digests = "select digest from dataset join dataset_input using (dataset_id) order by digest"
    assert board.asked(digests) == [("77aa",), ("8d1e",)]
    assert board.asked("select count(*) from input_tag") == [(2,)]
    assert board.position == position


def test_histories_are_read_on_demand(files: Files, board: Board) -> None:
    run = files.run(loss="12 3 2\n10 1 0\n11 nan 1\n11 2 1\n9 5 0\nrubbish\n13 9 9", other="1 1 1\n")
    source = board.source
    assert history_of(source, [run.name], ["loss"]) == [
        (run.name, "loss", 0, 9, 5.0),
        (run.name, "loss", 0, 10, 1.0),
        (run.name, "loss", 1, 11, None),
        (run.name, "loss", 1, 11, 2.0),
        (run.name, "loss", 2, 12, 3.0),
    ]
    assert history_of(source, [run.name, "../0"], ["../tags/note", "none", ""]) == []


def test_a_history_that_cannot_be_read_leaves_the_others(files: Files, board: Board) -> None:
    run = files.run(loss="1 1 1\n", other="2 2 2\n")
    (run / "metrics" / "loss").unlink()
    (run / "metrics" / "loss").mkdir()
    assert history_of(board.source, [run.name], ["loss", "other"]) == [(run.name, "other", 2, 2, 2.0)]


def test_a_long_history_is_thinned_evenly(
    files: Files, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_dash.sources.mlflow.files import histories

    monkeypatch.setattr(histories, "MOST_VALUES", 100)
    run = files.run(loss="".join(f"{n} {n} {n}\n" for n in range(1000)))
    steps = [row[2] for row in history_of(board.source, [run.name], ["loss"])]
    assert 50 <= len(steps) <= 101
    assert (steps[0], steps[-1]) == (0, 999)
    assert len({later - earlier for earlier, later in itertools.pairwise(steps[:-1])}) == 1


def test_the_newest_runs_come_first_and_the_board_is_of_use_early(files: Files, board: Board) -> None:
    for number in range(1100):
        run = files.run(loss="1 1 1\n")
        os.utime(run, (number, number))
    files.model("quality")
    useful = []
    told: list[tuple[str, int | None]] = []
    for part in board.reading(progress=lambda step: told.append((step.phase, step.total))):
        if isinstance(part, Position):
            shown = {row[0] for row in board.asked("select run_id from run")}
            assert shown == {f"{number:032x}" for number in range(1101 - len(shown), 1101)}
            useful.append((part.whole, len(shown), board.asked("select count(*) from model_alias")[0][0]))
            assert part.counts == f"{len(shown):,} runs"
    assert useful[0] == (False, 200, 1)
    assert useful[-1] == (True, 1100, 1)
    assert ("runs", 1100) in told


@pytest.mark.usefixtures("an_hour_later")
def test_an_interrupted_reading_goes_on_where_it_was(files: Files, board: Board, board_of: Following) -> None:
    for number in range(1100):
        run = files.run(loss="1 1 1\n")
        os.utime(run, (number, number))
    for part in board.reading():
        if isinstance(part, Position):
            assert not part.whole
            break
    other = board.another()
    read = 0
    for part in other.reading():
        if isinstance(part, Batch) and part.table == "run":
            read += len(part.scope)
    assert read == 900
    same_as_fresh(other, board_of)


@pytest.mark.parametrize("after", range(12))
def test_cancelled_anywhere_it_goes_on(files: Files, board: Board, board_of: Following, after: int) -> None:
    from mlops_dash.domain.progress import Cancelled, CancelToken

    for _ in range(3):
        files.dataset(files.run())
    files.model("quality")
    token = CancelToken()
    with suppress(Cancelled):
        for number, _ in enumerate(board.reading(cancel=token)):
            if number >= after:
                token.cancel()
    board.refresh()
    same_as_fresh(board, board_of)


def test_nothing_is_written(files: Files, board: Board) -> None:
    files.dataset(files.run())
    files.model("quality")

    def states() -> dict[str, tuple[int, ...]]:
        found = {}
        for path in files.root.rglob("*"):
            state = path.lstat()
            found[str(path)] = (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino)
        return found

    before = states()
    board.refresh()
    board.refresh(thorough=True)
    assert states() == before


def test_an_older_mlflows_names_are_understood(files: Files, board: Board) -> None:
    run = files.run()
    files.meta(run, run_name="''", experiment_id=0, name="''")
    text = (run / "meta.yaml").read_text()
    text = text.replace("run_id: ", "run_uuid: ").replace("lifecycle_stage: active\n", "")
    (run / "meta.yaml").write_text(text)
    (run / "tags" / "mlflow.runName").write_text("by tag")
    (run / "metrics" / "rmse").write_text("10 0.5\n")
    write(files.root / "0" / "meta.yaml", artifact_location="x", experiment_id=0, name="Default")
    board.refresh()
    assert board.asked("select name, experiment_id, lifecycle_stage from run") == [("by tag", "0", "active")]
    assert board.content()["metric"] == [(None, run.name, "rmse", 0.5, 0, 10, False)]
