"""What two models predict on the recorded input example, asked in a process of its own.

Loading a model runs code, so it is never done here: an interpreter, as a rule that of the rebuild's
environment, does it with a bare environment, within limits, in a folder that goes afterwards.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_dash.actions.judging import prediction_script
from mlops_dash.actions.judging.files import Unreadable, whole
from mlops_dash.actions.judging.numbers import pair, same, within
from mlops_dash.actions.judging.sides import clean
from mlops_dash.domain.rebuilds import Difference, Tolerance

_TOLD_ERRORS = 2_000


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What asks the models.

    Attributes:
        python: path of an interpreter that has MLflow and what the models need.
        seconds: until it is stopped, for all models together.
        memory: bytes of address space of each process; ``None``: no limit.
        answer: bytes of any file that it writes.
        values: of one prediction.
        variables: given to it beside the few that it always gets, such as ``OMP_NUM_THREADS``.
    """

    python: Path
    seconds: float = 300.0
    memory: int | None = 16_000_000_000
    answer: int = 200_000_000
    values: int = 1_000_000
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Predicted:
    """How the predictions of two models compare.

    Attributes:
        known: they could be compared.
        words: how they compare, or why they could not be.
        difference: ``None`` where they are equal or unknown.
    """

    name: str
    known: bool
    words: str
    difference: Difference | None = None

    @property
    def within(self) -> bool:
        """They are equal or within tolerance."""
        return self.known and (self.difference is None or self.difference.within)


def compare_predictions(
    models: Sequence[tuple[str, Path, Path]], interpreter: Interpreter | None, tolerance: Tolerance
) -> tuple[Predicted, ...]:
    """Compare what models predict: name, the original's folder, the rebuilt one's folder."""
    if not models:
        return ()
    if interpreter is None:
        return tuple(
            Predicted(name, False, "there is no interpreter to load it with") for name, _, _ in models
        )
    end = time.monotonic() + interpreter.seconds
    return tuple(_compared(name, *_asked(one, two, interpreter, end), tolerance) for name, one, two in models)


def _asked(
    original: Path, rebuilt: Path, interpreter: Interpreter, end: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the answers of two models, each asked in a process of its own, both at once."""
    with tempfile.TemporaryDirectory(prefix="mlops-dash-judging-", ignore_cleanup_errors=True) as made:
        asking = []
        try:
            for name, model in (("original", original), ("rebuilt", rebuilt)):
                (Path(made) / name).mkdir()
                asking.append(_Asking(Path(made) / name, model, original, interpreter))
            return asking[0].answer(end), asking[1].answer(end)
        finally:
            for one in asking:
                one.end()


class _Asking:
    """One process that loads a model."""

    def __init__(self, folder: Path, model: Path, example: Path, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._answer, self._errors = folder / "answer.json", folder / "errors"
        self._why = ""
        self._process: subprocess.Popen[bytes] | None = None
        question, home = folder / "question.json", folder / "home"
        home.mkdir()
        asked = {
            "model": os.path.abspath(model),
            "example": os.path.abspath(example),
            "memory": interpreter.memory,
            "file": interpreter.answer,
            "values": interpreter.values,
            "answer": str(self._answer),
        }
        question.write_text(json.dumps(asked))
        try:
            with self._errors.open("wb") as log:
                self._process = subprocess.Popen(
                    [
                        str(interpreter.python),
                        "-I",
                        "-B",
                        str(Path(prediction_script.__file__)),
                        str(question),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    cwd=home,
                    env=_environment(interpreter, home),
                    start_new_session=True,
                )
        except OSError as error:
            self._why = f"{clean(interpreter.python)} cannot be started ({error.strerror})"

    def answer(self, end: float) -> dict[str, Any]:
        """Return what the model answered, or ``{"error": …}``."""
        if self._process is None:
            return {"error": self._why}
        try:
            code = self._process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            return {"error": f"it took longer than {self._interpreter.seconds:g} s and was stopped"}
        if code != 0:
            ended = f"ended by signal {-code}" if code < 0 else f"ended with {code}"
            return {"error": f"its process {ended}{_last_line(self._errors)}"}
        try:
            found = json.loads(whole(self._answer, self._interpreter.answer))
        except (Unreadable, ValueError, RecursionError):
            found = None
        return found if isinstance(found, dict) else {"error": "it gave no proper answer"}

    def end(self) -> None:
        """End the process and what the model's code started."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _environment(interpreter: Interpreter, home: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "MLFLOW_TRACKING_URI": home.as_uri(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "HF_HUB_OFFLINE": "1",
        **interpreter.variables,
    }


