"""What is built holds everything that runs, and runs outside of the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from checkout import ROOT, tracked

pytestmark = pytest.mark.campaign

ROOMS = {"tui/mlops_dash/": "mlops_dash/", "queries/": "mlops_dash/queries/"}
ARCHIVE = "sample_data/diabetes.tar.xz"


def test_wheel_holds_every_module_question_style_and_sample(distributions):
    held = set(zipfile.ZipFile(distributions.wheel).namelist())
    wanted = {
        room + name.removeprefix(top)
        for name in tracked()
        for top, room in ROOMS.items()
        if name.startswith(top)
    }
    wanted.add(f"mlops_dash/{ARCHIVE}")

    assert wanted - held == set()
    assert {Path(name).suffix for name in wanted} >= {".py", ".sql", ".tcss", ".xz", ".typed"}
    extra = {name for name in held - wanted if ".dist-info/" not in name}
    assert extra == set(), "files that are not tracked"


def test_sdist_holds_the_tests_and_documents(distributions):
    with tarfile.open(distributions.sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}

    for folder in ("tui/", "queries/", "tests/", "sample_data/", "screenshots/"):
        assert {name for name in tracked() if name.startswith(folder)} - held == set()
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml"} <= held


def test_wheel_is_what_runs_in_the_new_environment(installed, tmp_path):
    place = _run([installed / "python", "-c", "import mlops_dash; print(mlops_dash.__file__)"], tmp_path)

    assert Path(place.strip()).is_relative_to(installed.parent)


def test_installed_program_tells_its_version_and_schema(installed, tmp_path):
    assert "0.1.0" in _run([installed / "mlops-dash", "--version"], tmp_path)
    assert (
        json.loads(_run([installed / "mlops-dash", "config", "schema"], tmp_path))["title"]
        == "mlops-dash.toml"
    )


def test_installed_program_answers_for_a_repository_with_gto_tags(installed, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    git = ["git", "-c", "user.name=dev1", "-c", "user.email=dev1@example.com"]
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["commit", "--quiet", "--allow-empty", "-m", "First"],
        ["tag", "-a", "churn@v1.0.0", "-m", "Version"],
        ["tag", "-a", "churn#production#1", "-m", "Assignment"],
    ):
        subprocess.run([*git, *arguments], cwd=project, check=True)

    answer = json.loads(_run([installed / "mlops-dash", "live", "--json"], project))

    (row,) = answer["environments"]
    assert (row["environment"], row["model"], row["live"]) == ("production", "churn", "v1.0.0")
    assert row["code"]["subject"] == "First"


def test_installed_program_unpacks_its_sample(installed, tmp_path):
    script = (
        "import sys, pathlib; from mlops_dash.demo import unpack; print(unpack(pathlib.Path(sys.argv[1])))"
    )

    folder = Path(_run([installed / "python", "-c", script, str(tmp_path / "demo")], tmp_path).strip())

    assert (folder / "mlflow.db").stat().st_size > 0
    assert (folder / ".git").is_dir()


def test_everyday_tests_of_the_core_pass_against_the_wheel(installed):
    areas = [ROOT / "tests" / area for area in ("queries", "cli/test_verbs.py", "cli/test_runs.py")]
    present = [str(area) for area in areas if area.exists()]
    options = ["-m", "not campaign", "-p", "no:cacheprovider"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {
        "PYTHONDONTWRITEBYTECODE": "1"
    }

    command = [str(installed / "python"), "-m", "pytest", *options, *present]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def _run(command: list[object], folder: Path) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "MLOPS_DASH_", "PYTHON"))}
    places = {"MLOPS_DASH_CACHE_DIR": str(folder / ".cache"), "MLOPS_DASH_STATE_DIR": str(folder / ".state")}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=kept | places, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
