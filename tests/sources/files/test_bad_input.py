"""What no well-behaved MLflow leaves behind: half-written, hostile, forbidden, gone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logged_values import history_of
from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.files import disk, units
from sources.files.laid_out import Board, Files

Following = Callable[[Path], Board]


# -- the folder itself ----------------------------------------------------------------------------------


def refused(path: Path, board_of: Following) -> SourceError:
    board = board_of(path)
    with pytest.raises(SourceError) as caught:
        board.refresh()
    assert caught.value.remedy
    for ask in (lambda: history_of(board.source, ["a"], ["b"]), lambda: list(_runs(board))):
        with pytest.raises(SourceError):
            ask()
    return caught.value


def _runs(board: Board) -> Iterator[object]:
    from mlops_dash.sources.base import Reading

    return board.source.runs(["a"], Reading(None, board.store))


def test_fault_08_a_missing_folder_is_not_created(tmp_path: Path, board_of: Following) -> None:
    assert "no tracking folder" in refused(tmp_path / "none" / "mlruns", board_of).message
    assert list(tmp_path.iterdir()) == []


def test_fault_09_an_empty_folder_is_left_as_it_is(tmp_path: Path, board_of: Following) -> None:
    assert "is empty" in refused(tmp_path, board_of).message
    assert list(tmp_path.iterdir()) == []


def test_fault_10_another_folder_is_no_store(tmp_path: Path, board_of: Following) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "README").write_text("no store")
    assert "No experiment" in refused(tmp_path, board_of).message


def test_a_file_is_no_store(tmp_path: Path, board_of: Following) -> None:
    (tmp_path / "mlruns").write_text("no store")
    assert "is a file" in refused(tmp_path / "mlruns", board_of).message


def test_fault_11_deleted_while_it_is_read(files: Files, board: Board) -> None:
    for _ in range(3):
        files.run()
    board.refresh()
    before, position = board.content(), board.position
    shutil.rmtree(files.root)
    with pytest.raises(SourceError, match="no tracking folder"):
        board.refresh()
    files.root.mkdir()  # as an unmounted disk leaves it
    with pytest.raises(SourceError, match="empty"):
        board.refresh()
    assert (board.content(), board.position) == (before, position)


def test_gone_in_the_middle_of_a_reading(files: Files, board: Board) -> None:
    files.run()
    parts = board.reading()
    next(parts)
    shutil.rmtree(files.root)
    with pytest.raises(SourceError, match="no tracking folder"):
        list(parts)
    assert board.position is None


def test_the_store_itself_may_be_a_link(files: Files, tmp_path: Path, board_of: Following) -> None:
    files.run()
    (tmp_path / "link").symlink_to(files.root)
    board = board_of(tmp_path / "link")
    board.refresh()
    assert board.asked("select count(*) from run") == [(1,)]
    assert board.position is not None
    assert board.position.warning is None


def test_a_store_without_runs_is_one(files: Files, board: Board) -> None:
    board.refresh()
    assert board.position is not None
    assert board.position.counts == "0 runs"


# -- half-written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 1, 30, 120, -1])
def test_a_half_written_run_keeps_its_last_facts(files: Files, board: Board, cut: int) -> None:
    run, other = files.run(status=1), files.run(status=1)
    board.refresh()
    before = board.content()
    whole = (run / "meta.yaml").read_text().replace("status: 1", "status: 4")
    (run / "meta.yaml").write_text(whole[:cut])
    (other / "tags" / "note").write_text("edited")
    board.refresh()
    assert board.content()["run"] == before["run"]
    assert board.asked(f"select value from tag where run_id = '{other.name}'") == [("edited",)]
    assert "1 folder with a half-written or damaged meta.yaml" in board.told
    assert f"0/{run.name}: what was last read of it stays" in board.told
    (run / "meta.yaml").write_text(whole)
    board.refresh()
    assert board.asked(f"select status from run where run_id = '{run.name}'") == [("FAILED",)]
    assert board.position is not None
    assert board.position.warning is None


def test_a_run_that_was_never_whole_is_passed_over(files: Files, board: Board) -> None:
    half, whole = files.run(), files.run()
    (half / "meta.yaml").write_text("artifact_uri: x\nend_time: nu")
    board.refresh()
    assert board.asked("select run_id from run") == [(whole.name,)]
    assert board.asked("select distinct run_id from param") == [(whole.name,)]
    assert board.position is not None
    assert board.position.counts == "1 run"
    assert "half-written" in board.told
    files.meta(half)
    board.refresh()
    assert board.asked("select count(*) from run") == [(2,)]


def test_a_run_that_is_being_made_shows_when_it_is_there(files: Files, board: Board) -> None:
    place = files.root / "0" / "abc"
    place.mkdir()
    board.refresh()
    assert board.position is not None
    assert (board.position.counts, board.position.warning) == ("0 runs", None)
    files.meta(place)
    board.refresh()
    assert board.asked("select run_id from run") == [("abc",)]


def test_a_half_written_version_costs_nothing_else(files: Files, board: Board) -> None:
    place = files.model("quality", 3)
    other = files.model("other")
    (place / "version-2" / "meta.yaml").write_text("current_stage: None\nname: qua")
    board.refresh()
    versions = "select name, version from model_version order by all"
    assert board.asked(versions) == [("other", "1"), ("quality", "1"), ("quality", "3")]
    assert "half-written" in board.told
    (other / "meta.yaml").write_text("")
    board.refresh()
    assert board.asked("select count(*) from model_alias") == [(2,)]


def test_a_metric_file_that_ends_in_a_line(files: Files, board: Board) -> None:
    """``12 0.1`` may be the start of ``12 0.125 2``."""
    run = files.run(rmse="10 0.5 0\n11 0.25 1\n12 0.1", only="1 0.7 ")
    board.refresh()
    assert board.asked("select key, value, step from metric") == [("rmse", 0.25, 1)]
    assert "ends in the middle of a line" in board.told
    with (run / "metrics" / "rmse").open("a") as file:
        file.write("25 2\n")
    (run / "metrics" / "only").write_text("1 0.7 0\n")
    board.refresh()
    assert board.asked("select key, value from metric order by key") == [("only", 0.7), ("rmse", 0.125)]
    assert board.position is not None
    assert board.position.warning is None


# -- hostile ----------------------------------------------------------------------------------------------


def test_links_are_not_followed(files: Files, board: Board, tmp_path: Path) -> None:
    run = files.run()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("10 7 7\n")
    shutil.copytree(run, secret / "run")
    (run / "params" / "leak").symlink_to(secret / "file")
    (run / "metrics" / "leak").symlink_to(secret)
    (run / "inputs").symlink_to(secret)
    files.root.joinpath("0", "f" * 32).symlink_to(secret / "run")
    files.root.joinpath("9").symlink_to(secret)
    files.model("quality")
    files.root.joinpath("models").rename(secret / "models")
    files.root.joinpath("models").symlink_to(secret / "models")
    meta = files.run()
    (meta / "meta.yaml").rename(secret / "meta.yaml")
    (meta / "meta.yaml").symlink_to(secret / "meta.yaml")
    board.refresh()
    assert board.asked("select run_id, key from param order by key") == [
        (run.name, "depth"), (run.name, "solver")
    ]  # fmt: skip
    assert board.asked("select key from metric") == [("rmse",)]
    assert board.asked("select experiment_id from experiment") == [("0",)]
    assert board.asked("select name from registered_model") == []
    assert "links that were not followed" in board.told
    with pytest.raises(OSError, match="levels of symbolic links"):  # put there since it was looked at
        disk.opened(str(run / "params" / "leak"))
    assert history_of(board.source, [run.name], ["leak/file", "leak"]) == []


def test_a_copy_of_a_run_does_not_take_its_place(files: Files, board: Board) -> None:
    files.experiment("1", "other")
    run = files.run()
    board.refresh()
    before = board.content()["run"]
    shutil.copytree(run, files.root / "1" / run.name)
    shutil.copytree(run, files.root / "0" / "copy")
    board.refresh()
    assert board.content()["run"] == before
    assert "2 folders that says it belongs elsewhere" in board.told or "elsewhere" in board.told
    shutil.rmtree(files.root / "1" / run.name)
    board.refresh()
    assert board.content()["run"] == before


def test_names_of_any_bytes(files: Files, board: Board) -> None:
    """Faults 29–33 and 38: kept as they are but for what no text can hold; the screen makes them visible."""
    run = files.run()
    for name in (b"\x1b]52;c;x\x07", b"two\nlines", b"caf\xe9", "‮bidi".encode(), b"[@click=quit]"):
        with open(os.fsencode(run / "params") + b"/" + name, "wb") as file:
            file.write(name + b"\x00")
    os.mkdir(os.fsencode(files.root / "0") + b"/\xff\x1b[31m")
    os.mkdir(os.fsencode(files.root) + b"/\xfe\n")
    half = os.fsencode(files.root / "0") + b"/\xff\x1b[31m/meta.yaml"
    with open(half, "wb") as file:
        file.write(b"status: ")
    board.refresh()
    found = {key for (key,) in board.asked("select key from param")}
    assert found >= {"\x1b]52;c;x\x07", "two\nlines", "caf\ufffd", "‮bidi", "[@click=quit]"}
    assert "\x1b" not in board.told
    other = board.another()
    assert "\x1b" not in other.told
    other.refresh()
    assert board.asked("select count(*) from run") == [(1,)]


def test_what_is_no_plain_file_is_not_opened(files: Files, board: Board) -> None:
    """Opening a pipe would wait for ever."""
    run = files.run()
    os.mkfifo(run / "params" / "pipe")
    os.mkfifo(run / "metrics" / "pipe")
    piped = files.run()
    (piped / "meta.yaml").unlink()
    os.mkfifo(piped / "meta.yaml")
    board.refresh()
    assert board.asked("select count(*) from run") == [(1,)]


def test_files_and_folders_in_each_others_places(files: Files, board: Board) -> None:
    run, odd = files.run(), files.run()
    for part in ("params", "metrics", "tags"):
        shutil.rmtree(odd / part)
        (odd / part).write_text("no folder")
    (run / "inputs").write_text("no folder")
    (files.root / "models").write_text("no folder")
    (files.root / "0" / "datasets").write_text("no folder")
    folder = files.run()
    (folder / "meta.yaml").unlink()
    (folder / "meta.yaml").mkdir()
    board.refresh()
    assert board.asked("select run_id from run order by all") == [(run.name,), (odd.name,)]
    assert board.asked("select distinct run_id from param") == [(run.name,)]


def test_what_is_too_large_is_cut(files: Files, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "TEXT_LIMIT", 1000)
    run = files.run()
    (run / "tags" / "note").write_text("x" * 5000)
    files.meta(files.run(), run_name="y" * (2 << 20))
    board.refresh()
    tags = board.asked("select value from tag")
    assert tags == [("x" * 1000 + "…",)]
    assert "too large" in board.told
    assert "damaged meta.yaml" in board.told


def test_folders_in_folders_end_somewhere(files: Files, board: Board) -> None:
    run = files.run()
    place = run / "params"
    for _ in range(100):
        place = place / "d"
    place.mkdir(parents=True)
    (place / "deepest").write_text("1")
    board.refresh()
    assert board.asked("select count(*) from param") == [(2,)]
    assert "too many or too large" in board.told


def test_more_files_than_any_run_has(files: Files, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_MOST_FILES", 100)
    run = files.run()
    for number in range(200):
        (run / "params" / f"p{number}").write_text("1")
    board.refresh()
    assert board.asked("select count(*) < 110 from param") == [(True,)]
    assert "too many" in board.told


def test_numbers_that_no_column_holds(files: Files, board: Board) -> None:
    run = files.run(rmse=f"{10**30} 0.5 0\n10 1e999 0\n")
    files.meta(run, start_time=10**40, end_time="'soon'", status=77)
    board.refresh()
    assert board.asked("select start_time, end_time, status from run") == [(None, None, "77")]
    assert board.asked("select value from metric") == [(float("inf"),)]


# -- forbidden ----------------------------------------------------------------------------------------------


@pytest.fixture
def as_another() -> Iterator[Callable[[], None]]:
    """Become a user without rights, if we have them all; until the test's end."""
    able = os.geteuid() == 0

    def become() -> None:
        if able:
            os.seteuid(65534)

    yield become
    if able:
        os.seteuid(0)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that another user can reach: pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_folders_without_rights(
    open_place: Path, board_of: Following, as_another: Callable[[], None]
) -> None:
    files = Files(open_place / "mlruns")
    files.experiment("1", "closed")
    seen, partly, closed = files.run(status=1), files.run(status=1), files.run(status=1)
    inside = files.run("1")
    board = board_of(files.root)
    board.refresh()
    before = board.content()
    closed.chmod(0)
    (partly / "params").chmod(0)
    (files.root / "1").chmod(0)
    (seen / "tags" / "note").write_text("edited")
    as_another()
    board.refresh()
    runs = [row[1] for row in board.content()["run"]]
    assert runs == sorted(run.name for run in (seen, partly, closed, inside))
    assert board.content()["run"] == before["run"]
    assert board.asked(f"select value from tag where run_id = '{seen.name}'") == [("edited",)]
    assert "could not be read in whole" in board.told
    os.seteuid(os.getuid())
    files.root.chmod(0)
    as_another()
    with pytest.raises(SourceError, match="cannot be listed"):
        board.refresh()