def _last_line(errors: Path) -> str:
    try:
        with errors.open("rb") as file:
            file.seek(max(0, errors.stat().st_size - _TOLD_ERRORS))
            lines = file.read(_TOLD_ERRORS).decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    told = [line.strip() for line in lines if line.strip()]
    return f": {clean(told[-1])}" if told else ""


def _compared(
    name: str, original: dict[str, Any], rebuilt: dict[str, Any], tolerance: Tolerance
) -> Predicted:
    for answer, whose in ((original, "the original"), (rebuilt, "the rebuilt model")):
        if "error" in answer:
            return Predicted(name, False, clean(f"{whose} did not predict: {answer['error']}"))
    try:
        return _answers_compared(name, original, rebuilt, tolerance)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return Predicted(name, False, "the process that loads it gave no proper answer")


def _answers_compared(
    name: str, original: dict[str, Any], rebuilt: dict[str, Any], tolerance: Tolerance
) -> Predicted:
    names = [[column["name"] for column in side["columns"]] for side in (original, rebuilt)]
    shapes = [original["shape"], rebuilt["shape"]]
    if shapes[0] != shapes[1] or names[0] != names[1]:
        return _apart(name, clean(shapes[0], 60), clean(shapes[1], 60), "predictions have another shape")
    numbers: list[tuple[float, float]] = []
    for one, two in zip(original["columns"], rebuilt["columns"], strict=True):
        if one["kind"] != two["kind"]:
            return _apart(
                name, clean(one["kind"], 60), clean(two["kind"], 60), "predicts another kind of answer"
            )
        if one["kind"] == "number":
            numbers += zip(one["values"], two["values"], strict=True)
            continue
        for old, new in zip(one["values"], two["values"], strict=True):
            if old != new:
                return _apart(name, clean(old, 60), clean(new, 60), "predicts another answer")
    return _numbers_compared(name, numbers, tolerance)


def _apart(name: str, original: str, rebuilt: str, words: str) -> Predicted:
    words = f"{words}: {original} → {rebuilt}"
    return Predicted(name, True, words, Difference("prediction", name, original, rebuilt, words=words))


def _numbers_compared(name: str, numbers: list[tuple[float, float]], tolerance: Tolerance) -> Predicted:
    unlike = [(old, new) for old, new in numbers if not same(old, new)]
    if not unlike:
        return Predicted(name, True, "equal to the last bit")
    outside = [(old, new) for old, new in unlike if not within(old, new, tolerance)]
    old, new = max(outside or unlike, key=_distance)
    first, second = pair(old, new)
    finite = [apart for one in unlike if math.isfinite(apart := _distance(one))]
    amount = max(finite, default=None)
    parts = max((abs(a - b) / abs(a) for a, b in unlike if a and math.isfinite(a - b)), default=None)
    largest = f"by at most {amount:.3g}" if amount is not None else "not by numbers"
    largest += f" (relative {parts:.2g})" if parts is not None else ""
    told = (
        "within tolerance" if not outside else f"{len(outside):,} of {len(numbers):,} outside the tolerance"
    )
    words = f"predictions of {name} differ {largest}: {told}"
    return Predicted(
        name, True, words, Difference("prediction", name, first, second, amount, not outside, words)
    )


def _distance(numbers: tuple[float, float]) -> float:
    apart = abs(numbers[0] - numbers[1])
    return math.inf if math.isnan(apart) else apart


def unequal(predicted: Sequence[Predicted]) -> Iterator[Difference]:
    """Yield what the predictions differ in."""
    for one in predicted:
        if one.difference is not None:
            yield one.difference
