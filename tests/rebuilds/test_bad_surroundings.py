"""Parameters, packages, data and disks that are not as a rebuild would have them, as a whole."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mlops_dash.domain.plans import Outcome, Tick
from mlops_dash.domain.recorded import Recorded, to_tags
from rebuilds.making import TRAIN, Making, awaited, begin
from rebuilds.watching import (
    as_command,
    checked,
    copy_of,
    insist,
    nothing_left,
    one_run,
    remedy,
    wait,
)

pytestmark = pytest.mark.campaign

OFF = {"MLOPS_DASH_RECORDER": "off"}
WORDS = '''\
"""Says what it was given."""

import json
import sys

import mlflow

with mlflow.start_run():
    mlflow.log_params({f"p{number}": word for number, word in enumerate(sys.argv[1:])})
    mlflow.log_text(json.dumps(sys.argv), "words.json")
'''


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Making, str]:
    return one_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def copied(
    trained: tuple[Making, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Making, str]:
    return copy_of(trained[0], tmp_path, monkeypatch), trained[1]


@pytest.mark.parametrize("told_by", ["recorder", "MLproject", "configuration"])
def test_hostile_parameters_stay_one_argument_each(making: Making, told_by: str, tmp_path: Path) -> None:
    """Options, shell code, paths, templates and broken lines, whoever tells the command."""
    sprung = tmp_path / "sprung"
    hostile = [
        "--x", "-c", "--output=x", f"$(touch {sprung})", f"`touch {sprung}`", f"; touch {sprung} #",
        f"x | tee {sprung}", f"&& touch {sprung}", "../..", "../../etc/passwd", "/etc/passwd", "~", "*",
        "a b", "'", '"', "\\", "{p1}", "${HOME}", "%s", f"\ntouch {sprung}\n", "größe",
    ]  # fmt: skip
    places = [f"{{p{number}}}" for number in range(len(hostile))]
    files = {"words.py": WORDS}
    if told_by == "MLproject":
        files["MLproject"] = f"entry_points:\n  main:\n    command: 'python words.py {' '.join(places)}'\n"
    elif told_by == "configuration":
        words = json.dumps(["python", "words.py", *places])
        files["mlops-dash.toml"] = f"[rebuild]\ncommand = {words}\n"
    making.git.commit("Words", files)
    run_id = making.python("words.py", *hostile, **({} if told_by == "recorder" else OFF))
    rebuilt = making.rebuild(run_id)
    train = next(step for step in rebuilt.action.plan.steps if step.kind == "train")
    assert train.arguments["argv"] == ["python", "words.py", *hostile]
    assert rebuilt.verdict == "identical", rebuilt.journal  # words.json says the same
    assert not sprung.exists()
    assert making.left() == []


class TestPackages:
    """Packages that are not to be had any more."""

    @pytest.fixture
    def wanting(self, copied: tuple[Making, str]) -> tuple[Making, str]:
        making, run_id = copied
        tags = to_tags(Recorded(packages={"only-once": "2.0"}))
        making.tag(run_id, **{"packages.1": tags["mlops-dash.packages.1"]})
        return making, run_id

    def test_a_version_that_no_index_has(
        self, wanting: tuple[Making, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        making, run_id = wanting
        monkeypatch.setenv("UV_DEFAULT_INDEX", index(tmp_path / "index", "only-once", "1.0").as_uri())
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert "the packages cannot be had" in rebuilt.words
        assert "only-once==2.0" in rebuilt.words
        assert 'environment = "present"' in remedy(rebuilt)
        nothing_left(making, rebuilt, run_id)
        # what was left half-way is not taken for an environment, and where the version is there it goes on
        monkeypatch.setenv("UV_DEFAULT_INDEX", index(tmp_path / "more", "only-once", "2.0").as_uri())
        again = making.rebuild(run_id)
        assert "No module named 'mlflow'" in again.words
        nothing_left(making, again, run_id)

    def test_no_index_answers(self, wanting: tuple[Making, str], monkeypatch: pytest.MonkeyPatch) -> None:
        making, run_id = wanting
        monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert "the packages cannot be had" in rebuilt.words
        assert "127.0.0.1:9/simple/only-once" in rebuilt.words
        assert 'environment = "present"' in remedy(rebuilt)
        nothing_left(making, rebuilt, run_id)


def index(folder: Path, name: str, version: str) -> Path:
    """An index of packages that has one version of one package."""
    wheel = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    below = folder / name
    below.mkdir(parents=True)
    about = f"{name.replace('-', '_')}-{version}.dist-info"
    with zipfile.ZipFile(below / wheel, "w") as packed:
        packed.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        packed.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{about}/RECORD", "")
    (below / "index.html").write_text(f'<a href="{wheel}">{wheel}</a>')
    return folder


class TestData:
    """Data that has changed or is gone, in a file of the user's and in DVC's cache."""

    @pytest.fixture
    def outside(self, copied: tuple[Making, str], tmp_path: Path) -> Path:
        """A file that the run read, outside of the repository."""
        making, run_id = copied
        path = tmp_path / "outside.csv"
        path.write_text("1,2\n2,4.5\n")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        making.tag(run_id, files=json.dumps([[str(path), 10, digest]]))
        as_command(making, run_id, "train.py", "--data", str(path))
        return path

    def test_of_the_same_size_and_another_content(self, copied: tuple[Making, str], outside: Path) -> None:
        """Nobody has read it before it is made again: it is told then, and the command is not run."""
        making, run_id = copied
        outside.write_text("1,2\n2,9.5\n")
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert f"{outside} is not what it was when the run was made: its content has changed" in rebuilt.words
        assert "bring back the file with the recorded content" in remedy(rebuilt)
        assert making.runs() == [run_id]
        assert outside.read_text() == "1,2\n2,9.5\n"
        nothing_left(making, rebuilt, run_id)

    @pytest.mark.parametrize("change", ["longer", "gone", "a folder"])
    def test_seen_at_a_glance(self, copied: tuple[Making, str], outside: Path, change: str) -> None:
        making, run_id = copied
        outside.unlink()
        if change == "longer":
            outside.write_text("1,2\n2,4.5\n3,6\n")
        elif change == "a folder":
            outside.mkdir()
        told = "it has 14 bytes, not 10 as it had" if change == "longer" else "it is gone from where it was"
        found = checked(making, run_id)["data"]
        assert (found.tick, found.blocking, found.detail) == (Tick.FAILS, True, f"{outside}: {told}")
        assert found.remedy in ("bring it back", "bring back what it was")
        rebuilt = insist(making, run_id)
        assert rebuilt.action.outcome is Outcome.REFUSED
        assert told in rebuilt.words
        nothing_left(making, rebuilt, run_id)

    def test_that_mlflow_alone_knows_of(self, making: Making, tmp_path: Path) -> None:
        """A script that says itself where its data is: what it was read from is told to be gone."""
        source = tmp_path / "elsewhere" / "points.csv"
        source.parent.mkdir()
        source.write_text("x,y\n1,2\n2,4.5\n")
        reads = (
            "import mlflow, pandas\n"
            f"source = {str(source)!r}\n"
            "data = mlflow.data.from_pandas(pandas.read_csv(source), source=source, name='points')\n"
            "with mlflow.start_run():\n    mlflow.log_input(data)\n    mlflow.log_metric('rmse', 1.5)\n"
        )
        making.git.commit("A script", {"train.py": reads})
        run_id = making.python("train.py")
        found = checked(making, run_id)["data"]
        assert (found.tick, found.blocking) == (Tick.UNKNOWN, False)
        source.unlink()
        found = checked(making, run_id)["data"]
        assert (found.tick, found.blocking) == (Tick.FAILS, False)
        assert found.detail == f"{source}, where points was read from, is gone"
        assert found.remedy == "bring it back"
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert f"No such file or directory: '{source}'" in rebuilt.words
        nothing_left(making, rebuilt, run_id)

    def test_of_dvc(self, making: Making) -> None:
        """Damaged in its cache, then gone from it; the user's own file has gone on."""
        dvc = [sys.executable, "-m", "dvc"]
        making.git.commit("A script", {"train.py": TRAIN})
        subprocess.run([*dvc, "init", "-q"], cwd=making.root, check=True)
        making.git.write("raw/points.csv", "1,2\n2,4.5\n")
        subprocess.run([*dvc, "add", "-q", "raw/points.csv"], cwd=making.root, check=True)
        making.git.git("add", "-A")
        making.git.commit("Data")
        run_id = making.python("train.py", "--data", "raw/points.csv")
        (cached,) = (path for path in making.root.glob(".dvc/cache/files/md5/*/*") if path.is_file())
        own = making.root / "raw" / "points.csv"
        own.unlink()
        own.write_text("mine\n")
        cached.chmod(0o644)
        cached.write_text("damaged")
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert "raw/points.csv is damaged in DVC's cache" in rebuilt.words
        assert "dvc fetch raw/points.csv" in remedy(rebuilt)
        nothing_left(making, rebuilt, run_id)
        cached.unlink()
        own.unlink()
        found = checked(making, run_id)["data"]
        assert (found.tick, found.blocking) == (Tick.FAILS, True)
        assert "it is neither in DVC's cache nor in a remote on this machine" in found.detail
        rebuilt = insist(making, run_id)
        assert rebuilt.action.outcome is Outcome.REFUSED
        assert "dvc fetch raw/points.csv" in remedy(rebuilt)
        nothing_left(making, rebuilt, run_id)


