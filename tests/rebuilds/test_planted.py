"""A planted change between a run and its rebuild gets the verdict and the cause that it deserves.

Nothing that was noted is changed here: package, data, seed, thread or default really differ.
"""

from __future__ import annotations

import json
import sqlite3
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_dash.cli.command import run
from rebuilds.making import Making
from rebuilds.planted_trainings import DEFAULT, PACKAGE, ROWS, SEED, THREADS, table

pytestmark = pytest.mark.campaign

OFF = {"MLOPS_DASH_RECORDER": "off"}
CLEAN: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "rows": (("rows.py",), {}),
    "named rows": (("rows.py", "--data", "data/points.csv"), {}),
    "logged seed": (("seed.py", "--tell"), {"TRAINING_SEED": "1"}),
    "no seed": (("seed.py",), {}),
    "threads": (("threads.py",), {}),
    "two threads": (("threads.py",), {"OMP_NUM_THREADS": "2"}),
}
"""What is trained at the commit: words and variables by name."""
CHANGED: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "logged default": (("default.py", "--tell"), OFF),
    "default": (("default.py",), OFF),
    "much": (("default.py",), {}),
}
"""What is trained with another default, which is not committed, beside a file too large to be kept."""


class Lane(Making):
    """One training of several at a time: it sees the runs of its own experiment."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder)
        self.name = name

    def runs(self) -> list[str]:
        asked = "select run_uuid from runs join experiments using (experiment_id) where experiments.name = ?"
        with closing(sqlite3.connect(self.store)) as connection:
            return [run_id for (run_id,) in connection.execute(asked, (self.name,))]


@dataclass(frozen=True)
class Trained:
    """A project with a script for each kind of change, trained once for all tests.

    Attributes:
        runs: by name.
        table: the file that "rows" reads, outside of the repository.
    """

    making: Making
    runs: Mapping[str, str]
    table: Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("planted")
    making, read = Making(folder), folder / "points.csv"
    making.git.commit("Scripts", {
        ".gitignore": "mlflow.db*\nmlartifacts/\nmlruns/\ndata/\n",
        "package.py": PACKAGE,
        "rows.py": ROWS.format(path=str(read)),
        "seed.py": SEED,
        "threads.py": THREADS,
        "default.py": DEFAULT,
    })  # fmt: skip
    read.write_text(table())
    making.git.write("data/points.csv", table())
    python = environment(folder / "environment", 1.5, "1.0")
    runs = {"package": making.train(python, "package.py")}  # by itself: it makes the store
    runs |= together(folder, CLEAN)
    making.git.write("default.py", DEFAULT.replace("alpha: float = 0.5", "alpha: float = 0.75"))
    making.git.write("weights.txt", "0.125\n" * 20_000)
    runs |= together(folder, CHANGED)
    making.git.git("checkout", "-q", "--", "default.py")
    (making.root / "weights.txt").unlink()
    return Trained(making, runs, read)


def together(folder: Path, wanted: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]]) -> dict[str, str]:
    """Train two at a time."""

    def one(name: str) -> str:
        words, variables = wanted[name]
        return Lane(folder, name).python(*words, MLFLOW_EXPERIMENT_NAME=name, **variables)

    with pytest.MonkeyPatch.context() as patching, ThreadPoolExecutor(2) as pool:
        patching.delenv("OMP_NUM_THREADS", raising=False)
        return dict(zip(wanted, pool.map(one, wanted), strict=True))


def environment(folder: Path, slope: float, version: str) -> str:
    """Make an environment with all that this one has and two packages more; return its interpreter."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "all.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    (site / "drift.py").write_text(f"SLOPE = {slope}\n")
    for name in ("drift", "aardvark"):  # the latter is needed by nothing
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return str(folder / "bin" / "python")


