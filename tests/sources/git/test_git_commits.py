"""What is read of a repository's commits, at first and after it moved."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from git_projects import GitProject, log_of, many_commits
from mlops_dash.domain.progress import Cancelled
from mlops_dash.errors import SourceError
from mlops_dash.sources.git import GitSource


def test_a_commit_has_its_facts(project: GitProject, reader: Any) -> None:
    first = project.commit("First")
    second = project.commit("Second")
    reader.read(GitSource(project.root))
    facts = "hash, parents, author, email, authored_at, committed_at, subject, seq"
    assert reader.sql(f"select {facts} from git_commit order by seq") == [
        (second, first, "Ada", "ada@example.org", 1_700_000_120_000, 1_700_000_120_000, "Second", 0),
        (first, "", "Ada", "ada@example.org", 1_700_000_060_000, 1_700_000_060_000, "First", 1),
    ]


def test_commits_of_all_branches_remotes_and_tags_are_read(project: GitProject, reader: Any) -> None:
    project.commit("base")
    project.git("checkout", "-q", "-b", "side")
    project.commit("side")
    project.git("checkout", "-q", "-b", "tagged", "main")
    project.tag("v1", project.commit("tagged"))
    project.git("checkout", "-q", "-b", "pushed", "main")
    project.git("update-ref", "refs/remotes/origin/pushed", project.commit("pushed"))
    project.git("checkout", "-q", "main")
    project.git("branch", "-D", "tagged", "pushed")
    position = reader.read(GitSource(project.root))
    assert set(reader.column("select subject from git_commit")) == {"base", "side", "tagged", "pushed"}
    assert position.counts == "4 commits"


def test_a_merge_has_all_its_parents(project: GitProject, reader: Any) -> None:
    base = project.commit("base")
    project.git("checkout", "-q", "-b", "side")
    side = project.commit("side")
    project.git("checkout", "-q", "main")
    project.minutes += 1
    project.git("merge", "-q", "--no-ff", "-m", "merge", side)
    reader.read(GitSource(project.root))
    assert reader.column("select parents from git_commit where subject = 'merge'") == [f"{base} {side}"]


def test_nothing_changed_reads_nothing(project: GitProject, reader: Any) -> None:
    project.commit()
    source = GitSource(project.root)
    position = reader.read(source)
    assert not source.changed(position.value)
    assert reader.read(source) == position
    assert reader.tables() == []


def test_a_new_commit_is_the_only_one_read(project: GitProject, reader: Any) -> None:
    for number in range(5):
        project.commit(f"old {number}")
    source = GitSource(project.root)
    position = reader.read(source)
    new = project.commit("new")
    assert source.changed(position.value)
    position = reader.read(source)
    assert [
        pa.table(batch.rows)["hash"].to_pylist() for batch in reader.batches if batch.table == "git_commit"
    ] == [[new]]
    assert reader.column("select hash from git_commit order by seq") == log_of(project)
    assert position.counts == "6 commits"


def test_a_reading_goes_on_in_another_process(project: GitProject, reader: Any) -> None:
    project.commit("old")
    reader.read(GitSource(project.root))
    project.commit("new")
    reader.read(GitSource(project.root))
    assert reader.column("select hash from git_commit order by seq") == log_of(project)


def test_a_reading_cut_short_leaves_no_commit_twice(project: GitProject, reader: Any) -> None:
    project.commit("old")
    source = GitSource(project.root)
    before = reader.read(source)
    project.commit("new")
    reader.read(source)
    reader.positions["git"] = before  # what was applied stands, the position was not saved
    reader.read(source)
    assert reader.column("select hash from git_commit order by seq") == log_of(project)


def test_every_kind_of_move_is_noticed(project: GitProject, reader: Any) -> None:
    first, second = project.commit("one"), project.commit("two")
    source = GitSource(project.root)
    moves = (
        ("branch", "feature/a", first),
        ("tag", "v1", first),
        ("update-ref", "refs/remotes/origin/main", second),
        ("pack-refs", "--all"),
        ("branch", "-f", "feature/a", second),
        ("tag", "-d", "v1"),
        ("checkout", "-q", "feature/a"),
        ("checkout", "-q", "--detach"),
        ("branch", "-m", "main", "trunk"),
        ("config", "remote.origin.url", "https://example.org/x.git"),
    )
    for move in moves:
        position = reader.read(source)
        assert not source.changed(position.value)
        project.git(*move)
        assert source.changed(position.value), move


def test_staging_and_saving_show_in_the_counts(project: GitProject, reader: Any) -> None:
    project.commit("one", {"a.txt": "a", "b.txt": "b"})
    source = GitSource(project.root)
    position = reader.read(source)
    assert reader.sql("select changed_files, untracked_files from git_state") == [(0, 0)]
    project.write("a.txt", "other")
    project.write("new.txt", "new")
    project.write("b.txt", "staged")
    project.git("add", "b.txt")
    assert source.changed(position.value)
    reader.read(source)
    assert reader.sql("select changed_files, untracked_files from git_state") == [(2, 1)]
    assert reader.tables() == ["git_state"]


def test_a_deleted_branch_takes_its_commits_along(project: GitProject, reader: Any) -> None:
    project.commit("base")
    project.git("checkout", "-q", "-b", "side")
    project.commit("side")
    source = GitSource(project.root)
    reader.read(source)
    project.git("checkout", "-q", "main")
    project.git("branch", "-q", "-D", "side")
    position = reader.read(source)
    assert reader.column("select subject from git_commit") == ["base"]
    assert position.counts == "1 commit"


def test_commits_that_were_collected_do_not_stop_the_reading(project: GitProject, reader: Any) -> None:
    project.commit("base")
    project.commit("gone")
    source = GitSource(project.root)
    reader.read(source)
    project.git("reset", "-q", "--hard", "HEAD~1")
    project.git("reflog", "expire", "--expire=now", "--all")
    project.git("gc", "-q", "--prune=now")
    project.commit("new")
    reader.read(source)
    assert reader.column("select hash from git_commit order by seq") == log_of(project)


def test_another_repository_replaces_the_first(project: GitProject, reader: Any, tmp_path: Any) -> None:
    project.commit("here")
    reader.read(GitSource(project.root))
    other = GitProject(tmp_path / "other")
    other.commit("there")
    reader.read(GitSource(other.root))
    assert reader.column("select subject from git_commit") == ["there"]


def test_a_position_of_another_version_reads_all(project: GitProject, reader: Any) -> None:
    project.commit("one")
    source = GitSource(project.root)
    position = reader.read(source)
    for text in ("", "[]", "{}", '{"version": 99}', position.value.replace('"version": 1', '"version": 99')):
        reader.positions["git"] = type(position)(text)
        assert source.changed(text)
        reader.read(source)
        assert reader.column("select subject from git_commit") == ["one"]


def test_a_cancelled_reading_stops(tmp_path: Any, reader: Any) -> None:
    project = many_commits(tmp_path / "project", 3000)
    reader.cancel.cancel()
    with pytest.raises(Cancelled):
        reader.read(GitSource(project.root))


def test_fault_48_a_hundred_thousand_commits_come_in_parts(tmp_path: Any, reader: Any) -> None:
    project = many_commits(tmp_path / "project", 100_000)
    position = reader.read(GitSource(project.root))
    parts = [batch.rows.num_rows for batch in reader.batches if batch.table == "git_commit"]
    assert sum(parts) == 100_000
    assert len(parts) > 2
    assert parts[0] < 5_000  # the newest are there at once
    assert [step.done for step in reader.progress][-1] == 100_000
    assert position.counts == "100,000 commits"
    assert reader.sql("select count(distinct seq), min(seq), max(seq) from git_commit") == [
        (100_000, 0, 99_999)
    ]
    assert reader.column("select subject from git_commit where seq = 0") == ["Commit 99999"]


def test_a_folder_that_is_no_repository_is_absent(tmp_path: Any) -> None:
    assert GitSource.locate(tmp_path) is None
    with pytest.raises(SourceError, match="no Git repository"):
        GitSource(tmp_path)


def test_the_repository_is_found_from_inside(project: GitProject) -> None:
    inner = project.write("src/deep/file.py", "").parent
    assert GitSource.locate(inner) == project.root
    assert GitSource.locate(project.root / ".git" / "hooks") == project.root


def test_a_repository_that_vanishes_is_told(project: GitProject, reader: Any) -> None:
    project.commit()
    source = GitSource(project.root)
    position = reader.read(source)
    project.root.rename(project.root.with_name("moved"))
    assert source.changed(position.value)
    with pytest.raises(SourceError, match="gone or cannot be entered"):
        reader.read(source)


def test_a_repository_around_the_lost_one_is_not_taken_for_it(tmp_path: Any, reader: Any) -> None:
    GitProject(tmp_path).commit("around")
    project = GitProject(tmp_path / "inner")
    project.commit("inner")
    source = GitSource(project.root)
    (project.root / ".git").rename(project.root / "moved")
    with pytest.raises(SourceError, match="no Git repository"):
        reader.read(source)
