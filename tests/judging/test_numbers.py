"""What holds for all numbers: a run is as itself, tolerances only widen, noise is told from a difference."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.actions.judging.numbers import compare_metrics, measures_resources, within
from mlops_dash.actions.judging.repeats import expected, judge_repeats, noise
from mlops_dash.actions.judging.sides import Side, Tolerances
from mlops_dash.actions.judging.verdict import judge
from mlops_dash.domain.rebuilds import Tolerance, Verdict

NONE = Path("/no/such/folder")  # the run has no artifacts
NUMBERS = st.floats()
METRICS = st.dictionaries(st.text(max_size=8).map("metric ".__add__), NUMBERS, min_size=1, max_size=6)
SIZES = st.floats(0, 1e6)


def side(**metrics: float) -> Side:
    return Side("r", metrics=metrics, artifacts=NONE)


@given(METRICS)
def test_a_run_is_identical_to_itself(metrics: dict[str, float]) -> None:
    one = Side("r", metrics=metrics, artifacts=NONE)
    judgement = judge(one, one)
    assert (judgement.verdict, judgement.outcomes, judgement.inputs) == (Verdict.IDENTICAL, (), ())


@given(NUMBERS, NUMBERS, SIZES)
def test_an_absolute_tolerance_is_symmetric(first: float, second: float, size: float) -> None:
    tolerance = Tolerance(size, 0.0)
    assert within(first, second, tolerance) == within(second, first, tolerance)


@given(NUMBERS, NUMBERS, SIZES, SIZES, SIZES)
def test_a_wider_tolerance_admits_no_less(
    first: float, second: float, absolute: float, part: float, more: float
) -> None:
    if within(first, second, Tolerance(absolute, part)):
        assert within(first, second, Tolerance(absolute + more, part))
        assert within(first, second, Tolerance(absolute, part + more))


@given(METRICS, METRICS)
def test_a_verdict_never_claims_more_than_its_outcomes(
    original: dict[str, float], rebuilt: dict[str, float]
) -> None:
    judgement = judge(Side("a", metrics=original, artifacts=NONE), Side("b", metrics=rebuilt, artifacts=NONE))
    if judgement.verdict is Verdict.IDENTICAL:
        assert not judgement.outcomes
    else:
        all_within = all(one.within for one in judgement.outcomes)
        assert (judgement.verdict is Verdict.EQUIVALENT) == all_within


def test_nan_and_infinities_equal_themselves_alone() -> None:
    wide = Tolerance(math.inf, 1.0)
    for odd in (math.nan, math.inf, -math.inf):
        assert within(odd, odd, Tolerance(0, 0))
        assert not within(odd, 1.0, wide)
        assert not within(1.0, odd, wide)
    assert not within(math.inf, -math.inf, wide)


def test_each_metric_has_its_tolerance_and_missing_and_new_ones_are_told() -> None:
    tolerances = Tolerances(Tolerance(0, 0.1), {"loss": Tolerance(0.5, 0)})
    found = compare_metrics(
        {"loss": 1.0, "rmse": 10.0, "gone": 1.0}, {"loss": 1.4, "rmse": 12.0, "new": 1.0}, tolerances
    )
    assert {one.name: (one.within, one.words) for one in found.differing} == {
        "loss": (True, "loss 1 → 1.4 (+40 %)"),
        "rmse": (False, "rmse 10 → 12 (+20 %)"),
        "gone": (False, "missing"),
        "new": (True, "new"),
    }


@pytest.mark.parametrize(
    "name", "system/cpu duration fit_time train/seconds step_time_ms samples_per_second".split()
)
def test_metrics_of_time_and_resources_are_left_out_unless_they_are_asked_for(name: str) -> None:
    assert measures_resources(name)
    assert judge(side(rmse=1.0, **{name: 1.0}), side(rmse=1.0, **{name: 2.0})).verdict is Verdict.IDENTICAL
    kept = Tolerances(kept=frozenset({name}))
    apart = judge(side(rmse=1.0, **{name: 1.0}), side(rmse=1.0, **{name: 2.0}), tolerances=kept)
    assert apart.verdict is Verdict.DIVERGED


@pytest.mark.parametrize(
    "name", "rmse sentiment times_ten timeliness val/loss centime r2 longtime_error".split()
)
def test_other_metrics_are_not(name: str) -> None:
    assert not measures_resources(name)


def test_nothing_that_could_be_compared_is_never_the_same() -> None:
    nothing = Side("r", artifacts=NONE)
    judgement = judge(nothing, nothing)
    assert judgement.verdict is Verdict.DIVERGED
    assert judgement.words == "diverged: nothing could be compared: there are no metrics and no artifacts"
    only_time = side(duration=1.0)
    assert judge(only_time, only_time).verdict is Verdict.DIVERGED


def test_equal_metrics_alone_are_not_identical_where_artifacts_could_not_be_read() -> None:
    unread = Side("r", metrics={"rmse": 1.0})
    judgement = judge(unread, unread)
    assert judgement.verdict is Verdict.EQUIVALENT
    assert "the artifacts of the original run could not be read" in judgement.words


def test_names_and_values_from_outside_are_shown_safely() -> None:
    judgement = judge(
        Side(
            "a", metrics={"\x1b[2Jloss": 1.0}, parameters={"url": "https://u:hunter22@host/x"}, artifacts=NONE
        ),
        Side(
            "b",
            metrics={"\x1b[2Jloss": 2.0},
            parameters={"url": "https://u:swordfish@host/x"},
            artifacts=NONE,
        ),
    )
    assert "␛[2Jloss 1 → 2" in judgement.words
    assert "hunter22" not in str(judgement)
    assert "swordfish" not in str(judgement)
    assert "\x1b" not in str(judgement)


# repeats


def repeated(original: float, *repeats: float) -> tuple[Verdict, str]:
    first, rest = side(rmse=original), [side(rmse=one) for one in repeats]
    found = judge_repeats(first, rest, [judge(first, one) for one in rest])
    return found.verdict, found.words


@pytest.mark.parametrize("repeats", [(9.9, 10.1), (9.9, 10.1, 10.0), (9.9, 10.1, 10.0, 10.05, 9.95)])
def test_an_original_amid_its_repeats_is_equivalent(repeats: tuple[float, ...]) -> None:
    verdict, words = repeated(10.02, *repeats)
    assert verdict is Verdict.EQUIVALENT
    assert words.startswith("equivalent: within the training's own noise; rmse 10.02 lies in ")


@pytest.mark.parametrize("repeats", [(9.9, 10.1), (9.9, 10.1, 10.0), (9.9, 10.1, 10.0, 10.05, 9.95)])
def test_an_original_far_from_its_repeats_is_not(repeats: tuple[float, ...]) -> None:
    verdict, words = repeated(13.0, *repeats)
    assert verdict is Verdict.DIVERGED
    assert "is outside the training's own noise" in words


def test_repeats_that_agree_with_one_another_tell_of_a_real_difference() -> None:
    verdict, words = repeated(10.0, 11.0, 11.0, 11.0)
    assert verdict is Verdict.DIVERGED
    assert words.startswith("diverged: 3 repeats agree with one another, so it is no noise: rmse 10 → 11")


def test_noise_explains_neither_what_is_missing_nor_what_failed() -> None:
    original = Side("a", metrics={"rmse": 10.0, "r2": 0.5}, artifacts=NONE)
    lacking = [side(rmse=9.9), side(rmse=10.1)]
    assert (
        judge_repeats(original, lacking, [judge(original, one) for one in lacking]).verdict
        is Verdict.DIVERGED
    )
    failed = Side("b", status="FAILED", artifacts=NONE)
    both = [lacking[0], failed]
    assert judge_repeats(original, both, [judge(original, one) for one in both]).verdict is Verdict.FAILED


def test_the_interval_is_that_of_one_further_observation() -> None:
    low, high = expected([1.0, 2.0, 3.0])  # mean 2, s 1, t(0.975, 2) 4.303, √(4/3)
    assert (low, high) == pytest.approx((2 - 4.9687, 2 + 4.9687), abs=1e-4)
    assert expected([1.0, 2.0]) == (0.0, 3.0)


@given(st.lists(NUMBERS, min_size=2, max_size=6), NUMBERS)
def test_noise_takes_any_numbers(repeats: list[float], original: float) -> None:
    found = noise({"m": original}, [{"m": one} for one in repeats])
    assert len(found) == 1
    if original in repeats:
        assert found[0].inside
