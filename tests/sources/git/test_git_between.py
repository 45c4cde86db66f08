"""What lies between two commits, as git itself has it, in any repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_projects import GitProject, bytes_of, many_commits
from mlops_dash.sources.git_between import Between, File, between, missing
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import GitRunner


def everything(_: str) -> bool:
    return True


def compared(project: GitProject, base: str, head: str, **options: int) -> Between:
    return between(GitRunner(project.root), base, head, everything, **options)


@pytest.fixture
def forked(project: GitProject) -> tuple[GitProject, str, str, str]:
    """A start, and two branches from it: one with two commits, one with one."""
    start = project.commit("Start", {"train.py": "a = 1\nb = 2\n", "notes.md": "x\n", "data.bin": "\0\1"})
    project.git("checkout", "-q", "-b", "other")
    project.commit("Tune", {"train.py": "a = 1\nb = 3\n"})
    other = project.commit("Add a model", {"src/model.py": "m\n", "notes.md": "y\n", "data.bin": "\0\2"})
    project.git("checkout", "-q", "main")
    return project, start, project.commit("Scale", {"scale.py": "s\n"}), other


def test_ahead_behind_diverged_and_the_same(forked):
    project, start, main, other = forked
    ahead = compared(project, start, other)
    assert (ahead.status, ahead.ahead_count, ahead.behind_count) == ("ahead", 2, 0)
    assert [commit.subject for commit in ahead.ahead] == ["Add a model", "Tune"]
    assert (ahead.ahead[0].commit, ahead.ahead[0].author) == (other, "Ada")
    assert ahead.ahead[0].committed_at == (1_700_000_000 + 60 * 3) * 1000
    behind = compared(project, other, start)
    assert (behind.status, behind.behind, behind.ahead) == ("behind", ahead.ahead, ())
    both = compared(project, main, other)
    assert (both.status, both.ahead_count, both.behind_count) == ("diverged", 2, 1)
    assert [commit.subject for commit in both.behind] == ["Scale"]
    assert compared(project, main, main) == Between()
    assert Between().status == "same"


def test_files_with_their_counts_and_the_difference(forked):
    project, start, _, other = forked
    found = compared(project, start, other)
    assert found.files == (
        File("data.bin", None, None),
        File("notes.md", 1, 1),
        File("src/model.py", 1, 0),
        File("train.py", 1, 1),
    )
    assert found.diff.startswith("diff --git a/data.bin b/data.bin\n")
    assert "-b = 2\n+b = 3\n" in found.diff
    assert not found.cut
    assert found.problem is None


def test_only_what_is_of_interest_is_compared(forked):
    project, start, _, other = forked
    found = between(GitRunner(project.root), start, other, lambda path: path.endswith(".py"))
    assert [file.path for file in found.files] == ["src/model.py", "train.py"]
    assert found.left_out == 2
    assert "notes.md" not in found.diff


def test_a_long_difference_is_cut_after_a_whole_line(project):
    start = project.commit("Start", {"a.txt": ""})
    end = project.commit("Much", {"a.txt": "".join(f"line {number}\n" for number in range(5000))})
    found = compared(project, start, end, longest=10_000)
    assert found.cut
    assert 9_900 < len(found.diff) <= 10_000
    assert found.diff.endswith("\n")
    assert found.files == (File("a.txt", 5000, 0),)


def test_many_commits_and_files_are_counted_and_the_first_are_told(tmp_path):
    project = many_commits(tmp_path / "long", 1000)
    first = project.git("rev-list", "--max-parents=0", "main")
    found = compared(project, first, project.git("rev-parse", "main"))
    assert (found.ahead_count, len(found.ahead), found.ahead[0].subject) == (999, 200, "Commit 999")
    project.git("checkout", "-q", "-f", "main")
    before = project.head()
    after = project.commit("Files", {f"f{number:04}.txt": "x\n" for number in range(600)})
    found = compared(project, before, after)
    assert len(found.files) == 500
    assert found.files[0].path == "f0000.txt"
    assert found.cut


def test_histories_that_share_nothing(project):
    one = project.commit("One", {"a": "1\n"})
    project.git("checkout", "-q", "--orphan", "apart")
    found = compared(project, one, project.commit("Two", {"a": "2\n"}))
    assert (found.status, found.ahead_count, found.behind_count) == ("diverged", 1, 1)
    assert found.files == (File("a", 1, 1),)


def test_moved_files_are_told_as_gone_and_new(project):
    one = project.commit("One", {"a.py": "x\n" * 50})
    project.configure("diff.renames", "copies")
    project.git("mv", "a.py", "b.py")
    found = compared(project, one, project.commit("Move"))
    assert found.files == (File("a.py", 0, 50), File("b.py", 50, 0))


@pytest.mark.parametrize("name", ["--output=x", ":(top)a", "-O", "é ü.py", "a\tb", "a\nb", '"q"', "*", "[a]"])
def test_names_of_files_are_names_only(project, name):
    one = project.commit("One", {"other.txt": "x\n"})
    two = project.commit("Two", {name: "y\n", "another.txt": "z\n"})
    before = bytes_of(project.root)
    found = between(GitRunner(project.root), one, two, lambda path: path == name)
    assert found.files == (File(name, 1, 0),)
    assert "+y" in found.diff
    assert "+z" not in found.diff
    assert bytes_of(project.root) == before


def test_what_is_no_utf_8_is_shown_with_replacements(project):
    one = project.commit("One", {"a.txt": "x\n"})
    Path(os.fsdecode(os.fsencode(project.root) + b"/caf\xe9.txt")).write_bytes(b"na\xefve\n")
    project.git("add", "-A")
    project.git("-c", "i18n.commitEncoding=latin1", "commit", "-q", "-m", "Two")
    found = compared(project, one, project.head())
    assert found.files == (File("caf\ufffd.txt", 1, 0),)
    assert "+na\ufffdve\n" in found.diff


def test_nothing_that_a_repository_configures_is_run(project, tmp_path):
    trap = tmp_path / "trap"
    evil = tmp_path / "evil"
    evil.write_text(f'#!/bin/sh\ntouch {trap}\ncat "$1"\n')
    evil.chmod(0o755)
    one, two = project.commit("One", {"a.txt": "x\n"}), project.commit("Two", {"a.txt": "y\n"})
    for key in (
        "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.smudge", "filter.evil.clean",
        "core.fsmonitor", "core.pager", "pager.diff-tree", "pager.log", "gpg.program",
    ):  # fmt: skip
        project.configure(key, str(evil))
    project.configure("diff.orderFile", str(tmp_path / "none"))
    project.configure("log.showSignature", "true")
    (project.root / ".git" / "info" / "attributes").write_text("* diff=evil filter=evil\n")
    project.write(".gitattributes", "* diff=evil filter=evil\n")
    project.git("diff", f"-O{os.devnull}", one, two, check=False)
    assert trap.exists()  # git itself runs it
    trap.unlink()
    before = bytes_of(project.root)
    found = compared(project, one, two)
    assert "-x\n+y\n" in found.diff
    assert not trap.exists()
    assert bytes_of(project.root) == before


@pytest.mark.parametrize("name", ["--output=x", "HEAD", "main", "a" * 39, "A" * 40, ""])
def test_only_full_hashes_are_taken(project, name):
    head = project.commit("One", {"a": "1\n"})
    for pair in ((name, head), (head, name)):
        with pytest.raises(ValueError, match="is no commit"):
            compared(project, *pair)
    assert missing(GitRunner(project.root), [head, name, "0" * 40]) == {name, "0" * 40}


def test_a_commit_that_is_not_there_is_an_error_and_is_told_by_name(project):
    head = project.commit("One", {"a": "1\n"})
    with pytest.raises(GitError):
        compared(project, head, "12" * 20)
    tree = project.git("rev-parse", "HEAD^{tree}")
    assert missing(GitRunner(project.root), [head, tree, "12" * 20]) == {tree, "12" * 20}


def test_without_the_files_the_commits_are_told_all_the_same(project):
    one = project.commit("One", {"a": "1\n"})
    two = project.commit("Two", {"a": "2\n"})
    blob = project.git("rev-parse", "HEAD:a")
    (project.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    (project.root / "a").unlink()  # or git takes the content from there
    found = compared(project, one, two)
    assert found.ahead_count == 1
    assert found.files == (File("a", None, None),)
    assert found.problem is not None
    assert "missing or damaged" in found.problem


def test_a_bare_repository_works(project, tmp_path):
    one, two = project.commit("One", {"a": "1\n"}), project.commit("Two", {"a": "2\n"})
    project.git("clone", "-q", "--bare", str(project.root), str(tmp_path / "bare.git"))
    found = between(GitRunner(tmp_path / "bare.git"), one, two, everything)
    assert found.files == (File("a", 1, 1),)


def test_a_large_file_counts_as_binary(project):
    one = project.commit("One", {"a.csv": "1\n"})
    two = project.commit("Two", {"a.csv": "1,2,3\n" * 2_000_000})
    found = compared(project, one, two)
    assert found.files == (File("a.csv", None, None),)
    assert len(found.diff) < 500
