"""Data in a remote of DVC's that is no folder: DVC fetches it from a real server, with a password."""

from __future__ import annotations

import base64
import http.server
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from git_projects import GitProject
from mlops_dash.actions.rebuilding.dvc_places import Stores
from mlops_dash.actions.rebuilding.fetching import fetch
from mlops_dash.actions.rebuilding.restoring import restore
from mlops_dash.domain.plans import Outcome, Tick
from mlops_dash.domain.rebuilds import DataNeed
from mlops_dash.errors import DashError, RefusedError
from rebuilds.making import POINTS, TRAIN, Making
from rebuilds.watching import checked, nothing_left, remedy

pytestmark = pytest.mark.campaign

DVC = [sys.executable, "-m", "dvc"]
PASSWORD = "korrekt-Pferd-7461"


class Remote:
    """A server of a folder, for who has the password.

    Attributes:
        asked: set once somebody asked for something; nobody is answered while ``hangs`` is set.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.hangs = folder, Event(), False
        self.go = Event()
        wanted = "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
        remote = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(folder))

            def parse_request(self) -> bool:
                if not super().parse_request():
                    return False
                remote.asked.set()
                if remote.hangs:
                    remote.go.wait()
                if self.headers.get("authorization") != wanted:
                    self.send_error(401)
                    return False
                return True

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    (tmp_path / "remote").mkdir()
    made = Remote(tmp_path / "remote")
    yield made
    made.close()


def dvc(root: Path, *words: str) -> None:
    subprocess.run([*DVC, *words], cwd=root, check=True, stdout=subprocess.DEVNULL)


def move_away(root: Path, remote: Path, *paths: str) -> None:
    """Push what is tracked to a remote's folder, and forget it here."""
    dvc(root, "remote", "add", "-q", "-d", "up", str(remote))
    dvc(root, "push", "-q")
    shutil.rmtree(root / ".dvc" / "cache")
    for path in paths:
        shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink()


def point_at(root: Path, remote: Remote) -> None:
    config = root / ".dvc" / "config"
    config.write_text(re.sub("url = .*", f"url = {remote.url}", config.read_text()))
    password = f"    auth = basic\n    user = ada\n    password = {PASSWORD}\n"
    config.with_name("config.local").write_text(f"['remote \"up\"']\n{password}")


def needs(digests: dict[str, str]) -> list[DataNeed]:
    return [DataNeed(path, "dvc", path, md5=digest) for path, digest in digests.items()]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose data is in a remote alone."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "remote").mkdir()
    git = GitProject(folder / "project")
    git.commit("Begin", {"readme": ""})
    git.write("images/one.txt", "1")
    git.write("images/deep/two.txt", "2")
    git.write("table.csv", "a\n")
    dvc(git.root, "init", "-q")
    dvc(git.root, "add", "-q", "images", "table.csv")
    move_away(git.root, folder / "remote", "images", "table.csv")
    return folder


