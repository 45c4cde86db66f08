"""The Git part of the fault catalogue: each costs at most its own freshness, and says why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from git_projects import GitProject, bytes_of, log_of
from mlops_dash.errors import SourceError
from mlops_dash.sources import git_runner
from mlops_dash.sources.dvc import DvcSource
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.gto import GtoSource


def remove_object(project: GitProject, name: str) -> None:
    file = project.root / ".git" / "objects" / name[:2] / name[2:]
    file.chmod(0o600)
    file.unlink()


def test_fault_41_a_shallow_clone_says_that_history_is_incomplete(
    project: GitProject, reader: Any, tmp_path: Path
) -> None:
    old = project.commit("one")
    project.commit("two")
    project.git("clone", "-q", "--depth", "1", f"file://{project.root}", str(tmp_path / "clone"))
    reader.matters(old)
    position = reader.read(GitSource(tmp_path / "clone"))
    assert position.warning is not None
    assert "history incomplete" in position.warning
    assert "--unshallow" in (position.remedy or "")
    assert reader.column("select subject from git_commit") == ["two"]
    assert reader.column("select shallow from git_state") == [True]
    assert reader.positions_of_commits()[old][0] is False


def test_fault_42_a_bare_repository_works(project: GitProject, reader: Any, tmp_path: Path) -> None:
    project.commit("one")
    project.git("clone", "-q", "--bare", str(project.root), str(tmp_path / "bare.git"))
    source = GitSource(tmp_path / "bare.git")
    position = reader.read(source)
    assert GitSource.locate(tmp_path / "bare.git") == tmp_path / "bare.git"
    assert reader.column("select subject from git_commit") == ["one"]
    assert reader.sql("select bare, changed_files, main from git_state") == [(True, None, "main")]
    assert not source.changed(position.value)


def test_fault_43_an_empty_repository_is_an_empty_state(project: GitProject, reader: Any) -> None:
    source = GitSource(project.root)
    position = reader.read(source)
    reader.read(GtoSource(source))
    reader.read(DvcSource(source))
    assert position.counts == "0 commits"
    assert reader.sql("select head, head_branch, main_commit from git_state") == [(None, "main", None)]
    project.commit("one")
    assert source.changed(position.value)
    reader.read(source)
    assert reader.column("select subject from git_commit") == ["one"]


def test_fault_44_a_detached_head_shows_its_commit(project: GitProject, reader: Any) -> None:
    main = project.commit("one")
    project.git("checkout", "-q", "--detach")
    loose = project.commit("on no branch")
    reader.matters(loose)
    reader.read(GitSource(project.root))
    assert reader.sql("select head, head_branch, main, main_commit from git_state") == [
        (loose, None, "main", main)
    ]
    assert reader.positions_of_commits()[loose] == (True, 0, 1, "", False)


def test_fault_45_without_a_remote_nothing_is_on_one(project: GitProject, reader: Any) -> None:
    commit = project.commit("one")
    reader.matters(commit)
    reader.read(GitSource(project.root))
    assert reader.column("select remote from git_state") == [None]
    assert reader.positions_of_commits()[commit] == (True, 0, 0, "main", False)


def test_fault_46_a_missing_object_costs_only_what_needs_it(project: GitProject, reader: Any) -> None:
    project.commit("base")
    project.git("checkout", "-q", "-b", "broken")
    lost = project.commit("lost")
    project.commit("above the hole")
    project.git("checkout", "-q", "main")
    fine = project.commit("fine")
    reader.matters(fine)
    remove_object(project, lost)
    source = GitSource(project.root)
    with pytest.raises(SourceError, match="missing or damaged") as caught:
        reader.read(source)
    assert "git fsck" in (caught.value.remedy or "")
    assert {"base", "fine"} <= set(reader.column("select subject from git_commit"))
    assert reader.column("select main from git_state") == ["main"]


def test_fault_46_a_damaged_repository_is_not_read_again_and_again(project: GitProject, reader: Any) -> None:
    lost = project.commit("lost")
    project.commit("tip")
    remove_object(project, lost)
    source = GitSource(project.root)
    for _ in range(2):
        with pytest.raises(SourceError, match="missing or damaged"):
            reader.read(source)
    assert reader.tables() == []
    assert not source.changed(None)


def test_fault_46_what_was_read_before_the_damage_stands(project: GitProject, reader: Any) -> None:
    project.commit("one")
    source = GitSource(project.root)
    reader.read(source)
    lost = project.commit("lost")
    project.commit("tip")
    remove_object(project, lost)
    with pytest.raises(SourceError, match="missing or damaged"):
        reader.read(source)
    assert reader.column("select subject from git_commit") == ["one"]


def test_fault_46_a_damaged_branch_tip_leaves_the_others(project: GitProject, reader: Any) -> None:
    project.commit("base")
    project.git("checkout", "-q", "-b", "broken")
    tip = project.commit("tip")
    project.git("checkout", "-q", "main")
    remove_object(project, tip)
    with pytest.raises(SourceError, match="missing or damaged"):
        reader.read(GitSource(project.root))
    assert reader.column("select subject from git_commit") == ["base"]
    assert reader.column("select name from git_ref") == ["main"]


def test_fault_47_rewritten_history_is_unreachable(project: GitProject, reader: Any) -> None:
    project.commit("base")
    old = project.commit("before")
    reader.matters(old)
    source = GitSource(project.root)
    reader.read(source)
    assert reader.positions_of_commits()[old] == (True, 0, 0, "main", False)
    project.git("commit", "-q", "--amend", "--allow-empty", "-m", "after")
    reader.read(source)
    assert set(reader.column("select subject from git_commit")) == {"base", "after"}
    assert reader.positions_of_commits()[old] == (True, 1, 1, "", False)


def test_fault_49_a_worktree_works(project: GitProject, reader: Any, tmp_path: Path) -> None:
    project.commit("one")
    project.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "tree"))
    source = GitSource(tmp_path / "tree")
    position = reader.read(source)
    assert reader.sql("select root, head_branch, main from git_state") == [
        (str(tmp_path / "tree"), "side", "main")
    ]
    GitProject.at(tmp_path / "tree").commit("in the worktree")
    assert source.changed(position.value)
    reader.read(source)
    assert reader.column("select hash from git_commit order by seq") == log_of(project)


def test_fault_49_a_worktree_whose_repository_is_gone_says_so(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere/.git/worktrees/x\n", encoding="utf-8")
    with pytest.raises(SourceError, match="is gone"):
        GitSource.locate(tmp_path)


def test_fault_50_submodules_are_read_without_being_fetched(
    project: GitProject, reader: Any, tmp_path: Path
) -> None:
    library = GitProject(tmp_path / "library")
    library.commit("library", {"code.py": "1"})
    project.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", f"file://{library.root}", "lib")
    project.commit("with a submodule", {"data.csv.dvc": "outs:\n- md5: " + "a" * 32 + "\n  path: data.csv\n"})
    project.git("clone", "-q", str(project.root), str(tmp_path / "clone"))
    before = bytes_of(tmp_path / "clone")
    source = GitSource(tmp_path / "clone")
    reader.matters(project.head())
    reader.read(source)
    reader.read(DvcSource(source))
    assert reader.column("select subject from git_commit") == ["with a submodule"]
    assert reader.column("select path from dvc_output") == ["data.csv"]
    assert bytes_of(tmp_path / "clone") == before
    assert GitSource.locate(project.root / "lib") == project.root / "lib"


def test_fault_50_lfs_pointers_are_read_without_running_lfs(
    project: GitProject, reader: Any, tmp_path: Path
) -> None:
    project.commit(
        "pointer", {".gitattributes": "*.bin filter=lfs diff=lfs\n", "model.bin": "version https://git-lfs"}
    )
    marker = tmp_path / "ran"
    project.configure("filter.lfs.process", f"touch {marker}")
    project.configure("filter.lfs.clean", f"touch {marker}")
    project.configure("filter.lfs.required", "true")
    project.write("model.bin", "changed")
    reader.read(GitSource(project.root))
    assert reader.column("select changed_files from git_state") == [1]
    assert not marker.exists()


def test_fault_51_bytes_that_are_no_utf8_are_replaced(project: GitProject, reader: Any) -> None:
    tree = project.git("write-tree")
    who = b"J\xf6rg <j\xff@example.org> 1700000000 +0000"
    body = b"tree %s\nauthor %s\ncommitter %s\n\nGr\xfc\xdfe \x1b]52;c;eA==\x07\n" % (tree.encode(), who, who)
    project.git("update-ref", "refs/heads/main", project.raw_commit(body))
    (project.root / ".git" / "packed-refs").write_bytes(project.head().encode() + b" refs/heads/br\xe4nch\n")
    reader.read(GitSource(project.root))
    assert reader.sql("select author, email, subject from git_commit") == [
        ("J\ufffdrg", "j\ufffd@example.org", "Gr\ufffd\ufffde \x1b]52;c;eA==\x07")
    ]
    assert set(reader.column("select name from git_ref")) == {"main", "br\ufffdnch"}


def test_fault_51_a_commit_in_another_encoding_is_converted(project: GitProject, reader: Any) -> None:
    tree = project.git("write-tree")
    who = b"Ada <a@example.org> 1700000000 +0000"
    body = b"tree %s\nauthor %s\ncommitter %s\nencoding ISO-8859-1\n\nGr\xfc\xdfe\n" % (
        tree.encode(),
        who,
        who,
    )
    project.git("update-ref", "refs/heads/main", project.raw_commit(body))
    reader.read(GitSource(project.root))
    assert reader.column("select subject from git_commit") == ["Grüße"]


@pytest.mark.parametrize(
    ("author", "message"),
    [
        (b"A\0B <a@example.org> 1700000000 +0000", b"fine"),
        (b"Ada <a@example.org> 1700000000 +0000", b"cut\0short\n\0\0\0\0\0\0\0\0"),
        (b"no address at all", b"odd"),
        (b"Ada <a@example.org> 99999999999999999999 +0000", b"beyond all time"),
        (b"Ada <a@example.org> 97898947196 +9999", b"year 5072"),
        (b"Ada <a@example.org> -5 +0000", b"before time"),
        (b" <> 0 +0000", b""),
        (b"Ada <a@example.org> 1700000000 +0000", b"long " * 100_000),
    ],
)
def test_fault_51_broken_commits_do_not_shift_the_others(
    project: GitProject, reader: Any, author: bytes, message: bytes
) -> None:
    first = project.commit("before")
    tree = project.git("write-tree")
    body = b"tree %s\nparent %s\nauthor %s\ncommitter %s\n\n%s" % (
        tree.encode(),
        first.encode(),
        author,
        author,
        message,
    )
    odd = project.raw_commit(body)
    project.git("update-ref", "refs/heads/main", odd)
    project.commit("after")
    reader.read(GitSource(project.root))
    rows = {
        row[0]: row
        for row in reader.sql("select hash, parents, author, subject, committed_at from git_commit")
    }
    assert rows[odd][1] == first
    assert len(rows[odd][3]) <= 1000
    assert rows[first][2:] == ("Ada", "before", 1_700_000_060_000)
    assert rows[project.head()][1:4] == (odd, "Ada", "after")


def test_fault_52_a_foreign_owner_is_explained(
    project: GitProject, reader: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project.commit("one")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    if os.geteuid() == 0:
        for path in [project.root, *project.root.rglob("*")]:
            os.lchown(path, 12345, 12345)
    else:
        monkeypatch.setitem(git_runner._ENVIRONMENT, "GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(SourceError, match="belongs to another user") as caught:
        reader.read(GitSource(project.root))
    assert caught.value.remedy == f"If you trust it: git config --global --add safe.directory {project.root}"
    assert list(home.iterdir()) == []  # trusting it is the user's to do


def test_fault_53_an_index_lock_is_kept_and_hinders_nothing(project: GitProject, reader: Any) -> None:
    project.commit("one", {"a.txt": "a"})
    lock = project.root / ".git" / "index.lock"
    lock.write_bytes(b"someone is at work")
    project.write("a.txt", "changed")
    reader.read(GitSource(project.root), thorough=True)
    assert reader.column("select changed_files from git_state") == [1]
    assert lock.read_bytes() == b"someone is at work"


@pytest.mark.parametrize(
    "text",
    [
        "--output=/tmp/x", "--upload-pack=touch x", "HEAD", "-", "", "main",
        "a" * 39, "A" * 40, "a" * 40 + "\n", "a" * 41, "\x1b[2J",
    ],
)  # fmt: skip
def test_fault_54_a_tag_that_is_no_commit_never_reaches_git(
    project: GitProject, reader: Any, text: str
) -> None:
    project.commit("one")
    before = bytes_of(project.root)
    reader.matters(text)
    source = GitSource(project.root)
    reader.read(source)
    reader.read(DvcSource(source))
    assert source.position_of(text).in_repository is False
    assert reader.column("select commit_hash from commit_position") == []
    with pytest.raises(ValueError, match="is no commit"):
        git_runner.hashes(text)
    assert bytes_of(project.root) == before


def test_fault_54_an_object_that_is_no_commit_is_none(project: GitProject, reader: Any) -> None:
    project.commit("one", {"a.txt": "a"})
    tree = project.git("rev-parse", "HEAD^{tree}")
    reader.matters(tree, "0" * 40)
    source = GitSource(project.root)
    reader.read(source)
    reader.read(DvcSource(source))
    assert {row[0] for row in reader.positions_of_commits().values()} == {False}


def test_fault_56_links_are_not_followed(project: GitProject, reader: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside.dvc"
    outside.write_text("outs:\n- md5: " + "b" * 32 + "\n  path: secret.csv\n", encoding="utf-8")
    (project.root / "link.dvc").symlink_to(outside)
    (project.root / "dvc.lock").symlink_to("/etc/passwd")
    (project.root / "folder").symlink_to(tmp_path)
    project.git("add", "-A")
    commit = project.commit("links")
    reader.matters(commit)
    source = GitSource(project.root)
    position = reader.read(source)
    data = reader.read(DvcSource(source))
    assert position.counts == "1 commit"
    assert (data.counts, data.warning) == ("", None)
    assert reader.sql("from dvc_output") == []
    assert reader.sql("from dvc_history") == []
