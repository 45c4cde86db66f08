"""Data that DVC tracks, read from Git's trees at the commits that matter and along the main branch."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_projects import GitProject, bytes_of, many_commits
from mlops_dash.sources.dvc import DvcSource, outputs_batch
from mlops_dash.sources.dvc_files import Output, load, parse_outputs
from mlops_dash.sources.git import GitSource

A, B, C = "a" * 32, "b" * 32, "c" * 32
LOCK = f"""\
schema: '2.0'
stages:
  prepare@x:
    cmd: python prepare.py
    deps:
    - path: raw.csv
      md5: {C}
      size: 1
    outs:
    - path: data/train.csv
      hash: md5
      md5: {A}
      size: 120
    - path: data/folder
      hash: md5
      md5: {B}.dir
      size: 4000
      nfiles: 12
"""


def pointer(path: str, digest: str, size: int = 5) -> str:
    return f"outs:\n- md5: {digest}\n  size: {size}\n  hash: md5\n  path: {path}\n"


def history(reader: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in reader.sql("select path, digest, seq from dvc_history order by path, seq")]


def test_lock_files_give_their_outputs() -> None:
    assert parse_outputs("sub/dvc.lock", LOCK.encode()) == (
        Output("sub/data/train.csv", A, 120, None),
        Output("sub/data/folder", f"{B}.dir", 4000, 12),
    )


def one(path: str, digest: str = A) -> list[Output]:
    return [Output(path, digest, None, None)]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("data/x.csv.dvc", pointer("x.csv", A), [Output("data/x.csv", A, 5, None)]),
        ("x.dvc", f"wdir: ..\nouts:\n- md5: {A}\n  path: ../up.csv\n", one("../../up.csv")),
        ("sub/x.dvc", f"wdir: ..\nouts:\n- md5: {A}\n  path: x\n", one("x")),
        ("x.dvc", f"md5: {B}\nouts:\n- md5: {A}\n  path: x\n", one("x")),
        ("x.dvc", "outs:\n- etag: abc\n  path: s3://bucket/x\n", one("s3://bucket/x", "abc")),
        ("x.dvc", "outs:\n- path: x\n  cloud:\n    s3:\n      version_id: v9\n", one("x", "v9")),
        ("x.dvc", "outs:\n- md5: 1" + "0" * 31 + "\n  path: x\n", one("x", "1" + "0" * 31)),
        ("x.dvc", "outs:\n- path: never-committed\n", []),
        ("x.dvc", "outs:\n- md5: null\n  path: x\n", []),
        ("x.dvc", "outs: text\n", []),
        ("x.dvc", "outs:\n- text\n- 5\n- []\n", []),
        ("dvc.lock", "schema: '2.0'\n", []),
        ("dvc.lock", "schema: '2.0'\nstages:\n- x\n", []),
        ("dvc.lock", f"prepare:\n  cmd: x\n  outs:\n  - path: old\n    md5: {A}\n", one("old")),
        ("x.dvc", f"outs:\n- md5: {A}\n  path: x\n  size: 10000000000000000000000\n", one("x")),
    ],
)
def test_files_of_every_age_are_read(path: str, text: str, expected: list[Output]) -> None:
    assert list(parse_outputs(path, text.encode())) == expected


def test_a_folder_listed_file_by_file_has_the_digest_that_dvc_gives_it() -> None:
    text = f"outs:\n- path: d\n  files:\n  - relpath: b\n    md5: {B}\n  - relpath: a\n    md5: {A}\n"
    (found,) = parse_outputs("d.dvc", text.encode())
    listing = json.dumps([{"md5": A, "relpath": "a"}, {"md5": B, "relpath": "b"}], sort_keys=True)
    digest = hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest()
    assert found == Output("d", f"{digest}.dir", None, 2)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nouts: *a\n",
        "a: &a\n  b: c\nouts:\n- <<: *a\n",
        "[" * 100_000,
        "{" * 100_000,
        "- " * 50_000,
        "outs: [" + "[" * 60 + "]" * 60 + "]",
        "outs:\n- md5: x\n  <<<<<<< HEAD\n",
        "<<<<<<< HEAD\nouts:\n=======\n",
        "outs:\n" + f"- {{md5: {A}, path: x}}\n" * 30_000,
        "x" * (5 << 20),
        "- a\n- b\n",
        "just text",
        "",
        "\x00\x01",
        "a: !!python/object/apply:os.system ['touch x']\nb: [",
    ],
)
def test_files_made_to_harm_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it is|it uses|it records"):
        parse_outputs("x.dvc", text.encode())


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}&*!#'\" \n", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for path in ("dvc.lock", "x.dvc"):
        try:
            outputs = parse_outputs(path, data)
        except ValueError:
            continue
        assert all(isinstance(output.path, str) and output.digest for output in outputs)


def test_tags_are_text() -> None:
    assert load(b"a: !!python/name:os.system ''\nb: !!int 5\nc: 2020-01-01\n") == {
        "a": "",
        "b": "5",
        "c": "2020-01-01",
    }


def test_data_is_read_at_the_commits_that_matter(project: GitProject, reader: Any) -> None:
    first = project.commit("one", {"data/x.csv.dvc": pointer("x.csv", A), "README": "x"})
    second = project.commit("two", {"data/x.csv.dvc": pointer("x.csv", B, 7), "dvc.lock": LOCK})
    project.commit("three", {"data/x.csv.dvc": pointer("x.csv", C)})
    reader.matters(first, second)
    position = reader.read(DvcSource(GitSource(project.root)))
    assert set(reader.sql("select commit_hash, path, digest, size, files, tracked_in from dvc_output")) == {
        (first, "data/x.csv", A, 5, None, "data/x.csv.dvc"),
        (second, "data/x.csv", B, 7, None, "data/x.csv.dvc"),
        (second, "data/train.csv", A, 120, None, "dvc.lock"),
        (second, "data/folder", f"{B}.dir", 4000, 12, "dvc.lock"),
    }
    assert history(reader) == [
        ("data/folder", f"{B}.dir", 0),
        ("data/train.csv", A, 0),
        ("data/x.csv", A, 0),
        ("data/x.csv", B, 1),
        ("data/x.csv", C, 2),
    ]
    assert position.counts == "3 paths · 5 versions"
    assert reader.column("select committed_at from dvc_history where digest = repeat('c', 32)") == [
        1_700_000_180_000
    ]


def test_data_of_a_merged_branch_comes_with_the_merge(project: GitProject, reader: Any) -> None:
    project.commit("one", {"x.dvc": pointer("x", A)})
    project.git("checkout", "-q", "-b", "side")
    project.commit("side 1", {"x.dvc": pointer("x", B)})
    project.commit("side 2", {"x.dvc": pointer("x", C)})
    project.git("checkout", "-q", "main")
    project.commit("two")
    project.minutes += 1
    project.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    reader.read(DvcSource(GitSource(project.root)))
    assert history(reader) == [("x", A, 0), ("x", C, 1)]
    assert reader.column("select commit_hash from dvc_history where seq = 1") == [project.head()]


def test_a_version_that_returns_is_a_version_again(project: GitProject, reader: Any) -> None:
    for digest in (A, B, B, A):
        project.commit(digest, {"x.dvc": pointer("x", digest), "other": str(project.minutes)})
    reader.read(DvcSource(GitSource(project.root)))
    assert history(reader) == [("x", A, 0), ("x", B, 1), ("x", A, 2)]


def test_a_repository_without_dvc_counts_nothing(project: GitProject, reader: Any) -> None:
    commit = project.commit(
        "one", {"code.py": "x", ".dvc/config": "x", "notes.dvc.txt": "x", "a.dvc/file": "x"}
    )
    reader.matters(commit)
    position = reader.read(DvcSource(GitSource(project.root)))
    assert (position.counts, position.warning) == ("", None)
    assert history(reader) == []


def test_data_that_was_removed_keeps_its_history(project: GitProject, reader: Any) -> None:
    commit = project.commit("one", {"x.dvc": pointer("x", A)})
    project.git("rm", "-q", "x.dvc")
    project.commit("gone")
    reader.matters(commit)
    reader.read(DvcSource(GitSource(project.root)))
    assert history(reader) == [("x", A, 0)]


def test_a_new_version_shows_at_the_next_reading(project: GitProject, reader: Any) -> None:
    first = project.commit("one", {"x.dvc": pointer("x", A)})
    reader.matters(first)
    source = DvcSource(GitSource(project.root))
    position = reader.read(source)
    assert not source.changed(position.value)
    assert reader.read(source) == position
    assert reader.tables() == []
    project.commit("code only", {"code.py": "x"})
    assert source.changed(position.value)
    reader.read(source)
    assert reader.tables() == []
    second = project.commit("two", {"x.dvc": pointer("x", B)})
    reader.matters(first, second)
    reader.read(source)
    assert history(reader) == [("x", A, 0), ("x", B, 1)]
    assert dict(reader.sql("select commit_hash, digest from dvc_output")) == {first: A, second: B}
    project.git("reset", "-q", "--hard", first)
    reader.read(source)
    assert history(reader) == [("x", A, 0)]


def test_a_commit_that_begins_to_matter_is_read_though_git_did_not_move(
    project: GitProject, reader: Any
) -> None:
    first = project.commit("one", {"x.dvc": pointer("x", A)})
    source = DvcSource(GitSource(project.root))
    reader.read(source)
    reader.matters(first, "f" * 40)
    reader.read(source)
    assert reader.tables() == ["dvc_output"]
    assert reader.column("select commit_hash from dvc_output") == [first]
    reader.read(source)
    assert reader.tables() == []


def test_a_file_that_cannot_be_read_is_told_and_costs_only_itself(project: GitProject, reader: Any) -> None:
    commit = project.commit("one", {"x.dvc": pointer("x", A), "[/b].dvc": "<<<<<<< HEAD\nouts:\n"})
    reader.matters(commit)
    source = DvcSource(GitSource(project.root))
    position = reader.read(source)
    assert "[/b].dvc cannot be read" in (position.warning or "")
    assert reader.column("select path from dvc_output") == ["x"]
    assert reader.read(source).warning == position.warning


def test_data_of_one_commit_is_read_on_demand(project: GitProject, reader: Any) -> None:
    commit = project.commit("one", {"sub/x.dvc": pointer("x", A)})
    git = GitSource(project.root)
    assert DvcSource(git).outputs_at(commit) == [("sub/x.dvc", Output("sub/x", A, 5, None))]
    for _ in range(2):
        reader.store.apply(outputs_batch(git, [commit, "f" * 40, "--output=x"]))
    assert reader.sql("select commit_hash, path from dvc_output") == [(commit, "sub/x")]


def test_a_long_history_without_dvc_costs_no_walk(
    tmp_path: Path, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = many_commits(tmp_path / "project", 500)
    source = DvcSource(GitSource(project.root))
    asked: list[str] = []
    run = source.git.runner.run
    monkeypatch.setattr(
        source.git.runner, "run", lambda *words, **rest: asked.append(words[0]) or run(*words, **rest)
    )
    reader.read(source)
    assert "log" not in asked


@pytest.mark.campaign
def test_what_the_real_dvc_wrote_is_read(project: GitProject, reader: Any) -> None:
    def dvc(*arguments: str) -> None:
        program = Path(sys.executable).with_name("dvc")
        environment = os.environ | {"DVC_NO_ANALYTICS": "1", "PATH": f"{program.parent}:{os.environ['PATH']}"}
        subprocess.run(
            [program, *arguments], cwd=project.root, check=True, capture_output=True, env=environment
        )

    dvc("init", "-q")
    project.write("data/raw.csv", "a,b\n1,2\n")
    project.write("data/images/1.txt", "one")
    project.write("data/images/2.txt", "two")
    dvc("add", "-q", "data/raw.csv", "data/images")
    stage = "cmd: cp data/raw.csv out.csv, deps: [data/raw.csv], outs: [out.csv]"
    project.write("dvc.yaml", f"stages: {{copy: {{{stage}}}}}\n")
    dvc("repro", "-q")
    project.git("add", "-A")
    first = project.commit("first")
    project.write("data/raw.csv", "a,b\n3,4\n")
    dvc("add", "-q", "data/raw.csv")
    project.git("add", "-A")
    second = project.commit("second")
    reader.matters(first, second)
    before = bytes_of(project.root)
    reader.read(DvcSource(GitSource(project.root)))
    assert bytes_of(project.root) == before
    facts = "path, digest, size, files, tracked_in"
    rows = reader.sql(f"select {facts} from dvc_output where commit_hash = '{first}' order by path")
    raw = hashlib.md5(b"a,b\n1,2\n", usedforsecurity=False).hexdigest()
    assert [(row[0], row[4]) for row in rows] == [
        ("data/images", "data/images.dvc"), ("data/raw.csv", "data/raw.csv.dvc"), ("out.csv", "dvc.lock"),
    ]  # fmt: skip
    assert rows[0][1].endswith(".dir")
    assert rows[0][2:4] == (6, 2)
    assert rows[1][1] == rows[2][1] == raw
    assert len(history(reader)) == 4