@pytest.fixture
def away(prepared: Path, remote: Remote, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    for name in ("project", "remote"):
        shutil.copytree(prepared / name, tmp_path / name, dirs_exist_ok=True)
    (tmp_path / "tree").mkdir()
    root = tmp_path / "project"
    point_at(root, remote)
    found = {path: (root / f"{path}.dvc").read_text() for path in ("images", "table.csv")}
    return root, {path: told.split("md5: ")[1].split()[0] for path, told in found.items()}


def put(root: Path, wanted: list[DataNeed], *, stopped: bool = False) -> list[str]:
    stores, aside = Stores.of(root), root.parent / "aside"
    assert stores.remote == "up"
    try:
        return restore(
            wanted, stores, root.parent / "tree", lambda _: None,
            lambda gone: fetch(gone, stores, aside, lambda: stopped),
        )  # fmt: skip
    finally:
        assert not aside.exists()  # the settings hold a password


def test_files_and_folders(away: tuple[Path, dict[str, str]]) -> None:
    root, digests = away
    done = put(root, needs(digests))
    tree = root.parent / "tree"
    assert (tree / "images" / "deep" / "two.txt").read_text() == "2"
    assert (tree / "table.csv").read_text() == "a\n"
    assert done[1] == "table.csv: 1 file with the recorded md5, from DVC's remote"
    assert Stores.of(root).caches[0] == root / ".dvc" / "cache"
    assert (root / ".dvc" / "cache").is_dir()


def test_one_file_of_a_folder_that_is_here(away: tuple[Path, dict[str, str]]) -> None:
    root, digests = away
    put(root, needs(digests))
    (lost,) = (root / ".dvc" / "cache" / "files" / "md5").glob("c8/1e728d9d4c2f636f067f89cc14862c")
    lost.unlink()
    shutil.rmtree(root.parent / "tree")
    (root.parent / "tree").mkdir()
    put(root, needs(digests))
    assert (root.parent / "tree" / "images" / "deep" / "two.txt").read_text() == "2"


def test_as_dvc_2_kept_it(away: tuple[Path, dict[str, str]], remote: Remote) -> None:
    root, digests = away
    for folder in (remote.folder / "files" / "md5").iterdir():
        folder.rename(remote.folder / folder.name)
    put(root, needs({"table.csv": digests["table.csv"]}))
    assert (root.parent / "tree" / "table.csv").read_text() == "a\n"


def test_what_the_remote_does_not_have(away: tuple[Path, dict[str, str]], remote: Remote) -> None:
    root, digests = away
    shutil.rmtree(remote.folder / "files")
    with pytest.raises(RefusedError, match=r"DVC cannot fetch images, table\.csv: .") as caught:
        put(root, needs(digests))
    assert PASSWORD not in str(caught.value)


def test_a_remote_that_hangs_is_given_up_where_it_is_cancelled(
    away: tuple[Path, dict[str, str]], remote: Remote
) -> None:
    root, digests = away
    remote.hangs = True
    with pytest.raises(DashError, match="it was cancelled"):
        put(root, needs(digests), stopped=True)


def test_hashes_that_are_none_are_not_asked_for(away: tuple[Path, dict[str, str]], remote: Remote) -> None:
    root, _ = away
    for hostile in ("../../../../etc/passwd", "a" * 32 + "\n", "", "A" * 32):
        with pytest.raises(DashError):
            put(root, [DataNeed("x", "dvc", "x", md5=hostile)])
    assert not remote.asked.is_set()


def test_a_whole_rebuild(making: Making, remote: Remote) -> None:
    """The plan says where it will come from; without the password it is refused in DVC's own words."""
    making.git.commit("A script", {"train.py": TRAIN})
    making.git.write("raw/points.csv", POINTS)
    dvc(making.root, "init", "-q")
    dvc(making.root, "add", "-q", "raw/points.csv")
    making.git.git("add", "-A")
    making.git.commit("Data")
    run_id = making.python("train.py", "--data", "raw/points.csv")
    move_away(making.root, remote.folder, "raw/points.csv")
    point_at(making.root, remote)
    making.git.git("add", "-A")
    making.git.commit("Remote")
    found = checked(making, run_id)["data"]
    assert (found.tick, found.blocking) == (Tick.UNKNOWN, False)
    assert found.detail == "not here, DVC fetches it from its remote up: raw/points.csv"
    local = making.root / ".dvc" / "config.local"
    told = local.read_text()
    local.write_text(told.replace(PASSWORD, "another"))
    rebuilt = making.rebuild(run_id)
    assert rebuilt.action.outcome is Outcome.FAILED
    assert "DVC cannot fetch raw/points.csv" in rebuilt.words
    assert "dvc fetch" in remedy(rebuilt)
    nothing_left(making, rebuilt, run_id)
    local.write_text(told)
    rebuilt = making.rebuild(run_id)
    assert rebuilt.verdict == "identical", rebuilt.journal
    assert "from DVC's remote" in rebuilt.journal
    assert making.left() == []
    for path in making.state.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()
