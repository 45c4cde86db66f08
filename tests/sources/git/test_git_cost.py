"""What a reading costs once a repository is known: only what moved is run for, and written."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from git_projects import GitProject
from mlops_dash.errors import SourceError
from mlops_dash.sources.dvc import DvcSource
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.git_runner import GitRunner
from mlops_dash.sources.gto import GtoSource

POINTER = "outs:\n- md5: {digest}\n  path: x\n"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The git commands that are run."""
    names: list[str] = []
    really = GitRunner._started

    def noted(runner: GitRunner, arguments: Any, *others: Any, **named: Any) -> Any:
        names.append(arguments[0])
        return really(runner, arguments, *others, **named)

    monkeypatch.setattr(GitRunner, "_started", noted)
    return names


def rows(reader: Any, table: str) -> list[dict[str, Any]]:
    return [
        row for batch in reader.batches if batch.table == table for row in pa.table(batch.rows).to_pylist()
    ]


def test_after_a_commit_only_the_ref_that_moved_is_written(project: GitProject, reader: Any) -> None:
    project.commit("one")
    for number in range(5):
        project.git("branch", f"b{number}")
        project.tag(f"t{number}")
    project.git("tag", "main")  # of the same name as the branch
    source = GitSource(project.root)
    reader.read(source)
    project.commit("two")
    reader.read(source)
    assert sorted((row["kind"], row["name"]) for row in rows(reader, "git_ref")) == [
        ("branch", "main"), ("tag", "main"),
    ]  # fmt: skip
    project.git("branch", "-D", "b1")
    project.git("tag", "-f", "-a", "-m", "other", "t2", "t2^{}")
    reader.read(source)
    everything = "select kind, name, commit_hash, message from git_ref order by all"
    held = reader.sql(everything)
    reader.read(GitSource(project.root), thorough=True)
    assert reader.sql(everything) == held
    assert len(held) == 11


def test_positions_that_stayed_are_not_written(project: GitProject, reader: Any) -> None:
    first, second = project.commit("one"), project.commit("two")
    reader.matters(first, second)
    source = GitSource(project.root)
    reader.read(source)
    project.git("tag", "on-first", first)
    reader.read(source)
    assert "commit_position" not in reader.tables()
    project.git("branch", "on-first", first)
    reader.read(source)
    assert [row["commit_hash"] for row in rows(reader, "commit_position")] == [first]
    third = project.commit("three")
    reader.matters(second, third)
    reader.read(source)
    reader.read(source)
    assert {name: row[1] for name, row in reader.positions_of_commits().items()} == {second: 1, third: 0}
    reader.matters(third)
    reader.read(source)
    assert set(reader.positions_of_commits()) == {third}


def test_the_state_is_written_only_when_it_differs(project: GitProject, reader: Any) -> None:
    project.commit("one", {"a.txt": "a"})
    source = GitSource(project.root)
    reader.read(source)
    project.git("branch", "other")
    reader.read(source)
    assert reader.tables() == ["git_ref"]


def test_looking_a_second_time_runs_nothing(project: GitProject, reader: Any, started: list[str]) -> None:
    commit = project.commit("one", {"x.dvc": POINTER.format(digest="a" * 32)})
    project.tag("m@v1.0.0")
    git = GitSource(project.root)
    sources = (git, GtoSource(git), git, DvcSource(git))
    reader.matters(commit)
    for source in sources:
        reader.read(source)
    started.clear()
    for source in sources:
        reader.read(source)
        assert reader.tables() == []
    assert started == []


def test_a_commit_costs_gto_nothing_and_dvc_one_process(
    project: GitProject, reader: Any, started: list[str]
) -> None:
    project.commit("one", {"x.dvc": POINTER.format(digest="a" * 32)})
    project.tag("m@v1.0.0")
    git = GitSource(project.root)
    gto, dvc = GtoSource(git), DvcSource(git)
    for source in (git, gto, dvc):
        reader.read(source)
    project.commit("two", {"code.py": "x"})
    project.commit("three", {"code.py": "y"})
    reader.read(git)
    started.clear()
    for source in (gto, dvc):
        reader.read(source)
        assert reader.tables() == []
    assert started == ["log"]
    project.tag("m@v2.0.0")
    for source in (git, gto):
        reader.read(source)
    assert reader.column("select version from gto_version") == ["v1.0.0", "v2.0.0"]


def test_data_that_was_taken_away_and_brought_back_between_two_readings_is_in_the_history(
    project: GitProject, reader: Any
) -> None:
    old, new = (POINTER.format(digest=letter * 32) for letter in "ab")
    project.commit("one", {"x.dvc": old})
    source = DvcSource(GitSource(project.root))
    reader.read(source)
    project.commit("two", {"x.dvc": new})
    project.commit("three", {"x.dvc": old})
    reader.read(source)
    assert reader.column("select digest from dvc_history order by seq") == ["a" * 32, "b" * 32, "a" * 32]


def test_a_commit_read_before_a_failure_is_not_there_twice(project: GitProject, reader: Any) -> None:
    project.commit("one")
    source = GitSource(project.root)
    reader.read(source)
    project.commit("two")
    broken = project.root / ".git/refs/heads/broken"
    broken.write_text("f" * 40 + "\n")
    with pytest.raises(SourceError):
        reader.read(source)
    broken.unlink()
    assert reader.read(source).counts == "2 commits"
    assert reader.column("select subject from git_commit order by seq") == ["two", "one"]
