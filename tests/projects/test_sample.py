"""The sample project is what its story says, seen with git and SQLite alone."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mlops_dash import demo

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.unpack(tmp_path_factory.mktemp("sample") / "diabetes")


def git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", project, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def ask(project: Path, question: str) -> list[tuple]:
    with closing(sqlite3.connect(f"file:{project / 'mlflow.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(question).fetchall()


def run_of_version(project: Path, version: int) -> tuple[str, str]:
    """Return run and commit of a version of the model."""
    ((run_id, commit),) = ask(
        project,
        "select v.run_id, t.value from model_versions v join tags t on t.run_uuid = v.run_id"
        f" where t.key = 'mlflow.source.git.commit' and v.version = {version}",
    )
    return run_id, commit


def rmse_of(project: Path, run_id: str) -> float:
    ((value,),) = ask(
        project, f"select value from latest_metrics where key = 'rmse' and run_uuid = '{run_id}'"
    )
    return value


def test_the_archive_is_small() -> None:
    assert demo.archive().stat().st_size < 5 * MEGABYTE


def test_history_has_authors_branches_and_commits(project: Path) -> None:
    commits = git(project, "log", "--all", "--format=%H %ae %aI").splitlines()
    assert len(commits) >= 14
    authors = {line.split()[1] for line in commits}
    assert len(authors) >= 3
    assert all(mail.endswith("@example.com") for mail in authors)
    assert git(project, "branch", "--format=%(refname:short)").split() == ["interactions", "main"]
    assert int(git(project, "rev-list", "--count", "main..interactions")) >= 2
    days = [line.split()[2] for line in commits]
    assert min(days) >= "2026-10"
    assert max(days) < "2026-11-23"


def test_the_working_tree_is_clean_on_main(project: Path) -> None:
    assert git(project, "status", "--porcelain", "--branch") == "## main"
    assert git(project, "diff-files", "--name-only") == ""
    assert git(project, "fsck", "--full", "--no-dangling") == ""


def test_three_versions_of_the_data_are_tracked_with_dvc(project: Path) -> None:
    commits = git(project, "log", "--format=%H", "main", "--", "data/diabetes.csv.dvc").split()
    versions = {}
    for commit in reversed(commits):
        (digest,) = re.findall(r"md5: (\w{32})", git(project, "show", f"{commit}:data/diabetes.csv.dvc"))
        cached = project / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]
        versions[digest] = len(cached.read_text().splitlines()) - 1
    patients = list(versions.values())
    assert patients[0] == 300
    assert patients[1] < 300
    assert patients[2] == 442
    assert git(project, "ls-files", "data") == "data/.gitignore\ndata/diabetes.csv.dvc"


def test_runs_were_trained_with_histories_datasets_and_commits(project: Path) -> None:
    finished = ask(
        project, "select run_uuid from runs where status = 'FINISHED' and lifecycle_stage = 'active'"
    )
    assert len(finished) >= 40
    histories = dict(ask(project, "select run_uuid, count(*) from metrics where key = 'rmse' group by 1"))
    assert all(20 <= histories[run_id] <= 50 for (run_id,) in finished)
    commits = ask(
        project,
        "select r.run_uuid, t.value from runs r left join tags t on t.run_uuid = r.run_uuid"
        " and t.key = 'mlflow.source.git.commit'",
    )
    assert all(git(project, "cat-file", "-t", commit) == "commit" for _, commit in commits)
    inputs = ask(
        project,
        "select i.destination_id, d.name, d.dataset_source from inputs i"
        " join datasets d on d.dataset_uuid = i.source_id where i.source_type = 'DATASET'",
    )
    assert {run_id for run_id, _, _ in inputs} >= {run_id for (run_id,) in finished}
    assert {name for _, name, _ in inputs} == {"diabetes"}
    assert {json.loads(source)["uri"] for _, _, source in inputs} == {"data/diabetes.csv"}
    assert len(ask(project, "select distinct digest from datasets")) == 3
    assert len(ask(project, "select distinct user_id from runs")) == 3
    assert len(ask(project, "select distinct value from params where key = 'model'")) >= 4


def test_one_run_failed_and_one_was_deleted(project: Path) -> None:
    assert ask(project, "select status, count(*) from runs where status <> 'FINISHED' group by 1") == [
        ("FAILED", 1)
    ]
    assert len(ask(project, "select 1 from runs where lifecycle_stage = 'deleted' and deleted_time > 0")) == 1


def test_a_run_starts_after_its_commit_and_before_the_next(project: Path) -> None:
    rows = ask(
        project,
        "select r.start_time, r.end_time, t.value from runs r join tags t on t.run_uuid = r.run_uuid"
        " where t.key = 'mlflow.source.git.commit' order by r.start_time",
    )
    times = [int(git(project, "show", "-s", "--format=%ct", commit)) * 1000 for _, _, commit in rows]
    assert all(0 < start - at < 3 * 3_600_000 for (start, _, _), at in zip(rows, times, strict=True))
    assert all(0 < end - start < 120_000 for start, end, _ in rows)
    assert times == sorted(times)


def test_versions_have_their_artifacts_where_the_store_says(project: Path) -> None:
    rows = ask(
        project, "select version, storage_location, source from model_versions where name = 'progression'"
    )
    assert len(rows) >= 6
    for _, location, source in rows:
        model = (Path(location) / "MLmodel").read_text()
        assert f'artifact_path: "{location}"' in model
        assert f"model_id: {source.removeprefix('models:/')}" in model
        assert (Path(location) / "input_example.json").is_file()
        assert "signature:\n  inputs:" in model
        assert Path(location).is_relative_to(project)
    assert dict(ask(project, "select alias, version from registered_model_aliases")) == {
        "production": 4, "staging": 6, "canary": 6,
    }  # fmt: skip


def test_production_is_behind_staging_in_code_data_and_error(project: Path) -> None:
    (run_4, code_4), (run_6, code_6) = run_of_version(project, 4), run_of_version(project, 6)
    assert rmse_of(project, run_6) < rmse_of(project, run_4)
    assert int(git(project, "rev-list", "--count", f"{code_4}..main")) >= 4
    assert git(project, "rev-parse", "main") == code_6
    data_4, data_6 = (
        re.findall(r"md5: (\w{32})", git(project, "show", f"{commit}:data/diabetes.csv.dvc"))
        for commit in (code_4, code_6)
    )
    assert data_4 != data_6


def test_version_5_comes_from_a_commit_that_is_on_no_branch(project: Path) -> None:
    _, commit = run_of_version(project, 5)
    assert git(project, "cat-file", "-t", commit) == "commit"
    assert git(project, "for-each-ref", "--contains", commit) == ""
    git(project, "gc", "--auto")
    assert git(project, "cat-file", "-t", commit) == "commit"


@pytest.mark.campaign
@pytest.mark.parametrize("version", [4, 6])
def test_a_version_trained_again_makes_the_same_errors(project: Path, tmp_path: Path, version: int) -> None:
    """Its commit, its data and its parameters are all it takes: every step's error is the same number, to
    twelve digits: the last bits were seen to differ between machines."""
    run_id, commit = run_of_version(project, version)
    tree = tmp_path / "again"
    git(project, "worktree", "add", "--quiet", "--detach", str(tree), commit)
    (digest,) = re.findall(r"md5: (\w{32})", git(project, "show", f"{commit}:data/diabetes.csv.dvc"))
    data = (project / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]).read_bytes()
    (tree / "data" / "diabetes.csv").write_bytes(data)
    params = dict(ask(project, f"select key, value from params where run_uuid = '{run_id}'"))
    options = [part for name, value in params.items() for part in (f"--{name}", value)]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    subprocess.run([sys.executable, "train.py", *options], cwd=tree, env=environment, check=True)
    question = "select key, step, value from metrics where run_uuid {} order by key, step"
    original = ask(project, question.format(f"= '{run_id}'"))
    again = ask(tree, question.format("is not null"))
    assert [row[:2] for row in again] == [row[:2] for row in original]
    assert [row[2] for row in again] == pytest.approx([row[2] for row in original], rel=1e-12)
    git(project, "worktree", "remove", "--force", str(tree))


def test_every_registered_version_beats_the_first(project: Path) -> None:
    errors = [rmse_of(project, run_of_version(project, version)[0]) for version in range(1, 7)]
    assert min(errors) == errors[5]
    assert max(errors) == errors[0]


def test_nothing_in_it_names_the_machine_it_was_built_on(tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(demo.archive()) as tar:
        for member in tar:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            if member.isreg():
                content = tar.extractfile(member).read()
                for trace in (b"/root", b"/work", b"/home/", b"/tmp/", b"mlops-dash-build", b"localhost"):
                    assert trace not in content, (member.name, trace)