class Rebuilding:
    """Rebuilds those runs by the command line."""

    def __init__(
        self, trained: Trained, capsys: pytest.CaptureFixture[str], patching: pytest.MonkeyPatch
    ) -> None:
        self.trained, self._capsys, self._patching = trained, capsys, patching

    def configure(self, *lines: str) -> None:
        """Say how things are rebuilt."""
        self.trained.making.git.write("mlops-dash.toml", "\n".join(["[rebuild]", *lines, ""]))

    def __call__(self, name: str, **shell: str) -> dict[str, Any]:
        """Rebuild a run in a shell with these variables, and return the answer."""
        with self._patching.context() as patching:
            for variable, value in shell.items():
                patching.setenv(variable, value)
            code = run(["rebuild", self.trained.runs[name], "--yes", "--check", "--json"])
        answer: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        assert code == {"verified": 0, "refused": 3}.get(answer["outcome"], 1), answer["message"]
        assert self.trained.making.left() == []
        return answer

    def digests(self, *run_ids: str) -> set[str]:
        """Return MLflow's digests of what these runs read."""
        asked = (
            "select datasets.digest from datasets join inputs on inputs.source_id = dataset_uuid"
            " where inputs.destination_id = ?"
        )
        with closing(sqlite3.connect(self.trained.making.store)) as connection:
            return {digest for run_id in run_ids for (digest,) in connection.execute(asked, (run_id,))}


@pytest.fixture
def rebuilt(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rebuilding]:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(trained.making.state))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(trained.making.cache))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.chdir(trained.making.root)
    yield Rebuilding(trained, capsys, monkeypatch)
    (trained.making.root / "mlops-dash.toml").unlink(missing_ok=True)
    assert trained.making.git.git("status", "--porcelain") == ""


