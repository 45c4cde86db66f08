"""Worktrees of rebuilds: the commit's files, nothing of the repository run, nothing of it left or touched."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from git_projects import GitProject
from mlops_dash.actions.git_writing import GitWriter
from mlops_dash.actions.rebuilding import worktree
from mlops_dash.actions.rebuilding.workplace import Workplace, remove
from mlops_dash.errors import DashError, RefusedError

ID = "20261126T120000Z-00000001"


@pytest.fixture
def project(tmp_path: Path) -> GitProject:
    made = GitProject(tmp_path / "project")
    made.commit("One", {"train.py": "print(1)\n", "folder/a b.txt": "a\n", "umlaut ä.txt": "ä\n"})
    return made


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "rebuilds", ID)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".git"
    }


def refs_and_status(project: GitProject) -> tuple[str, str, str]:
    return project.git("for-each-ref"), project.git("status", "--porcelain"), project.git("stash", "list")


def test_the_files_of_the_commit_beside_the_users_own(project: GitProject, place: Workplace) -> None:
    commit = project.head()
    project.commit("Two", {"train.py": "print(2)\n"})
    project.write("train.py", "the user is at work\n")
    project.write("new.txt", "here too\n")
    before = refs_and_status(project)
    worktree.check_out(project.root, commit, place, None)
    assert contents(place.tree) == {
        "train.py": b"print(1)\n", "folder/a b.txt": b"a\n", "umlaut ä.txt": "ä\n".encode(),
    }  # fmt: skip
    inside = GitProject.at(place.tree)
    assert inside.head() == commit
    assert inside.git("status", "--porcelain") == ""
    assert refs_and_status(project) == before
    worktree.sweep(project.root, place)
    assert worktree.swept(place)
    assert project.git("worktree", "list").count("\n") == 0
    assert not (project.root / ".git" / "worktrees").exists() or not os.listdir(
        project.root / ".git" / "worktrees"
    )


def test_made_anew_where_it_was_left_half_way(project: GitProject, place: Workplace) -> None:
    worktree.check_out(project.root, project.head(), place, None)
    (place.tree / "train.py").unlink()
    (place.tree / "left over").write_text("x")
    worktree.check_out(project.root, project.head(), place, None)
    assert "train.py" in contents(place.tree)
    assert "left over" not in contents(place.tree)


def test_the_worktrees_of_others_stay(project: GitProject, place: Workplace, tmp_path: Path) -> None:
    project.git("worktree", "add", "-q", str(tmp_path / "mine"), "-b", "mine")
    worktree.check_out(project.root, project.head(), place, None)
    worktree.sweep(project.root, place)
    assert (tmp_path / "mine" / "train.py").exists()
    assert "mine" in project.git("worktree", "list")


def test_fault_55_nothing_that_the_repository_configures_is_run(
    project: GitProject, place: Workplace, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    project.commit("Filters", {".gitattributes": "*.txt filter=evil\n*.py filter=late\n"})
    for key in ("filter.evil.smudge", "filter.evil.clean", "filter.late.process", "core.fsmonitor"):
        project.configure(key, str(trap))
    project.configure("filter.evil.required", "true")
    hooks = project.root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        (hooks / hook).write_text(trap.read_text())
        (hooks / hook).chmod(0o755)
    worktree.check_out(project.root, project.head(), place, None)
    worktree.sweep(project.root, place)
    assert not (tmp_path / "sprung").exists()


def test_fault_56_links_are_plain_files(project: GitProject, place: Workplace, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("not yours")
    (project.root / "out").symlink_to(outside)
    (project.root / "up").symlink_to("..")
    project.git("add", "-A")
    project.commit("Links")
    patch = (
        "diff --git a/more b/more\nnew file mode 120000\n--- /dev/null\n+++ b/more\n@@ -0,0 +1 @@\n"
        f"+{outside}\n\\ No newline at end of file\n"
    )
    worktree.check_out(project.root, project.head(), place, patch.encode())
    for name in ("out", "up", "more"):
        assert not (place.tree / name).is_symlink(), name
    assert (place.tree / "more").read_text() == str(outside)


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", ".git/config", "a/../../outside"])
def test_a_difference_that_leads_out_is_refused(
    project: GitProject, place: Workplace, tmp_path: Path, path: str
) -> None:
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n"
    patch = f"{head}--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
    with pytest.raises(DashError, match="cannot be checked out"):
        worktree.check_out(project.root, project.head(), place, patch.encode())
    assert worktree.swept(place)
    assert not (tmp_path / "rebuilds" / "outside").exists()
    assert not (place.folder / "outside").exists()


def test_a_difference_that_does_not_fit(project: GitProject, place: Workplace) -> None:
    patch = b"diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-other\n+new\n"
    with pytest.raises(DashError, match="cannot be checked out"):
        worktree.check_out(project.root, project.head(), place, patch)
    assert worktree.swept(place)


def test_fault_50_a_submodule_is_refused(project: GitProject, place: Workplace, tmp_path: Path) -> None:
    other = GitProject(tmp_path / "other")
    other.commit("Other", {"x": "x"})
    project.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), "vendor/other")
    project.commit("A submodule")
    with pytest.raises(RefusedError, match="holds the submodule vendor/other"):
        worktree.check_out(project.root, project.head(), place, None)


def test_fault_50_content_of_git_lfs(project: GitProject, place: Workplace) -> None:
    """Refused unless it was fetched; then its content is there, though its filter is off."""
    content = b"large" * 1000
    digest = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"
    project.commit("Large", {"data.bin": pointer, ".gitattributes": "*.bin filter=lfs\n"})
    with pytest.raises(RefusedError, match=r"data\.bin is kept with Git LFS and was not fetched"):
        worktree.check_content(GitWriter(project.root), project.head())
    kept = project.root / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content)
    worktree.check_out(project.root, project.head(), place, None)
    assert (place.tree / "data.bin").read_bytes() == content
    kept.write_bytes(b"damaged")
    with pytest.raises(DashError, match="damaged"):
        worktree.check_out(project.root, project.head(), place, None)


@pytest.mark.parametrize("commit", ["f" * 40, "HEAD", "--output=x", "main", ""])
def test_fault_54_only_a_commit_that_is_there(project: GitProject, place: Workplace, commit: str) -> None:
    with pytest.raises(RefusedError, match="is not in this repository"):
        worktree.check_out(project.root, commit, place, None)
    assert not Path("x").exists()


def test_what_the_command_made_unwritable_goes_too(
    project: GitProject, place: Workplace, tmp_path: Path
) -> None:
    worktree.check_out(project.root, project.head(), place, None)
    locked = place.tree / "locked" / "deep"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "precious").write_text("x")
    (place.tree / "link").symlink_to(kept)
    locked.chmod(0o000)
    locked.parent.chmod(0o500)
    worktree.sweep(project.root, place)
    assert worktree.swept(place)
    assert (kept / "precious").exists()
    remove(tmp_path / "nothing there")
