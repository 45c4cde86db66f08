"""A repository that wants to run something when it is looked at: nothing of it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_projects import GitProject, bytes_of
from mlops_dash.sources.dvc import DvcSource, outputs_batch
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.gto import GtoSource

Plant = Callable[[GitProject, str], list[tuple[str, ...]]]


def hook(name: str, *provocation: str) -> Plant:
    def plant(project: GitProject, canary: str) -> list[tuple[str, ...]]:
        file = project.root / ".git" / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{canary}\n", encoding="utf-8")
        file.chmod(0o755)
        return [provocation]

    return plant


def hooks_path(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    hook("post-index-change")(project, canary)
    (project.root / ".git" / "hooks").rename(project.root / "ci")
    project.configure("core.hooksPath", "ci")
    return [("update-index", "--force-write-index")]


def fsmonitor(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    project.configure("core.fsmonitor", canary)
    return [("status",)]


def worktree_filter(kind: str, name: str) -> Plant:
    def plant(project: GitProject, canary: str) -> list[tuple[str, ...]]:
        (project.root / ".gitattributes").write_text(f"* filter={name}\n", encoding="utf-8")
        project.configure(f"filter.{name}.{kind}", canary)
        project.configure(f"filter.{name}.required", "true")
        if kind == "smudge":
            (project.root / "code.py").unlink()
            return [("checkout", "--", "code.py")]
        project.write("code.py", "edoc")
        return [("status",)]

    return plant


def filter_of_the_git_folder(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    (project.root / ".git" / "info").mkdir(exist_ok=True)
    (project.root / ".git" / "info" / "attributes").write_text("*.py filter=own\n", encoding="utf-8")
    project.configure("filter.own.clean", canary)
    project.write("code.py", "edoc")
    return [("status",)]


def filter_of_an_included_file(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    (project.root / ".gitattributes").write_text("* filter=far\n", encoding="utf-8")
    project.write("settings", f'[filter "far"]\n\tclean = {canary}\n')
    project.configure("include.path", "../settings")
    project.write("code.py", "edoc")
    return [("status",)]


def external_diff(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    project.configure("diff.external", canary)
    project.write("code.py", "edoc")
    return [("diff",)]


def diff_driver(kind: str) -> Plant:
    def plant(project: GitProject, canary: str) -> list[tuple[str, ...]]:
        (project.root / ".gitattributes").write_text("* diff=own\n", encoding="utf-8")
        project.configure(f"diff.own.{kind}", canary)
        project.write("code.py", "edoc")
        return [("diff",)]

    return plant


def signature(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    program = project.write("../gpg", f"#!/bin/sh\n{canary}\n")
    program.chmod(0o755)
    project.configure("gpg.program", str(program.resolve()))
    project.configure("log.showSignature", "true")
    who = b"Ada <ada@example.org> 1700009999 +0000"
    key = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----"
    tree, parent = project.git("rev-parse", "HEAD^{tree}").encode(), project.head().encode()
    body = b"tree %s\nparent %s\nauthor %s\ncommitter %s\n%s\n\nsigned\n" % (tree, parent, who, who, key)
    project.git("update-ref", "refs/heads/main", project.raw_commit(body))
    return [("log", "-1")]


def lazy_fetch(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    """A partial clone whose missing objects would be fetched by a program that the configuration names."""
    project.configure("core.repositoryFormatVersion", "1")
    project.configure("extensions.partialClone", "origin")
    project.configure("remote.origin.url", f"file://{project.root}")
    project.configure("remote.origin.promisor", "true")
    project.configure("remote.origin.uploadpack", f"{canary}; false ")
    blob = project.git("rev-parse", "HEAD:data.csv.dvc")
    (project.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    return [("cat-file", "-p", blob)]


def lazy_fetch_over_ssh(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    found = lazy_fetch(project, canary)
    project.configure("remote.origin.url", "ssh://nowhere.invalid/x")
    project.configure("core.sshCommand", f"{canary}; false ")
    return found


def alternates(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    project.git("clone", "-q", "--bare", str(project.root), str(project.root.parent / "other.git"))
    alternate = project.root / ".git" / "objects" / "info" / "alternates"
    alternate.parent.mkdir(exist_ok=True)
    alternate.write_text(f"{project.root.parent / 'other.git' / 'objects'}\n", encoding="utf-8")
    project.configure("core.alternateRefsCommand", f"{canary}; true ")
    return [("rev-list", "--alternate-refs")]


def submodule(project: GitProject, canary: str) -> list[tuple[str, ...]]:
    inner = GitProject(project.root.parent / "inner")
    inner.commit("inner", {"x.py": "x"})
    project.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", f"file://{inner.root}", "lib")
    project.commit("submodule")
    GitProject.at(project.root / "lib").configure("core.fsmonitor", canary)
    project.configure("submodule.recurse", "true")
    project.configure("status.submoduleSummary", "true")
    return [("status",)]


PLANTS: dict[str, Plant] = {
    "hook": hook("post-index-change", "update-index", "--force-write-index"),
    "hook-of-refs": hook("reference-transaction", "update-ref", "refs/x", "HEAD"),
    "hooks-path": hooks_path,
    "fsmonitor": fsmonitor,
    "clean": worktree_filter("clean", "own"),
    "process": worktree_filter("process", "own"),
    "smudge": worktree_filter("smudge", "own"),
    "odd-filter-name": worktree_filter("clean", "a=b.c"),
    "filter-in-git-folder": filter_of_the_git_folder,
    "filter-in-include": filter_of_an_included_file,
    "external-diff": external_diff,
    "diff-command": diff_driver("command"),
    "textconv": diff_driver("textconv"),
    "signature": signature,
    "lazy-fetch": lazy_fetch,
    "lazy-fetch-ssh": lazy_fetch_over_ssh,
    "alternates": alternates,
    "submodule": submodule,
}


def read_everything(project: GitProject, reader: Any) -> None:
    """Read all that there is to read of Git, from nothing and thoroughly."""
    source = GitSource(project.root)
    for thorough in (False, True):
        reader.read(source, thorough=thorough)
        reader.read(GtoSource(source), thorough=thorough)
        reader.read(DvcSource(source), thorough=thorough)
    source.position_of(project.head())
    outputs_batch(source, [project.head()])


@pytest.mark.parametrize("name", PLANTS)
def test_fault_55_nothing_that_a_repository_configures_is_run(
    name: str, project: GitProject, reader: Any, tmp_path: Path
) -> None:
    project.commit(
        "one", {"code.py": "code", "data.csv.dvc": f"outs:\n- md5: {'a' * 32}\n  path: data.csv\n"}
    )
    marker = tmp_path / "ran"
    provocations = PLANTS[name](project, f"touch {marker}")
    for provocation in provocations:
        project.git(*provocation, check=False)
    assert marker.exists(), "the plant is dead: plain git should have run it"
    marker.unlink()
    reader.matters(project.head())
    before = bytes_of(project.root)
    read_everything(project, reader)
    assert not marker.exists()
    assert bytes_of(project.root) == before


def test_fault_55_a_pager_is_not_run(project: GitProject, reader: Any, tmp_path: Path) -> None:
    project.commit("one")
    marker = tmp_path / "ran"
    project.configure("core.pager", f"touch {marker}; cat")
    for verb in ("log", "status", "for-each-ref", "rev-list", "cat-file"):
        project.configure(f"pager.{verb}", f"touch {marker}; cat")
    read_everything(project, reader)
    assert not marker.exists()


def test_fault_55_a_program_named_git_in_the_repository_is_not_run(
    project: GitProject, reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.commit("one")
    fake = project.write("git", f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    fake.chmod(0o755)
    import os

    monkeypatch.setenv("PATH", "." + os.pathsep + os.environ["PATH"])
    monkeypatch.chdir(project.root)
    reader.read(GitSource(project.root))
    assert reader.column("select subject from git_commit") == ["one"]
    assert not (tmp_path / "ran").exists()


def test_variables_of_the_caller_lead_nowhere_else(
    project: GitProject, reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.commit("mine")
    other = GitProject(tmp_path / "other")
    other.commit("other")
    git_folder = other.root / ".git"
    canary = f"touch {tmp_path / 'ran'}"
    for name, value in {
        "GIT_DIR": str(git_folder), "GIT_WORK_TREE": str(other.root),
        "GIT_INDEX_FILE": str(git_folder / "index"),
        "GIT_OBJECT_DIRECTORY": str(git_folder / "objects"), "GIT_COMMON_DIR": str(git_folder),
        "GIT_TRACE": str(tmp_path / "trace"), "GIT_EXTERNAL_DIFF": canary,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor'='{canary}'", "GIT_NAMESPACE": "x",
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": canary,
        "GIT_LITERAL_PATHSPECS": "1", "GIT_OPTIONAL_LOCKS": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    read_everything(project, reader)
    assert reader.column("select subject from git_commit") == ["mine"]
    assert not (tmp_path / "trace").exists()
    assert not (tmp_path / "ran").exists()


def test_reading_changes_no_byte(project: GitProject, reader: Any) -> None:
    project.commit("one", {"code.py": "code", "dvc.lock": "schema: '2.0'\nstages: {}\n"})
    project.tag("m@v1.0.0")
    (project.root / "code.py").touch()  # a status of git's own would write the index now
    project.write("new.py", "new")
    reader.matters(project.head())
    before = bytes_of(project.root)
    read_everything(project, reader)
    assert bytes_of(project.root) == before


def test_a_command_that_hangs_is_ended(project: GitProject) -> None:
    from mlops_dash.errors import SourceError
    from mlops_dash.sources.git_runner import GitRunner

    project.commit("one")
    runner = GitRunner(project.root)
    with pytest.raises(SourceError, match=r"longer than 0\.2 s"), runner.objects(deadline=0.2) as objects:
        objects._wait()  # git waits for input that never comes


def test_a_command_that_prints_too_much_is_ended(project: GitProject) -> None:
    from mlops_dash.errors import SourceError
    from mlops_dash.sources.git_runner import GitRunner

    project.commit("one", {"big": "x" * 3_000_000})
    blob = project.git("rev-parse", "HEAD:big")
    with pytest.raises(SourceError, match="printed more than 1 MB"):
        GitRunner(project.root).run("cat-file", "blob", blob, limit=1 << 20)


def test_objects_beyond_the_limit_are_passed_over(project: GitProject) -> None:
    from mlops_dash.sources.git_runner import GitRunner

    project.commit("one", {"big": "x" * 3_000_000, "small": "small"})
    big, small = project.git("rev-parse", "HEAD:big"), project.git("rev-parse", "HEAD:small")
    with GitRunner(project.root).objects() as objects:
        for _ in range(2):
            assert objects.read(big, limit=1000) is None
            assert objects.read("0" * 40) is None
            assert objects.read(small) == ("blob", b"small")
        assert objects.read(big) == ("blob", b"x" * 3_000_000)