def judged(answer: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the verdict, and what came out beyond its tolerance."""
    return answer["verdict"], [one["name"] for one in answer["differences"] if not one["within"]]


def causes(answer: dict[str, Any]) -> list[tuple[str, str, str | None, str | None]]:
    return [(one["kind"], one["name"], one["original"], one["rebuilt"]) for one in answer["causes"]]


def test_another_package_version(rebuilt: Rebuilding, tmp_path: Path) -> None:
    """The model needs the package: it comes before another one that differs, too."""
    python = environment(tmp_path / "environment", 1.6, "1.1")
    rebuilt.configure('environment = "present"', f"python = {json.dumps(python)}")
    answer = rebuilt("package")
    assert judged(answer) == ("diverged", ["rmse"])
    assert causes(answer) == [("package", "drift", "1.0", "1.1"), ("package", "aardvark", "1.0", "1.1")]
    assert answer["message"].endswith("likeliest cause: drift 1.0 → 1.1")


class TestARow:
    """One value of a table differs; the file has the same size."""

    def test_beyond_those_that_the_digest_covers(self, rebuilt: Rebuilding) -> None:
        """Nobody recorded the content: what may be the cause is told, and that nobody knows."""
        rebuilt.trained.table.write_text(table(row10300=7.9))
        answer = rebuilt("rows")
        assert len(rebuilt.digests(rebuilt.trained.runs["rows"], answer["run_id"])) == 1
        assert judged(answer) == ("diverged", ["mean"])
        assert causes(answer) == []
        assert "(or data points beyond its first 10,000 rows)" in answer["message"]
        assert any(line.startswith("data points: same digest of MLflow") for line in answer["compared"])

    def test_among_those_that_the_digest_covers(self, rebuilt: Rebuilding) -> None:
        rebuilt.trained.table.write_text(table(row5=7.9))
        answer = rebuilt("rows")
        assert len(rebuilt.digests(rebuilt.trained.runs["rows"], answer["run_id"])) == 2
        assert judged(answer) == ("diverged", ["mean"])
        assert [cause[:2] for cause in causes(answer)] == [("data", "points")]
        assert "likeliest cause: data points" in answer["message"]
        assert not any("same digest of MLflow" in line for line in answer["compared"])

    def test_of_a_file_whose_content_was_recorded(self, rebuilt: Rebuilding) -> None:
        """Nothing is trained with other data: the file is named, wherever it differs."""
        data = rebuilt.trained.making.git.write("data/points.csv", table(row10300=7.9))
        answer = rebuilt("named rows")
        assert (answer["outcome"], answer["verdict"], answer["run_id"]) == ("failed", "failed", None)
        assert "data/points.csv is not what it was when the run was made" in answer["message"]
        data.write_text(table() + "10400,1.5\n")
        answer = rebuilt("named rows")
        assert (answer["outcome"], answer["verdict"], answer["run_id"]) == ("refused", None, None)
        assert "nothing was begun" in answer["message"]
        assert "data/points.csv: it has" in answer["message"]


def test_another_seed(rebuilt: Rebuilding) -> None:
    """It came from a variable that is none of those that are recorded; its value was logged."""
    answer = rebuilt("logged seed", TRAINING_SEED="1")
    assert judged(answer) == ("diverged", ["accuracy"])
    ((kind, name, old, new),) = causes(answer)
    assert (kind, name, old) == ("seed", "seed", "1")
    assert answer["message"].endswith(f"likeliest cause: seed 1 → {new}")


def test_a_seed_that_nobody_knows(rebuilt: Rebuilding) -> None:
    answer = rebuilt("no seed")
    assert (judged(answer), causes(answer)) == (("diverged", ["accuracy"]), [])
    assert "nothing that was recorded differs: unfixed randomness" in answer["message"]


class TestAThread:
    """One thread more: the shell of the rebuild says so, and the configuration passes it on."""

    PASSED = 'variables = ["OMP_NUM_THREADS", "MLOPS_DASH_RECORDER"]'
    CAUSE = ("threads", "OMP_NUM_THREADS", None, "2")

    def test_whose_training_makes_the_last_bits_grow(self, rebuilt: Rebuilding) -> None:
        rebuilt.configure(self.PASSED)
        answer = rebuilt("threads", OMP_NUM_THREADS="2")
        assert (judged(answer), causes(answer)) == (("diverged", ["loss"]), [self.CAUSE])
        assert answer["message"].endswith("likeliest cause: OMP_NUM_THREADS absent → 2")

    def test_where_no_recorder_is(self, rebuilt: Rebuilding) -> None:
        """As in an environment that was built. Only the last bits differ in what is compared."""
        rebuilt.configure(self.PASSED, 'ignore = ["loss"]')
        answer = rebuilt("threads", OMP_NUM_THREADS="2", **OFF)
        assert judged(answer) == ("equivalent", [])
        assert [one["name"] for one in answer["differences"]] == ["mean"]
        assert causes(answer) == [self.CAUSE]
        assert answer["message"].endswith("although OMP_NUM_THREADS absent → 2")

    def test_than_the_run_was_given(self, rebuilt: Rebuilding) -> None:
        """What was recorded is what it gets again."""
        rebuilt.configure(self.PASSED)
        answer = rebuilt("two threads", OMP_NUM_THREADS="3")
        assert (judged(answer), causes(answer)) == (("identical", []), [])


class TestADefault:
    """It was another one when the run was made, and that was never committed."""

    def test_that_was_logged(self, rebuilt: Rebuilding) -> None:
        rebuilt.configure('command = ["python", "default.py", "--tell"]')
        answer = rebuilt("logged default")
        assert judged(answer) == ("diverged", ["slope"])
        assert causes(answer) == [("parameter", "alpha", "0.75", "0.5")]
        assert answer["message"].endswith("likeliest cause: alpha 0.75 → 0.5")

    def test_that_nobody_knows(self, rebuilt: Rebuilding) -> None:
        """No recorder was there: that the tree was clean is not taken for granted."""
        rebuilt.configure('command = ["python", "default.py"]')
        answer = rebuilt("default")
        assert (judged(answer), causes(answer)) == (("diverged", ["slope"]), [])
        assert "uncommitted changes" in answer["message"]

    def test_of_which_too_much_was_to_be_kept(self, rebuilt: Rebuilding) -> None:
        """It cannot be made again, and nothing is begun."""
        answer = rebuilt("much")
        assert (answer["outcome"], answer["verdict"], answer["run_id"]) == ("refused", None, None)
        assert "uncommitted changes, and they are not kept: 1 new file too large" in answer["message"]
