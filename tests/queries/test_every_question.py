"""Every question stands in a file of its own, says what it asks, is asked by the code, and runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from known_facts import KnownFacts

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "queries").glob("*.sql"))
WHOLE = [file for file in FILES if "\n-- name: " not in file.read_text(encoding="utf-8")]
LISTS = {"run_ids", "model_ids", "names", "versions", "metrics", "commits", "digests", "keys", "prefixes"}
PARAMETERS: dict[str, Any] = {name: ["x", "y"] for name in LISTS} | {"low": 0, "high": 9, "width": 2}


def parameters(text: str) -> dict[str, Any]:
    return {name: PARAMETERS.get(name, "x") for name in re.findall(r"\$([a-z_]+)", text)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_question_says_what_it_asks(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert re.fullmatch(r"-- \w.{15,}", first)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_question_is_asked_by_the_code(file: Path) -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "tui").rglob("*.py"))
    assert f'"{file.stem}"' in code


@pytest.mark.parametrize("file", WHOLE, ids=lambda file: file.stem)
def test_an_empty_store_answers_every_question(file: Path, given: KnownFacts) -> None:
    asked = parameters(file.read_text(encoding="utf-8"))
    rows = given.store.records(file.stem, **asked)
    if file.stem != "tables":
        assert rows == []


@pytest.mark.parametrize("name", ["run_metrics", "run_params", "runs", "run_datasets", "dvc_data"])
def test_nothing_is_asked_of_nothing(name: str, given: KnownFacts) -> None:
    given.run("r1", metrics={"rmse": 1.0}, params={"a": "1"}, data=(("wine", "d1"),))
    key = "commits" if name == "dvc_data" else "run_ids"
    assert given.store.ask(name, **{key: []}) == []