def test_after_rights_come_back_all_is_read(
    open_place: Path, board_of: Following, as_another: Callable[[], None]
) -> None:
    files = Files(open_place / "mlruns")
    run = files.run()
    board = board_of(files.root)
    board.refresh()
    (run / "params").chmod(0)
    (run / "meta.yaml").chmod(0)
    as_another()
    board.refresh()
    assert board.asked("select count(*) from run") == [(1,)]
    os.seteuid(os.getuid())
    (run / "params").chmod(0o755)
    (run / "meta.yaml").chmod(0o644)
    board.refresh()
    assert board.asked("select count(*) from param") == [(2,)]
    assert board.position is not None
    assert board.position.warning is None


# -- many and slow ------------------------------------------------------------------------------------------


@pytest.mark.campaign
def test_many_tiny_files_on_a_slow_disk(files: Files, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow is what counts here as the number of files that are opened before something shows or stops."""
    for _ in range(20_000):  # runs of five files
        files.run(rmse="1 1 1\n")
    files.model("quality")
    opened = 0
    real = disk.opened

    def counted(path: str) -> int:
        nonlocal opened
        opened += 1
        return real(path)

    monkeypatch.setattr(disk, "opened", counted)
    token = CancelToken()
    steps = 0

    def progressed(_: object) -> None:
        nonlocal steps
        steps += 1

    parts = board.reading(cancel=token, progress=progressed)
    while board.position is None:
        next(parts)
    assert board.asked("select count(*) from model_alias") == [(1,)]
    assert board.asked("select count(*) from run") == [(200,)]
    assert opened < 2_000
    assert steps > 3
    token.cancel()
    with pytest.raises(Cancelled):
        for _ in parts:
            pass
    assert opened < 4_000
    board.refresh()
    assert board.asked("select count(*) from run") == [(20_000,)]
