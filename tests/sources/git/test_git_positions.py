"""How far commits are from the main branch, and which branches hold them: as git itself counts."""

from __future__ import annotations

import random
from typing import Any

import pytest

from git_projects import GitProject
from mlops_dash.sources import git_positions
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.git_positions import CommitPosition


def as_git_says(project: GitProject, commit: str, main: str = "main") -> CommitPosition:
    ahead, behind = project.git("rev-list", "--left-right", "--count", f"{commit}...{main}").split()
    names = project.git(
        "for-each-ref", "--contains", commit, "--format=%(refname)", "refs/heads", "refs/remotes"
    )
    branches = [name.removeprefix("refs/heads/").removeprefix("refs/remotes/") for name in names.split()]
    if not branches:
        branches = [f"tags/{name}" for name in project.git("tag", "--contains", commit).split()]
    told: tuple[str, str, int] | tuple[None, None, None] = (None, None, None)
    if not branches:  # what no ref leads to is in no history, so it is told with its position
        subject, author, at = project.git("show", "-s", "--format=%s%n%an%n%ct", commit).split("\n")
        told = (subject, author, int(at) * 1000)
    remote = "refs/remotes/" in names
    return CommitPosition(commit, True, int(behind), int(ahead), tuple(branches), remote, *told)


def tangled(project: GitProject, seed: int, count: int = 40) -> list[str]:
    """Make a history of branches and merges at random; return all commits, unreachable ones included."""
    chance = random.Random(seed)
    tree = project.git("write-tree")
    commits: list[str] = []
    for number in range(count):
        project.minutes += 1
        parents = chance.sample(commits[-8:], min(len(commits), chance.choice([0, 1, 1, 1, 1, 2, 3])))
        options = [word for parent in parents for word in ("-p", parent)]
        commits.append(project.git("commit-tree", tree, "-m", str(number), *options))
    for ref in ("heads/main", "heads/a", "heads/b", "remotes/origin/main", "tags/t"):
        project.git("update-ref", f"refs/{ref}", chance.choice(commits[count // 2 :]))
    return commits


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("asked", [1, 3, 40])
def test_positions_are_as_git_counts_them(project: GitProject, seed: int, asked: int) -> None:
    commits = tangled(project, seed)
    source = GitSource(project.root)
    chosen = random.Random(seed).sample(commits, asked)
    main = project.git("rev-parse", "main")
    found = git_positions.positions(source.runner, chosen, source.current_refs(), main)
    assert found == [as_git_says(project, commit) for commit in chosen]


def test_a_commit_that_is_not_here_is_said_to_be_missing(project: GitProject) -> None:
    project.commit("one")
    assert GitSource(project.root).position_of("f" * 40) == CommitPosition("f" * 40, False)


def test_without_a_main_branch_nothing_is_behind(project: GitProject) -> None:
    commit = project.commit("one")
    found = GitSource(project.root, "no-such-branch").position_of(commit)
    assert found == CommitPosition(commit, True, None, None, ("main",), False)


def test_a_long_list_of_branches_is_cut(project: GitProject) -> None:
    commit = project.commit("one")
    for number in range(40):
        project.git("branch", f"b{number:02}")
    assert len(GitSource(project.root).position_of(commit).branches) == 20


def test_positions_follow_the_main_branch(project: GitProject, reader: Any) -> None:
    commits = [project.commit(str(number)) for number in range(4)]
    project.git("checkout", "-q", "-b", "side", commits[1])
    side = project.commit("side")
    project.git("checkout", "-q", "main")
    reader.matters(*commits, side)
    source = GitSource(project.root)
    for step in ("none", "commit", "merge", "branch", "rewrite"):
        if step == "commit":
            project.commit("more")
        elif step == "merge":
            project.minutes += 1
            project.git("merge", "-q", "-m", "merge", side)
        elif step == "branch":
            project.git("branch", "new", commits[0])
        elif step == "rewrite":
            project.git("reset", "-q", "--hard", commits[2])
        reader.read(source)
        found = reader.positions_of_commits()
        for commit in (*commits, side):
            says = as_git_says(project, commit)
            assert found[commit] == (True, says.behind, says.ahead, "\n".join(says.branches), False), step


def test_a_commit_that_begins_to_matter_is_looked_up_though_git_did_not_move(
    project: GitProject, reader: Any
) -> None:
    first, second = project.commit("one"), project.commit("two")
    source = GitSource(project.root)
    reader.matters(first)
    reader.read(source)
    reader.matters(first, second)
    reader.read(source)
    assert reader.tables() == ["commit_position"]
    assert {name: row[1] for name, row in reader.positions_of_commits().items()} == {first: 1, second: 0}
    reader.read(source)
    assert reader.tables() == []


def test_a_commit_that_arrives_later_is_found(project: GitProject, reader: Any, tmp_path: Any) -> None:
    project.commit("one")
    project.git("clone", "-q", str(project.root), str(tmp_path / "clone"))
    later = project.commit("two")
    source = GitSource(tmp_path / "clone")
    reader.matters(later)
    reader.read(source)
    assert reader.positions_of_commits()[later][0] is False
    GitProject.at(tmp_path / "clone").git("fetch", "-q")
    reader.read(source)
    assert reader.positions_of_commits()[later] == (True, 0, 0, "origin/main", True)
