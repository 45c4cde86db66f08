"""Branches, tags, the main branch, and the address that the repository came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from git_projects import GitProject
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.git_state import without_credentials


def main_of(reader: Any) -> Any:
    return reader.sql("select main, main_commit from git_state")[0]


def test_refs_have_their_facts(project: GitProject, reader: Any) -> None:
    commit = project.commit("one")
    project.git("tag", "light")
    project.tag("v1", commit, "First release\n\nLong story")
    project.git("update-ref", "refs/remotes/origin/main", commit)
    project.git("update-ref", "refs/notes/x", commit)
    reader.read(GitSource(project.root))
    assert reader.sql(
        "select kind, name, commit_hash, tagger, tagged_at, message from git_ref order by all"
    ) == [
        ("branch", "main", commit, None, None, None),
        ("remote", "origin/main", commit, None, None, None),
        ("tag", "light", commit, None, None, None),
        ("tag", "v1", commit, "Ada", 1_700_000_120_000, "First release"),
    ]


def test_a_tag_of_a_tag_leads_to_the_commit(project: GitProject, reader: Any) -> None:
    commit = project.commit("one")
    project.tag("inner")
    project.tag("outer", "inner")
    project.tag("file", project.git("hash-object", "-w", "--stdin", stdin=b"x"))
    reader.read(GitSource(project.root))
    found = dict(reader.sql("select name, commit_hash from git_ref where kind = 'tag'"))
    assert found == {"inner": commit, "outer": commit, "file": None}


@pytest.mark.parametrize("name", ["main", "master", "trunk", "develop", "mine"])
def test_the_main_branch_is_found_by_its_usual_name(tmp_path: Path, reader: Any, name: str) -> None:
    project = GitProject(tmp_path / "project", branch=name)
    commit = project.commit("one")
    if name != "mine":
        project.git("checkout", "-q", "-b", "feature")
        project.commit("two")
    reader.read(GitSource(project.root))
    assert main_of(reader) == (name, commit)


def test_the_configured_main_branch_decides(project: GitProject, reader: Any) -> None:
    project.commit("one")
    project.git("checkout", "-q", "-b", "release")
    release = project.commit("two")
    reader.read(GitSource(project.root, "release"))
    assert main_of(reader) == ("release", release)
    reader.read(GitSource(project.root, "no-such-branch"), thorough=True)
    assert main_of(reader) == ("no-such-branch", None)


def test_the_remote_says_which_branch_is_the_main_one(
    project: GitProject, reader: Any, tmp_path: Path
) -> None:
    project.git("checkout", "-q", "-b", "production")
    commit = project.commit("one")
    project.git("branch", "main")
    project.git("clone", "-q", str(project.root), str(tmp_path / "clone"))
    GitProject.at(tmp_path / "clone").git("checkout", "-q", "-b", "main", "origin/main")
    reader.read(GitSource(tmp_path / "clone"))
    assert main_of(reader) == ("production", commit)


def test_a_local_main_branch_that_is_behind_gives_way_to_the_remote_one(
    project: GitProject, reader: Any, tmp_path: Path
) -> None:
    project.commit("one")
    project.git("clone", "-q", str(project.root), str(tmp_path / "clone"))
    newer = project.commit("two")
    clone = GitProject.at(tmp_path / "clone")
    clone.git("fetch", "-q")
    source = GitSource(clone.root)
    reader.read(source)
    assert main_of(reader) == ("origin/main", newer)
    clone.git("merge", "-q", "--ff-only", "origin/main")
    own = clone.commit("three")
    reader.read(source)
    assert main_of(reader) == ("main", own)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ada:secret@example.org/team/x.git", "https://example.org/team/x.git"),
        ("https://secret@example.org:8443/x?token=secret#secret", "https://example.org:8443/x"),
        ("ssh://git:secret@example.org:22/x.git", "ssh://git@example.org:22/x.git"),
        ("git@example.org:team/x.git", "git@example.org:team/x.git"),
        ("ada:secret@example.org:team/x.git", "ada@example.org:team/x.git"),
        ("https://ada:secret@[::1]:80/x", "https://[::1]:80/x"),
        ("https://ada:secret@[bad/x", "https://…"),
        ("https://ada:secret@example.org:port/x", "https://…"),
        ("/srv/git/x.git", "/srv/git/x.git"),
        ("../x", "../x"),
    ],
)
def test_no_credential_of_the_remote_is_shown(address: str, shown: str) -> None:
    assert without_credentials(address) == shown


def test_the_remote_is_read_from_the_configuration(project: GitProject, reader: Any) -> None:
    project.commit("one")
    project.configure("remote.backup.url", "https://backup.example.org/x")
    project.configure("remote.origin.url", "https://ada:secret@example.org/x")
    reader.read(GitSource(project.root))
    assert reader.column("select remote from git_state") == ["https://example.org/x"]


def test_names_are_taken_as_they_are(project: GitProject, reader: Any) -> None:
    commit = project.commit("one")
    names = ["{/b}", "a=b", "--output=x", "ü/ß", "x\u00a0y", "\u202egnp", "$(touch;x)", "'quoted'", "%s"]
    for name in names:
        project.git("update-ref", f"refs/heads/{name}", commit)
    reader.matters(commit)
    source = GitSource(project.root)
    reader.read(source)
    assert set(reader.column("select name from git_ref")) == {"main", *names}
    assert set(reader.positions_of_commits()[commit][3].split("\n")) == {"main", *names}
    project.commit("two")
    reader.read(source)
    assert reader.positions_of_commits()[commit][1] == 1
