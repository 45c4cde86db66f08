"""What a change of version means: which side of a metric is better, and which signatures break callers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.answers.compare_lines import text_lines
from mlops_dash.answers.compare_metrics import metric_lines
from mlops_dash.answers.compare_shapes import CodeBetween, CompareAnswer, CompareItem
from mlops_dash.answers.plan_difference import SignatureChange, plan_difference, signature_changes
from mlops_dash.domain.metrics import MetricRules

RULES = MetricRules(primary="rmse")
AT = datetime(2026, 11, 26, tzinfo=UTC)


def answer(
    before: dict[str, float], after: dict[str, float], artifacts: tuple[str | None, ...] = (None, None)
) -> CompareAnswer:
    return CompareAnswer(
        as_of=AT,
        items=(CompareItem("a", "version", "a"), CompareItem("b", "version", "b")),
        baseline=0,
        metrics=metric_lines([before, after], 0, RULES),
        params=text_lines([{"alpha": "1", "seed": "7"}, {"alpha": "2", "seed": "7"}]),
        data=(),
        code=(CodeBetween(1, "a" * 40, "b" * 40, "ahead"),),
        packages=text_lines([{"numpy": "1"}, {"numpy": "2"}]),
        signature=text_lines([{"inputs.age": "long"}, {"inputs.age": "string"}]),
        tags=(),
        groups=(),
        artifacts=artifacts,
    )


def test_metrics_say_which_side_is_better() -> None:
    before = {"rmse": 4.0, "r2": 0.5, "odd": 1.0, "mae": 2.0}
    found = plan_difference(answer(before, {"rmse": 5.0, "r2": 0.6, "odd": 2.0, "mae": 2.0}), "4", "6", RULES)
    assert [m.key for m in found.metrics] == ["rmse", "mae", "odd", "r2"]
    assert [m.side for m in found.metrics] == ["worse", "same", None, "better"]
    assert found.metrics[0].primary
    assert (found.metrics[0].delta, found.metrics[0].relative) == (1.0, 0.25)
    assert [(p.key, p.before, p.after) for p in found.params] == [("alpha", "1", "2")]
    assert [(p.key, p.before, p.after) for p in found.packages] == [("numpy", "1", "2")]
    assert [c.key for c in found.breaking] == ["inputs.age"]
    assert found.code is not None


def test_what_is_not_known_is_said_and_not_guessed() -> None:
    found = plan_difference(
        answer({"rmse": 4.0}, {"rmse": float("nan")}, (None, "it is away")), "4", "6", RULES
    )
    assert (found.metrics[0].side, found.metrics[0].delta) == (None, None)
    assert (found.packages, found.signature) == ((), ())
    assert "packages and signature of version 6: it is away" in found.unknown


def test_without_a_version_before_there_is_nothing_to_compare_with() -> None:
    found = plan_difference(answer({"rmse": 5.0}, {"rmse": 5.0}), None, "6", RULES)
    assert (found.before, found.code, found.params, found.signature) == (None, None, (), ())
    assert (found.metrics[0].before, found.metrics[0].after) == (None, 5.0)


def changes(before: dict[str, str] | None, after: dict[str, str] | None) -> tuple[SignatureChange, ...]:
    return signature_changes(text_lines([before or {}, after or {}]))


KEPT = {"inputs.kept": "long", "outputs": "double"}


@pytest.mark.parametrize(
    ("key", "before", "after", "breaks"),
    [
        ("inputs.age", None, "long", True),
        ("inputs.age", None, "long optional", False),
        ("inputs.age", "long", None, False),
        ("inputs.age", "long", "string", True),
        ("inputs.age", "long optional", "long", True),
        ("inputs.age", "long", "long optional", False),
        ("inputs.age", "integer", "long", False),
        ("inputs.age", "long", "integer", True),
        ("inputs.age", "float", "double", False),
        ("inputs.age", "double", "float", True),
        ("inputs.age", "long", "double", True),
        ("inputs", "tensor float64 [-1,10]", "tensor float64 [-1,11]", True),
        ("inputs", "tensor float64 [1,10]", "tensor float64 [-1,10]", False),
        ("inputs", "tensor float64 [-1,10]", "tensor float32 [-1,10]", True),
        ("outputs.risk", "double", None, True),
        ("outputs.risk", None, "double", False),
        ("outputs.risk", "double", "string", True),
        ("outputs.risk", "double", "double optional", True),
        ("params.top", "long = 5", None, False),
        ("params.top", None, "long = 5", False),
        ("params.top", "long = 5", "long = 6", False),
        ("params.top", "long = 5", 'string = "a"', True),
    ],
)
def test_what_breaks_callers(key: str, before: str | None, after: str | None, breaks: bool) -> None:
    kept = {name: kind for name, kind in KEPT.items() if name != key}
    (change,) = changes(kept | ({key: before} if before else {}), kept | ({key: after} if after else {}))
    assert (change.key, change.before, change.after, change.breaks) == (key, before, after, breaks)
    assert change.words


def test_a_signature_that_comes_or_goes_breaks_nobody() -> None:
    assert not any(change.breaks for change in (*changes(KEPT, None), *changes(None, KEPT)))
    assert "has no signature" in changes(KEPT, None)[0].words


def test_what_breaks_comes_first() -> None:
    found = changes({"inputs.a": "long", "outputs": "double"}, {"inputs.z": "long", "outputs": "double"})
    assert [(change.key, change.breaks) for change in found] == [("inputs.z", True), ("inputs.a", False)]


TYPES = st.sampled_from(["long", "double", "string", "long optional", "tensor float64 [-1,3]", "array {}"])
SIGNATURES = st.dictionaries(st.from_regex(r"(inputs|outputs|params)(\.[ab])?", fullmatch=True), TYPES)


@given(SIGNATURES, SIGNATURES)
def test_equal_signatures_break_nobody_and_each_difference_is_told(
    before: dict[str, str], after: dict[str, str]
) -> None:
    assert changes(before, before) == ()
    differ = {key for key in before | after if before.get(key) != after.get(key)}
    assert {change.key for change in changes(before, after)} == differ
