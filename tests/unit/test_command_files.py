"""Commands that a project's files tell: parameters stay within their words, and nothing needs a shell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.sources.command_files import CommandError, filled, made_by, of_mlproject, of_pipeline

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PROJECT = b"""
name: points
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.1}
      name: string
    command: "python train.py --alpha {alpha} --name '{name} x'"
  test:
    command: "python -m pytest | tee log"
"""
PIPELINE = b"""
stages:
  prepare:
    cmd: python prepare.py
  train:
    cmd: python src/train.py --alpha 0.5 "a b"
    wdir: models
"""


def test_an_entry_point_with_the_runs_parameters_and_its_defaults() -> None:
    told = of_mlproject("MLproject", PROJECT, "main", {"name": "$(rm -rf /) --x", "more": "1"})
    assert told.argv == ("python", "train.py", "--alpha", "0.1", "--name", "$(rm -rf /) --x x")
    assert (told.folder, told.where) == (".", "MLproject, entry point main")
    assert of_mlproject("sub/MLproject", PROJECT, "main", {"name": "n", "alpha": "2"}).folder == "sub"


@pytest.mark.parametrize(
    ("entry", "content", "words"),
    [
        ("test", PROJECT, "needs a shell"),
        ("main", PROJECT, "names {name}, and the run has no such parameter"),
        ("other", PROJECT, "tells no command"),
        ("main", b"[1, 2]", "tells no command"),
        ("main", b"a: [", "it cannot be read"),
        ("main", b"entry_points: {main: {command: 'A=1 python x'}}", "begins with no program"),
        ("main", b'entry_points: {main: {command: "python \'x"}}', "cannot be read"),
        ("main", b"x" * 5_000_000, "too large"),
    ],
)
def test_an_entry_point_that_tells_none(entry: str, content: bytes, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        of_mlproject("MLproject", content, entry, {})


def test_the_stage_that_runs_the_script() -> None:
    told = of_pipeline("dvc.yaml", PIPELINE, "/home/ada/project/src/train.py")
    assert told.argv == ("python", "src/train.py", "--alpha", "0.5", "a b")
    assert (told.folder, told.where) == ("models", "dvc.yaml, stage train")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PIPELINE, "2 stages may have made the run"),
        (b"stages: {}", "no stage may have made the run"),
        (b"stages: {a: {cmd: 'python ${script}'}}", "DVC's templates"),
        (b"stages: {a: {cmd: 'python x.py > log'}}", "needs a shell"),
        (b"stages: {a: {cmd: [python x.py, python y.py]}}", "no stage"),
        (b"stages: 3", "no stage"),
    ],
)
def test_a_pipeline_that_tells_none(content: bytes, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        of_pipeline("dvc.yaml", content, None)


@given(
    st.lists(TEXT, max_size=4),
    st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), TEXT, max_size=4),
)
def test_a_value_never_leaves_its_word(words: list[str], values: dict[str, str]) -> None:
    plain = [word.replace("{", "(") for word in words]
    told = [*plain, *(f"--{name}={{{name}}}" for name in values), *(f"{{params.{name}}}" for name in values)]
    found = filled(told, values)
    assert len(found) == len(told)
    assert list(found[len(plain) :]) == [*(f"--{n}={v}" for n, v in values.items()), *values.values()]


@given(st.binary(max_size=200))
def test_whatever_stands_there_is_read_or_refused(content: bytes) -> None:
    for read in (
        lambda: of_mlproject("MLproject", content, "main", {}),
        lambda: of_pipeline("dvc.yaml", content, None),
    ):
        try:
            assert read().argv
        except CommandError:
            continue


LOCK = b"""
schema: '2.0'
stages:
  prepare:
    cmd: python prepare.py
    deps: [{path: raw.csv, md5: a}]
    outs: [{path: features.csv, md5: b}]
  report:
    cmd: python report.py
    deps: [{path: scores.json, md5: e}]
    outs: [{path: report.html, md5: f}]
  evaluate:
    cmd: python evaluate.py 'a b'
    deps: [{path: model.pkl, md5: c}, {path: features.csv, md5: b}]
    outs: [{path: scores.json, md5: d}]
  train:
    cmd: python train.py --alpha 0.5
    deps: [{path: features.csv, md5: b}]
    outs: [{path: model.pkl, md5: c}, {path: [7]}, x]
"""


@pytest.mark.parametrize(
    ("argv", "script", "made"),
    [
        (("python3.12", "train.py", "--alpha", "0.5"), None, {"model.pkl", "scores.json", "report.html"}),
        (("python", "evaluate.py", "a b"), None, {"scores.json", "report.html"}),
        (
            ("python", "train.py", "--alpha", "0.7"),
            "src/train.py",
            {"model.pkl", "scores.json", "report.html"},
        ),
        (("python", "prepare.py"), None, {"features.csv", "model.pkl", "scores.json", "report.html"}),
        (("python", "other.py"), "other.py", set()),
        (("python", "other.py"), None, set()),
    ],
)
def test_what_a_stage_and_those_after_it_make(
    argv: tuple[str, ...], script: str | None, made: set[str]
) -> None:
    assert made_by("dvc.lock", LOCK, argv, script) == made
    assert made_by("sub/dvc.lock", LOCK, argv, script) == {f"sub/{path}" for path in made}


@pytest.mark.parametrize("content", [b"", b"stages: 3", b"a: [", b"stages: {a: {cmd: 3, outs: 4, deps: x}}"])
def test_a_lock_that_tells_nothing(content: bytes) -> None:
    assert made_by("dvc.lock", content, ("python", "train.py"), "train.py") == frozenset()
