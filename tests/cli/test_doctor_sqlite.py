"""``doctor`` on a tracking store in an SQLite file: each kind of failure, told with its remedy."""

from __future__ import annotations

import lzma
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cli.told import golden, tracking
from mlops_dash.sources.mlflow.probing import State
from mlops_dash.sources.mlflow.sqlite.probing import probe
from saying import listing

STORES = Path(__file__).parents[1] / "sources" / "stores"


def edit(path: Path, text: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(text)


def no_file(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def something_else(path: Path) -> None:
    path.write_text("metrics:\n  rmse: 1\n" * 20)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def songs(path: Path) -> None:
    path.unlink()
    edit(path, "create table songs (title text)")


def no_version(path: Path) -> None:
    edit(path, "drop table alembic_version")


def write_ahead(path: Path) -> None:
    edit(path, "pragma journal_mode = wal")


def older(path: Path) -> None:
    path.write_bytes(lzma.decompress((STORES / "mlflow-1.30.1.db.xz").read_bytes()))


def fine(path: Path) -> None:
    pass


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep a file locked: from another process, because locks belong to one."""
    words = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('begin exclusive')"
    words += "; print(flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", words, path], stdin=-1, stdout=-1)
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            yield
        finally:
            holder.kill()


CASES = {
    "no-file": no_file,
    "a-folder": a_folder,
    "empty": empty,
    "something-else": something_else,
    "cut-short": cut_short,
    "another-programs": songs,
    "no-version": no_version,
    "older": older,
    "write-ahead": write_ahead,
    "fine": fine,
}


@pytest.mark.parametrize("case", CASES)
def test_each_state_of_a_file_is_told_step_by_step(say, repository, store, tmp_path, case):
    CASES[case](store)
    before = listing(store.parent)
    said = say("--tracking-uri", f"sqlite:///{store}", "doctor")
    assert tracking(said.out, tmp_path) == golden(f"sqlite-{case}")
    assert said.code == (0 if case in ("older", "write-ahead", "fine") else 1)
    assert listing(store.parent) == before


@pytest.mark.campaign
def test_fault_01_a_locked_file_is_told_step_by_step(say, repository, store, tmp_path):
    with locked(store):
        said = say("--tracking-uri", f"sqlite:///{store}", "doctor")
    assert tracking(said.out, tmp_path) == golden("sqlite-locked")
    assert said.code == 1


def test_a_damaged_page_is_told_where_it_is_met(store):
    pages = store.stat().st_size // 4096
    with store.open("r+b") as file:
        for page in range(2, pages):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    steps = list(probe(f"sqlite:///{store}"))
    assert steps[-1].state is State.FAIL
    assert "damaged" in steps[-1].evidence
    assert "backup" in steps[-1].remedy


def test_a_write_that_was_left_unfinished_is_told(store):
    Path(f"{store}-journal").write_bytes(b"x" * 512)
    steps = {step.name: step for step in probe(f"sqlite:///{store}")}
    assert steps["journal"].state is State.WARN
    assert Path(f"{store}-journal").read_bytes() == b"x" * 512


def test_the_speed_of_a_large_store_says_how_long_a_first_reading_takes(store):
    edit(
        store,
        "insert into params (key, value, run_uuid) with recursive n(i) as "
        "(select 1 union all select i + 1 from n where i < 30000) "
        "select 'k' || i, 'v', (select run_uuid from runs limit 1) from n",
    )
    (speed,) = [step for step in probe(f"sqlite:///{store}") if step.name == "speed"]
    assert speed.evidence.startswith("20,000 rows in ")
    assert "some 30," in speed.evidence
