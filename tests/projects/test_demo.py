"""``demo`` unpacks the sample project whole or not at all, and nowhere that holds something else."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from mlops_dash import demo
from mlops_dash.errors import RefusedError
from mlops_dash.project import open_project


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def texts_of(store: Path) -> str:
    with closing(sqlite3.connect(store)) as connection:
        return "\n".join(connection.iterdump())


def test_the_default_is_in_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    assert demo.unpack() == tmp_path / "cache" / "demo" / "diabetes"
    assert (tmp_path / "cache" / "demo" / "diabetes" / "mlops-dash.toml").is_file()


def test_a_second_call_uses_what_is_there(tmp_path: Path) -> None:
    folder = demo.unpack(tmp_path / "d")
    (folder / "notes.txt").write_text("mine")
    before = contents(folder)
    assert demo.unpack(folder) == folder
    assert contents(folder) == before


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    assert (demo.unpack(tmp_path / "d") / "train.py").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_folder_that_holds_something_else_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.tex").write_text("years of work")
    with pytest.raises(RefusedError, match="holds something else"):
        demo.unpack(tmp_path / "d")
    assert contents(tmp_path) == {"d/thesis.tex": b"years of work"}
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("a file")
    with pytest.raises(RefusedError):
        demo.unpack(tmp_path / "d")
    with pytest.raises(RefusedError):
        demo.unpack(tmp_path / "d" / "below")
    assert contents(tmp_path) == {"d": b"a file"}


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    folder = demo.unpack(tmp_path / "with 'quotes' & blanks")
    assert demo.PLACEHOLDER not in texts_of(folder / "mlflow.db")
    for path in folder.rglob("*"):
        if path.is_file():
            assert demo.PLACEHOLDER.encode() not in path.read_bytes(), path


def test_a_project_that_was_moved_knows_its_new_place(tmp_path: Path) -> None:
    demo.unpack(tmp_path / "old_place").rename(tmp_path / "new")
    folder = demo.unpack(tmp_path / "new")
    assert "old_place" not in texts_of(folder / "mlflow.db")
    assert "old_place" not in "".join(path.read_text() for path in folder.glob("mlartifacts/**/MLmodel"))


def test_killed_halfway_it_leaves_no_half_project(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from mlops_dash import demo
        demo._settle = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        demo.unpack(Path(sys.argv[1]))
    """)
    killed = subprocess.run([sys.executable, "-c", program, tmp_path / "d"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "d").exists()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".d.unpacking-")
    demo.unpack(tmp_path / "d")
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_two_at_once_make_one_project(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from mlops_dash import demo; demo.unpack(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, tmp_path / "d"]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_unpacking_imports_nothing_heavy() -> None:
    program = "import sys, mlops_dash.demo; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"textual", "duckdb", "mlflow", "git", "pandas", "pyarrow"} & set(loaded)


def test_its_files_belong_to_the_user(tmp_path: Path) -> None:
    folder = demo.unpack(tmp_path / "d")
    assert {path.stat().st_uid for path in folder.rglob("*")} == {os.geteuid()}
    assert folder.stat().st_mode & 0o777 == 0o755


def test_its_servers_are_starting_from_the_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(demo, "_SOON", 3600.0)
    folder = demo.unpack(tmp_path / "sample")
    demo.start_story_soon(folder)
    with open_project(folder) as project:
        project.refresh()
        seen = project.observe()
    assert [one.detail for one in seen] == ["starting: it is about to be started"] * 3
