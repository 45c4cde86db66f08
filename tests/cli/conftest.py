"""The command line, called in this process, with a cache, a state folder and a home of its own."""

from __future__ import annotations

import lzma
import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mlops_dash.cli.command import run
from saying import Said


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the cache, the state and the home folder of the user out of the tests."""
    places = tmp_path_factory.mktemp("places")
    for name in ("cache", "state", "home"):
        (places / name).mkdir()
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(places / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(places / "state"))
    monkeypatch.setenv("HOME", str(places / "home"))
    for name in ("MLFLOW_TRACKING_URI", "NO_COLOR", "_ARGCOMPLETE"):
        monkeypatch.delenv(name, raising=False)
    return places


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Give words to the command line and get what it said."""

    def ask(*words: object) -> Said:
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return ask


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    inner = tmp_path / "project"
    inner.mkdir()
    monkeypatch.chdir(inner)
    return inner


GIT = {
    "GIT_AUTHOR_NAME": "Ada Rask",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada Rask",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@pytest.fixture
def repository(folder: Path) -> Path:
    """A repository with one commit, a GTO version and its assignment to production."""
    (folder / "train.py").write_text("print('training')\n")
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["commit", "-q", "-m", "Train a first model"],
        ["tag", "-a", "wine@v1.0.0", "-m", "first"],
        ["tag", "-a", "wine#production#1", "-m", "out"],
    ):
        subprocess.run(["git", *words], cwd=folder, env={**os.environ, **GIT}, check=True)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A small store that MLflow 2.22 wrote: runs, a registered model and its versions."""
    packed = Path(__file__).parents[1] / "sources" / "stores" / "mlflow-2.22.1.db.xz"
    made = tmp_path / "stores" / "mlflow.db"
    made.parent.mkdir()
    made.write_bytes(lzma.decompress(packed.read_bytes()))
    return made


@pytest.fixture
def empty_store(store: Path) -> Path:
    """A store as MLflow leaves it before the first run."""
    with closing(sqlite3.connect(store)) as connection, connection:
        tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            if table not in ("alembic_version", "experiments"):
                connection.execute(f'delete from "{table}"')
    return store
