"""Commands that a project's files tell: parameters stay within their words, and nothing needs a shell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.sources.command_files import CommandError, filled, of_mlproject, of_pipeline

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
