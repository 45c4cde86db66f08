"""Which files are training code, and which commits are compared."""

from __future__ import annotations

import pytest

from mlops_dash.answers.compare_code import pairs, training_code
from mlops_dash.config import CompareConfig

PATHS = [
    "train.py",
    "src/model.py",
    "src/deep/er/x.ipynb",
    "docs/a.md",
    "README.md",
    "tests/src/t.py",
    "[a]/b",
]


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("*.py", ["train.py", "src/model.py", "tests/src/t.py"]),
        ("src", ["src/model.py", "src/deep/er/x.ipynb", "tests/src/t.py"]),
        ("src/", ["src/model.py", "src/deep/er/x.ipynb", "tests/src/t.py"]),
        ("/src", ["src/model.py", "src/deep/er/x.ipynb"]),
        ("src/*.py", ["src/model.py"]),
        ("src/**/*.ipynb", ["src/deep/er/x.ipynb"]),
        ("**/er", ["src/deep/er/x.ipynb"]),
        ("src/**", ["src/model.py", "src/deep/er/x.ipynb"]),
        ("**", PATHS),
        ("*", PATHS),
        ("[dR]*.md", ["README.md"]),
        ("?rain.py", ["train.py"]),
        ("[!t]rain.py", []),
        ("[[]a]", ["[a]/b"]),
        ("[z-a]", []),
        ("SRC", []),
        ("", []),
        ("/", []),
        ("no(such", []),
    ],
)
def test_patterns_are_read_as_in_gitignore(pattern, matched):
    keeps = training_code(CompareConfig(include=[pattern]))
    assert [path for path in PATHS if keeps(path)] == matched
    keeps = training_code(CompareConfig(exclude=[pattern]))
    assert [path for path in PATHS if not keeps(path)] == matched


def test_everything_is_training_code_unless_the_configuration_says_so():
    assert all(map(training_code(CompareConfig()), PATHS))
    keeps = training_code(CompareConfig(include=["*.py", "docs"], exclude=["tests"]))
    assert [path for path in PATHS if keeps(path)] == ["train.py", "src/model.py", "docs/a.md"]


def test_pairs_and_why_there_are_none():
    assert pairs(["a", "b", "a"], 0) == {1: ("a", "b"), 2: ("a", "a")}
    assert pairs(["a", None], 0) == {1: "no commit is recorded for it"}
    assert pairs(["a", None, None], 1) == {
        0: "no commit is recorded for the baseline",
        2: "no commit is recorded for either of the two",
    }
