"""The demo's board, asked on the command line, is right before and after its servers are up."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlops_dash import demo
from mlops_dash.actions.servers import wait_ready
from mlops_dash.project import open_project
from mlops_dash.targets.process import read_record, servers_folder

READY_WITHIN = 120.0
DECLARED = {"production": "4", "staging": "6", "canary": "6"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    scratch = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_DASH_CACHE_DIR", str(scratch / "cache"))
        patch.setenv("MLOPS_DASH_STATE_DIR", str(scratch / "state"))
        yield demo.unpack(scratch / "diabetes")


def git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", project, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def live(project: Path, *options: str) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "mlops_dash", "--project", project, *options, "live", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return {row["environment"]: row for row in json.loads(done.stdout)["environments"]}


def commit_of(project: Path, version: int) -> str:
    with closing(sqlite3.connect(f"file:{project / 'mlflow.db'}?mode=ro", uri=True)) as connection:
        ((commit,),) = connection.execute(
            "select t.value from model_versions v join tags t on t.run_uuid = v.run_id"
            " where t.key = 'mlflow.source.git.commit' and v.version = ?",
            (version,),
        )
    return str(commit)


def codes(row: dict[str, Any]) -> set[str]:
    return {item["code"] for item in row["attention"]}


@pytest.fixture(scope="module")
def declared(project: Path) -> dict[str, dict[str, Any]]:
    """Return the board of the same project when nothing is configured that could be asked."""
    config = project.parent / "declared-only.toml"
    text = (project / "mlops-dash.toml").read_text()
    text = text.replace("sqlite:///mlflow.db", f"sqlite:///{project / 'mlflow.db'}")
    config.write_text(text.replace('target = { kind = "process" }\n', ""))
    return live(project, "--config", str(config))


def test_servers_that_do_not_run_leave_live_unknown(project: Path) -> None:
    board = live(project)
    assert list(board) == ["production", "staging", "canary"]
    assert {name: row["declared"]["version"] for name, row in board.items()} == DECLARED
    assert all(row["model"] == "progression" and row["target"] == "process" for row in board.values())
    assert {(row["live"], row["basis"], row["drift"]) for row in board.values()} == {(None, "unknown", False)}


def test_what_is_declared_is_live_where_nothing_can_be_asked(declared: dict[str, dict[str, Any]]) -> None:
    assert {name: row["live"] for name, row in declared.items()} == DECLARED
    assert {row["basis"] for row in declared.values()} == {"declared"}


def test_code_is_as_far_behind_as_git_counts(project: Path, declared: dict[str, dict[str, Any]]) -> None:
    for environment, version in DECLARED.items():
        commit = commit_of(project, int(version))
        code = declared[environment]["code"]
        assert code["commit"] == commit
        assert code["behind"] == int(git(project, "rev-list", "--count", f"{commit}..main"))
        assert code["subject"] == git(project, "show", "-s", "--format=%s", commit)
        assert code["status"] == "ok"
    assert declared["production"]["code"]["behind"] > 0
    assert "behind" in codes(declared["production"])


def test_newer_data_and_a_better_version_are_noticed(
    project: Path, declared: dict[str, dict[str, Any]]
) -> None:
    kinds = {item["kind"]: item for item in declared["production"]["data"]}
    pointer = git(project, "show", f"{commit_of(project, 4)}:data/diabetes.csv.dvc")
    assert kinds["dvc"]["digest"] in pointer
    assert kinds["dvc"]["newer"] == 1
    assert kinds["mlflow"]["newer"] == 1
    assert all(item["newer"] == 0 for item in declared["staging"]["data"])
    assert {"newer-data", "better-version"} <= codes(declared["production"])
    assert not {"newer-data", "better-version", "behind"} & codes(declared["staging"])


@pytest.mark.campaign
def test_canary_drifts_once_its_server_is_up(project: Path) -> None:
    assert demo.start_story(project) == ()
    opened = open_project(project)
    try:
        folder = servers_folder(opened.located.servers)
        for environment in DECLARED:
            record = read_record(folder, environment, demo.MODEL)
            assert record is not None
            wait_ready(record, READY_WITHIN)
        assert demo.start_story(project) == ()  # they run already
        board = live(project)
    finally:
        for environment in DECLARED:
            opened.down(environment)
        opened.close()
    assert {name: row["declared"]["version"] for name, row in board.items()} == DECLARED
    assert {name: row["observed"]["version"] for name, row in board.items()} == DECLARED | {"canary": "5"}
    assert [name for name, row in board.items() if row["drift"]] == ["canary"]
    assert all(row["health"] == "healthy" and row["basis"] == "observed" for row in board.values())
    canary = board["canary"]
    assert canary["code"]["commit"] == commit_of(project, 5)
    assert canary["code"]["status"] == "unreachable"
    assert {"drift", "missing-code"} <= codes(canary)
