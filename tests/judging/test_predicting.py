"""Models that fail, crash, hang or answer oddly: they are asked in a process of their own, and it is told."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlops_dash.actions.judging.predicting import Interpreter, Predicted, _compared, compare_predictions
from mlops_dash.actions.judging.prediction_script import _encoded
from mlops_dash.actions.judging.sides import Model, Side
from mlops_dash.actions.judging.verdict import judge
from mlops_dash.domain.rebuilds import Tolerance, Verdict

HERE = Interpreter(Path(sys.executable))
TOLERANCE = Tolerance(0.0, 1e-6)
MLMODEL = """flavors:
  python_function:
    code: code
    loader_module: the_model
    python_version: 3.11.0
model_uuid: 00000000000000000000000000000000
"""
EXAMPLE = """saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  type: dataframe
"""
CODE = """
import os, sys
import numpy, pandas
{load}
class Answer:
    def predict(self, frame):
        {predict}
def _load_pyfunc(path):
    return Answer()
"""


def model(folder: Path, predict: str, *, load: str = "", example: bool = True) -> Path:
    """Write a model; all have their code in modules of one name, as an original and its rebuild do."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "the_model.py").write_text(CODE.format(load=load, predict=predict))
    (folder / "MLmodel").write_text(MLMODEL + (EXAMPLE if example else ""))
    if example:
        (folder / "input_example.json").write_text('{"columns": ["x"], "data": [[1.0], [2.0], [3.0]]}')
    return folder


def asked(folder: Path, interpreter: Interpreter = HERE, **pairs: tuple[str, str]) -> dict[str, Predicted]:
    models = [
        (name, model(folder / name / "a", first), model(folder / name / "b", second))
        for name, (first, second) in pairs.items()
    ]
    return {one.name: one for one in compare_predictions(models, interpreter, TOLERANCE)}


def test_models_are_compared_on_what_they_predict_each_with_its_own_code(tmp_path: Path) -> None:
    found = asked(
        tmp_path,
        numbers=("return frame.x * 2", "return frame.x * 2.0000001"),
        classes=("return ['cat', 'dog']", "return ['cat', 'cow']"),
        changes=("frame['x'] += 1.0; return frame", "frame = frame + 1.0; return frame"),
    )
    assert {name: (one.known, one.within, one.words) for name, one in found.items()} == {
        "numbers": (
            True,
            True,
            "predictions of numbers differ by at most 3e-07 (relative 5e-08): within tolerance",
        ),
        "classes": (True, False, "predicts another answer: dog → cow"),
        "changes": (True, True, "equal to the last bit"),
    }


@pytest.mark.parametrize(
    ("first", "second", "within", "words"),
    [
        ([1.0, math.nan], [1.0, math.nan], True, "equal to the last bit"),
        ([2**60], [2**60 + 1], True, "within tolerance"),
        ([math.nan, 1.0], [1.0, math.nan], False, "not by numbers: 2 of 2 outside the tolerance"),
        ([math.inf], [1.0], False, "not by numbers: 1 of 1 outside the tolerance"),
        ([1.0, 2.0, 4.0], [1.0, 2.5, 4.0], False, "by at most 0.5 (relative 0.25): 1 of 3 outside"),
        ([[1.0, 2.0]], [[1.0], [2.0]], False, "predictions have another shape: [1, 2] → [2, 1]"),
        ([1.0], ["1.0"], False, "predicts another kind of answer: number → text"),
        ([True], [False], False, "predicts another answer: True → False"),
        ([["a"], ["b", "c"]], [["a"], ["b", "d"]], False, 'predicts another answer: ["b", "c"] → ["b", "d"]'),
        ({"p": [0.5]}, {"q": [0.5]}, False, "predictions have another shape"),
    ],
)
def test_answers_of_every_kind(first: Any, second: Any, within: bool, words: str) -> None:
    answers = [json.loads(json.dumps(_encoded(one, 100))) for one in (first, second)]
    found = _compared("m", *answers, TOLERANCE)
    assert (found.known, found.within) == (True, within)
    assert words in found.words


@pytest.mark.parametrize(
    "odd", [{}, {"columns": 3, "shape": 1}, {"columns": [{}], "shape": []}, {"shape": None}]
)
def test_an_answer_that_is_none_is_told(odd: dict[str, Any]) -> None:
    assert _compared("m", odd, odd, TOLERANCE).words == "the process that loads it gave no proper answer"


def test_why_a_model_did_not_predict_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter22")
    fine = model(tmp_path / "fine", "return ['none']")
    secret = model(tmp_path / "s", "return [os.environ.get('AWS_SECRET_ACCESS_KEY', 'none')]")
    pairs = [
        (model(tmp_path / "n", "return [1]", example=False), fine),
        (fine, model(tmp_path / "m", "return [1]", load="import not_there_at_all")),
        (fine, model(tmp_path / "l", "return numpy.zeros(2_000_000)")),
        (fine, model(tmp_path / "h", "return bytearray(20_000_000_000)")),
        (model(tmp_path / "d", "print('last \x1b[2J words', file=sys.stderr, flush=True); os.abort()"), fine),
        (fine, secret),
    ]
    assert [one.words for one in compare_predictions([("m", *pair) for pair in pairs], HERE, TOLERANCE)] == [
        "the original did not predict: it was logged without an input example",
        "the rebuilt model did not predict: it needs the package not_there_at_all, which is not there",
        "the rebuilt model did not predict: ValueError: it predicts more than 1,000,000 values",
        "the rebuilt model did not predict: it needs more memory than it may have",
        "the original did not predict: its process ended by signal 6: last ␛[2J words",
        "equal to the last bit",
    ]


def test_what_hangs_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    hanging = tmp_path / "python"
    hanging.write_text(f"#!/bin/sh\nsleep 600 &\necho $! >> {tmp_path}/started\nwait\n")
    hanging.chmod(0o700)
    found = asked(tmp_path, Interpreter(hanging, seconds=2.0), m=("return [1]", "return [1]"))["m"]
    assert found.words == "the original did not predict: it took longer than 2 s and was stopped"
    for child in map(int, (tmp_path / "started").read_text().split()):
        assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_an_interpreter_that_is_none_is_told(tmp_path: Path) -> None:
    found = asked(tmp_path, Interpreter(tmp_path / "python"), m=("return [1]", "return [1]"))["m"]
    assert not found.known
    assert "cannot be started (No such file or directory)" in found.words


def test_without_metrics_models_that_differ_and_cannot_be_asked_are_never_equivalent(tmp_path: Path) -> None:
    sides = [
        Side(
            name,
            artifacts=tmp_path / "none",
            models=(Model("m", model(tmp_path / name, f"return [{name!r}]")),),
        )
        for name in "ab"
    ]
    judgement = judge(*sides)
    assert judgement.verdict is Verdict.DIVERGED
    assert judgement.words.startswith(
        "diverged: artifacts differ, there are no metrics, and predictions were not"
    )
