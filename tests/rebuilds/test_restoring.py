"""Data of rebuilds is found by its content, checked while it is copied, and written nowhere else."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from git_projects import GitProject
from mlops_dash.actions.rebuilding.dvc_places import Stores
from mlops_dash.actions.rebuilding.restoring import inside, missing, restore
from mlops_dash.domain.rebuilds import DataNeed
from mlops_dash.errors import DashError, RefusedError


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / ".dvc" / "cache" / "files" / "md5").mkdir(parents=True)
    (tmp_path / "tree").mkdir()
    return tmp_path / "project"


def keep(project: Path, content: bytes, cache: str = ".dvc/cache/files/md5", name: str | None = None) -> str:
    """Put a content into a cache, under its hash or another name."""
    digest = name or md5(content)
    path = project / cache / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return digest


def folder(project: Path, files: dict[str, bytes], **names: str) -> str:
    entries = [{"md5": keep(project, content), "relpath": path} for path, content in files.items()]
    listing = json.dumps(entries).encode()
    return keep(project, listing, name=f"{md5(listing)}.dir")


def need(path: str, digest: str) -> DataNeed:
    return DataNeed(path, "dvc", path, md5=digest)


def put(project: Path, *needs: DataNeed) -> list[str]:
    return restore(needs, Stores.of(project), project.parent / "tree", lambda _: None)


def test_files_and_folders_from_the_cache(project: Path) -> None:
    single, many = keep(project, b"a,b\n"), folder(project, {"x.txt": b"x", "deep/y z.txt": b"y"})
    done = put(project, need("data/a.csv", single), need("images", many))
    tree = project.parent / "tree"
    assert (tree / "data" / "a.csv").read_bytes() == b"a,b\n"
    assert (tree / "images" / "deep" / "y z.txt").read_bytes() == b"y"
    assert done == [
        "data/a.csv: 1 file with the recorded md5", "images: 2 files with the recorded md5",
    ]  # fmt: skip
    assert not list(missing([need("data/a.csv", single), need("images", many)], Stores.of(project), ()))


@pytest.mark.parametrize("cache", [".dvc/cache", "../shared/files/md5", ".dvc/remote"])
def test_wherever_dvc_keeps_it(project: Path, cache: str) -> None:
    """The layout of DVC 2, a cache elsewhere, a remote that is a folder."""
    config = {
        "../shared/files/md5": "[cache]\n    dir = ../../shared\n",
        ".dvc/remote": "['remote \"r\"']\n    url = remote\n",
    }
    (project / ".dvc" / "config").write_text(config.get(cache, ""))
    put(project, need("a", keep(project, b"content", cache)))
    assert (project.parent / "tree" / "a").read_bytes() == b"content"


def test_the_users_own_file_where_it_has_the_content(project: Path) -> None:
    (project / "a.csv").write_bytes(b"mine")
    put(project, need("a.csv", md5(b"mine")))
    assert (project.parent / "tree" / "a.csv").read_bytes() == b"mine"
    (project / "a.csv").write_bytes(b"gone on")
    with pytest.raises(RefusedError, match="neither in DVC's cache nor in a remote"):
        put(project, need("a.csv", md5(b"mine")))
    assert not (project.parent / "tree" / "a.csv").exists()


def test_what_is_gone_is_told_beforehand(project: Path) -> None:
    wanted = [need("a.csv", "0" * 32), DataNeed("b", "file", "b.csv", sha256="0" * 64, size=3)]
    told = [(one.path, why) for one, why, _ in missing(wanted, Stores.of(project), ())]
    assert told == [
        ("a.csv", "it is neither in DVC's cache nor in a remote on this machine"),
        ("b.csv", "it is gone from where it was"),
    ]
    assert [one.path for one, *_ in missing(wanted, Stores.of(project), ("b.csv",))] == ["a.csv"]


@pytest.mark.parametrize("kind", ["file", "listing", "member"])
def test_a_damaged_cache_is_noticed(project: Path, kind: str) -> None:
    if kind == "file":
        wanted = need("a", keep(project, b"damaged", name=md5(b"whole")))
    else:
        digest = folder(project, {"x": b"x"})
        wanted = need("a", digest)
        broken = digest if kind == "listing" else md5(b"x")
        keep(project, b"[]" if kind == "listing" else b"damaged", name=broken)
    with pytest.raises(RefusedError, match="damaged in DVC's cache"):
        put(project, wanted)


@pytest.mark.parametrize("path", ["../out", "/etc/out", "a/../../out", "", "x\0y"])
def test_nothing_is_written_outside(project: Path, path: str) -> None:
    with pytest.raises(DashError, match="leads out of the project"):
        put(project, need(path, keep(project, b"x")))
    with pytest.raises(DashError, match="leads out of the project"):
        put(project, need("images", folder(project, {path: b"x"})))


def test_links_in_the_tree_are_not_followed(project: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "tree" / "data").symlink_to(tmp_path / "outside")
    with pytest.raises(DashError, match="leads through a link"):
        put(project, need("data/a", keep(project, b"x")))
    (tmp_path / "precious").write_text("x")
    (tmp_path / "tree" / "b").symlink_to(tmp_path / "precious")
    put(project, need("b", keep(project, b"y")))
    assert (tmp_path / "precious").read_text() == "x"
    assert inside(tmp_path, "a/b") == tmp_path / "a" / "b"


def test_a_file_that_the_command_named(project: Path, tmp_path: Path) -> None:
    (project / "a.csv").write_bytes(b"as it was")
    digest = hashlib.sha256(b"as it was").hexdigest()
    named = DataNeed("a.csv", "file", "a.csv", sha256=digest, size=9)
    put(project, named)
    assert (tmp_path / "tree" / "a.csv").read_bytes() == b"as it was"
    (tmp_path / "tree" / "a.csv").write_bytes(b"of the commit")
    with pytest.raises(RefusedError, match=r"a\.csv is not what it was when the run was made"):
        put(project, named)
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_bytes(b"as it was")
    outside = DataNeed("x", "file", str(elsewhere), sha256=digest, size=9)
    put(project, outside)
    elsewhere.write_bytes(b"changed since")
    with pytest.raises(RefusedError, match="its content has changed"):
        put(project, outside)
    elsewhere.unlink()
    with pytest.raises(RefusedError, match="cannot be read"):
        put(project, outside)


@pytest.mark.campaign
def test_as_dvc_itself_keeps_and_restores_it(tmp_path: Path) -> None:
    git = GitProject(tmp_path / "project")
    git.commit("Begin", {"readme": ""})
    dvc = [sys.executable, "-m", "dvc"]
    for words in (["init", "-q"], ["config", "core.analytics", "false"]):
        subprocess.run([*dvc, *words], cwd=git.root, check=True)
    git.write("images/one.txt", "1")
    git.write("images/deep/two.txt", "2")
    git.write("table.csv", "a\n")
    subprocess.run([*dvc, "add", "-q", "images", "table.csv"], cwd=git.root, check=True)
    digests = {
        path: (git.root / f"{path}.dvc").read_text().split("md5: ")[1].split()[0]
        for path in ("images", "table.csv")
    }
    shutil.rmtree(git.root / "images")
    (git.root / "table.csv").unlink()
    (tmp_path / "tree").mkdir()
    needs = [need(path, digest) for path, digest in digests.items()]
    restore(needs, Stores.of(git.root), tmp_path / "tree", lambda _: None)
    assert (tmp_path / "tree" / "images" / "deep" / "two.txt").read_text() == "2"
    assert (tmp_path / "tree" / "table.csv").read_text() == "a\n"