class TestFullDisk:
    """The disk of worktree, log and journal is truly full."""

    @pytest.fixture
    def small(
        self, copied: tuple[Making, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[tuple[Making, str]]:
        making, run_id = copied
        making.state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200m", "none", str(making.state)], check=True)
        try:
            yield making, run_id
        finally:
            subprocess.run(["umount", "--lazy", str(making.state)], check=True)

    @pytest.mark.parametrize(
        ("then", "padding"),
        [("threading.Event().wait()", 0), *(("sys.exit(3)", 350 * number) for number in range(6))],
    )
    def test_fault_72_the_command_fills_it(self, small: tuple[Making, str], then: str, padding: int) -> None:
        """To the last byte, so that of what the journal has still to say only what fits its last page does:
        with one of the paddings that is less than it needs before the worktree is taken away."""
        making, run_id = small
        code = (
            "import sys, threading\ntry:\n    with open('large', 'wb', buffering=0) as file:\n"
            "        while file.write(bytes(4_000_000)) == 4_000_000: pass\n"
            "    while True: open('large', 'ab', buffering=0).write(b'x')\n"
            f"except OSError as error:\n    print(error, flush=True)\n    {then}\n# {'x' * padding}"
        )
        as_command(making, run_id, "-c", code)
        with making.opened() as project:
            action_id = begin(project, run_id)
            wait(lambda: not project.action(action_id).running)  # type: ignore[union-attr]
            if project.action(action_id).outcome is None:  # type: ignore[union-attr]
                assert project.resume_unfinished() == (action_id,)
            rebuilt = awaited(project, action_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert f"the disk of {making.state / 'rebuilds' / action_id}" in rebuilt.words
        assert "full" in rebuilt.words
        assert making.runs() == [run_id]
        nothing_left(making, rebuilt, run_id)

    def test_fault_72_the_data_does_not_fit(self, small: tuple[Making, str]) -> None:
        making, run_id = small
        large, digest = making.root / "large.bin", hashlib.md5(usedforsecurity=False)
        with open(large, "wb") as file:
            file.truncate(1_300_000_000)
        for _ in range(1300):
            digest.update(bytes(1_000_000))
        told = f"outs:\n- md5: {digest.hexdigest()}\n  size: 1300000000\n  path: large.bin\n"
        making.git.write(".gitignore", f"{(making.root / '.gitignore').read_text()}large.bin\n")
        commit = making.git.commit("Data", {"large.bin.dvc": told, ".dvc/config": ""})
        with closing(sqlite3.connect(making.store)) as connection, connection:
            key = "mlflow.source.git.commit"
            connection.execute("update tags set value = ? where key = ?", (commit, key))
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert "there is no room for large.bin: No space left on device" in rebuilt.words
        assert "make room" in remedy(rebuilt)
        assert making.runs() == [run_id]
        nothing_left(making, rebuilt, run_id)
