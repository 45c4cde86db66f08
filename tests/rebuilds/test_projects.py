"""Five kinds of real projects, each rebuilt as a whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_dash.domain.plans import Outcome
from rebuilds.making import POINTS, TRAIN, Making, Rebuilt

pytestmark = pytest.mark.campaign

OFF = {"MLOPS_DASH_RECORDER": "off"}


def check(making: Making, original: str, rebuilt: Rebuilt, verdict: str = "identical") -> str:
    """Check what every rebuild leaves; return the new run."""
    assert rebuilt.verdict == verdict, rebuilt.journal
    assert rebuilt.action.outcome is Outcome.VERIFIED
    (new,) = set(making.runs()) - {original}
    assert rebuilt.found["runs"] == [new]
    theirs, ours = making.tags(original), making.tags(new)
    assert (ours["mlops-dash.rebuild.of"], ours["mlops-dash.rebuild.verdict"]) == (original, verdict)
    assert ours["mlops-dash.rebuild.action"] == rebuilt.action.plan.id
    assert (theirs["mlops-dash.rebuilt.run"], theirs["mlops-dash.rebuilt.verdict"]) == (new, verdict)
    assert making.left() == []
    assert making.git.git("status", "--porcelain") == ""
    return new


def test_a_plain_script(script: Making) -> None:
    original = script.python("train.py", "--alpha", "0.25", "--data=points.csv")
    new = check(script, original, script.rebuild(original))
    assert json.loads(script.tags(new)["mlops-dash.argv"]) == [
        "train.py", "--alpha", "0.25", "--data=points.csv",
    ]  # fmt: skip


def test_an_mlproject(making: Making) -> None:
    """Run by MLflow itself, without our recorder: entry point and parameters tell the command."""
    making.git.commit("A project", {
        "MLproject": "name: points\nentry_points:\n  main:\n    parameters:\n"
        "      alpha: {type: float, default: 0.1}\n      seed: {type: int, default: 4}\n"
        "    command: 'python train.py --alpha {alpha} --seed {seed}'\n",
        "train.py": TRAIN,
        "points.csv": POINTS,
    })  # fmt: skip
    mlflow = str(Path(sys.executable).with_name("mlflow"))
    original = making.train(mlflow, "run", ".", "--env-manager=local", "-P", "alpha=0.75", **OFF)
    rebuilt = making.rebuild(original)
    check(making, original, rebuilt)
    train = next(step for step in rebuilt.action.plan.steps if step.kind == "train")
    assert train.arguments["argv"] == ["python", "train.py", "--alpha", "0.75", "--seed", "4"]


def test_a_dvc_pipeline(making: Making) -> None:
    """Its data is in DVC's cache alone; its command is that of the stage."""
    dvc = [sys.executable, "-m", "dvc"]
    making.git.commit("A pipeline", {
        "dvc.yaml": "stages:\n  train:\n    cmd: python train.py --alpha 0.5 --data raw/points.csv\n"
        "    deps: [raw/points.csv, train.py]\n",
        "train.py": TRAIN,
    })  # fmt: skip
    subprocess.run([*dvc, "init", "-q"], cwd=making.root, check=True)
    making.git.write("raw/points.csv", POINTS)
    subprocess.run([*dvc, "add", "-q", "raw/points.csv"], cwd=making.root, check=True)
    making.git.git("add", "-A")
    making.git.commit("Data")
    original = making.train(*dvc, "repro", "-q", **OFF)
    making.git.git("add", "-A")
    making.git.commit("Reproduced")
    (making.root / "raw" / "points.csv").write_text("1,1\n")  # the user's own tree has gone on
    rebuilt = making.rebuild(original)
    assert rebuilt.verdict == "identical", rebuilt.journal
    assert making.left() == []
    assert "raw/points.csv" in next(s.title for s in rebuilt.action.plan.steps if s.kind == "data")


def test_a_stage_of_a_dvc_pipeline_needs_what_stands_before_it_alone(making: Making) -> None:
    """What it makes itself may be gone, and is not put where it trains."""
    dvc = [sys.executable, "-m", "dvc"]
    making.git.commit("A pipeline", {
        "dvc.yaml": "stages:\n"
        "  prepare:\n    cmd: cp raw.csv points.csv\n    deps: [raw.csv]\n    outs: [points.csv]\n"
        "  train:\n    cmd: python train.py --alpha 0.5\n    deps: [points.csv]\n    outs: [made.txt]\n"
        "  after:\n    cmd: cp made.txt copied.txt\n    deps: [made.txt]\n    outs: [copied.txt]\n",
        "train.py": f"{TRAIN}\nopen('made.txt', 'x').write('1')\n",
        "raw.csv": POINTS,
    })  # fmt: skip
    subprocess.run([*dvc, "init", "-q"], cwd=making.root, check=True)
    making.git.git("add", "-A")
    making.git.commit("DVC")
    making.train(*dvc, "repro", "-q", **OFF)
    making.git.git("add", "-A")
    making.git.commit("Reproduced")
    (making.root / "made.txt").unlink()
    original = making.python("train.py", "--alpha", "0.5")
    for path in making.root.glob(".dvc/cache/files/md5/c4/*"):  # of "1", which both of the later stages made
        path.unlink()
    rebuilt = making.rebuild(original)
    assert rebuilt.verdict == "identical", rebuilt.journal
    title = next(s.title for s in rebuilt.action.plan.steps if s.kind == "data")
    assert "points.csv" in title
    assert "made.txt" not in title


def test_a_package_run_as_a_module(making: Making) -> None:
    making.git.commit("A package", {
        "src/points/__init__.py": "",
        "src/points/fit.py": TRAIN,
        "src/points.csv": POINTS,
    })  # fmt: skip
    original = making.python("-m", "points.fit", "--seed", "9", folder="src")
    check(making, original, making.rebuild(original[:10]))


def test_a_package_that_is_installed_from_its_folder(making: Making) -> None:
    """As by ``pip install -e .``: it is imported from the worktree, not from where its author goes on."""
    making.git.commit("A package", {
        "src/points/__init__.py": "",
        "src/points/fit.py": TRAIN,
        "points.csv": POINTS,
    })  # fmt: skip
    site = making.root.parent / "site" / "points-1.0.dist-info"
    site.mkdir(parents=True)
    told = {"url": making.root.as_uri(), "dir_info": {"editable": True}}
    (site / "direct_url.json").write_text(json.dumps(told))
    path = os.pathsep.join((str(site.parent), str(making.root / "src")))
    original = making.python("-m", "points.fit", PYTHONPATH=path)
    making.git.write("src/points/fit.py", "raise SystemExit('its author has gone on')\n")
    rebuilt = making.rebuild(original)
    assert rebuilt.verdict == "identical", rebuilt.journal
    assert making.left() == []


def test_a_dirty_tree_whose_difference_was_recorded(script: Making) -> None:
    script.git.write("train.py", TRAIN.replace("options.alpha)", "options.alpha + extra.MORE)"))
    text = (script.root / "train.py").read_text()
    script.git.write("train.py", text.replace("import mlflow\n", "import extra\nimport mlflow\n"))
    script.git.write("extra.py", "MORE = 3.0\n")
    original = script.python("train.py")
    script.git.git("checkout", "-q", "--", "train.py")
    (script.root / "extra.py").unlink()
    new = check(script, original, script.rebuild(original))
    assert script.tags(new)["mlops-dash.diff.sha256"] == script.tags(original)["mlops-dash.diff.sha256"]
