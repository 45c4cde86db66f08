"""Verification: so many healthy answers of the wanted version one after another, over so long; else not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.journalled import plan_of
from mlops_dash.actions import verifying
from mlops_dash.actions.verifying import Proof, TargetVerifier
from mlops_dash.domain.environments import Health, Observation
from mlops_dash.domain.plans import Verification, Version
from mlops_dash.targets.base import Place


class Target:
    """Answers what it is told to, the last answer for ever."""

    def __init__(self, *answers: dict[str, Any], kind: str = "http") -> None:
        self.kind = kind
        self.place = Place("production", "wine", "production")
        self.answers = list(answers)
        self.asked = 0

    async def observe(self) -> Observation:
        self.asked += 1
        says = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        given = {"health": Health.HEALTHY, "answered": "version" in says, **says}
        return Observation("production", "wine", self.kind, datetime.now(UTC), **given)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time passes by what is slept, and a hundredth of a second for each look at the clock."""
    now = [1000.0]

    def monotonic() -> float:
        now[0] += 0.01
        return now[0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(verifying.time, "monotonic", monotonic)
    monkeypatch.setattr(verifying.time, "sleep", sleep)
    monkeypatch.setattr(verifying, "ask_all", lambda targets, within: (_now(targets[0]),))
    return now


def _now(target: Target) -> Observation:
    coroutine = target.observe()
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it does not wait")


WANTED = {"version": "4", "run_id": "r4", "model_id": "m4"}
OLD = {"version": "6"}
SILENT = {"health": Health.UNKNOWN, "detail": "it hangs"}
DOWN = {"health": Health.DOWN, "detail": "refused"}


def verify(
    target: Target | None,
    seen: Callable[[str, Mapping[str, Any]], None] = lambda *_: None,
    **wanted: Any,
) -> verifying.Verdict:
    settings = {"answers": 3, "seconds": 0.5, "within": 20.0, **wanted}
    plan = plan_of(verification=Verification(**settings), asks=True)
    plan = type(plan)(**{**_fields(plan), "after": Version("wine", "4", "r4", "m4")})
    return TargetVerifier(target).verify(plan, seen)


def _fields(plan: Any) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__slots__}


def test_enough_healthy_answers_over_long_enough_prove_it(clock: list[float]) -> None:
    target = Target(OLD, OLD, WANTED)
    verdict = verify(target)
    assert verdict.proof is Proof.SERVED
    assert "serves version 4, healthy" in verdict.words
    assert verdict.evidence["answers"] >= 3
    assert verdict.evidence["seconds"] >= 0.5


@pytest.mark.parametrize(("answers", "seconds"), [(1, 0.0), (3, 0.5), (10, 0.0), (2, 7.0)])
def test_count_and_length_are_both_kept(answers: int, seconds: float, clock: list[float]) -> None:
    target = Target(WANTED)
    began = clock[0]
    verdict = verify(target, answers=answers, seconds=seconds)
    assert verdict.proof is Proof.SERVED
    assert target.asked >= answers
    assert clock[0] - began >= seconds


def test_fault_58_flapping_proves_nothing_until_it_is_stable() -> None:
    flapping = [WANTED, OLD, WANTED, WANTED, OLD, WANTED, SILENT] * 2
    target = Target(*flapping, WANTED)
    assert verify(target).proof is Proof.SERVED
    assert target.asked >= len(flapping) + 3


def test_flapping_to_the_end_is_no_success() -> None:
    target = Target(*[WANTED, OLD] * 500)
    assert verify(target, within=5.0).proof is not Proof.SERVED


def test_another_version_to_the_end_is_proof_that_it_does_not_serve() -> None:
    verdict = verify(Target(OLD), within=5.0)
    assert verdict.proof is Proof.NOT_SERVED
    assert "serves version 6" in verdict.words


@pytest.mark.parametrize("answer", [SILENT, DOWN])
def test_fault_57_silence_proves_nothing(answer: dict[str, Any]) -> None:
    verdict = verify(Target(answer), within=5.0)
    assert verdict.proof is Proof.NOTHING
    assert answer["detail"] in verdict.words


@pytest.mark.parametrize("answer", [SILENT, DOWN])
def test_a_server_of_ours_that_is_silent_does_not_serve(answer: dict[str, Any]) -> None:
    assert verify(Target(answer, kind="process"), within=5.0).proof is Proof.NOT_SERVED


def test_fault_59_the_right_number_on_another_run_is_no_success() -> None:
    verdict = verify(Target({**WANTED, "run_id": "r6"}), within=5.0)
    assert verdict.proof is Proof.NOT_SERVED
    assert "another run (r6)" in verdict.words


def test_a_degraded_server_is_no_success() -> None:
    verdict = verify(Target({**WANTED, "health": Health.DEGRADED, "detail": "half of it fails"}), within=5.0)
    assert verdict.proof is Proof.NOT_SERVED
    assert "half of it fails" in verdict.words


def test_fault_60_it_is_given_up_in_time(clock: list[float]) -> None:
    began = clock[0]
    verify(Target(OLD), within=30.0)
    assert clock[0] - began < 32.0


def test_it_asks_less_often_while_nothing_changes() -> None:
    target = Target(OLD)
    verify(target, within=60.0)
    assert target.asked < 100


def test_answers_that_say_nothing_new_are_not_told_again() -> None:
    told: list[str] = []
    verify(Target(*[OLD] * 10, WANTED), lambda words, _: told.append(words))
    assert told == ["version 6, healthy"] + ["version 4, healthy"] * 3


def test_a_target_that_is_not_configured_proves_nothing() -> None:
    assert verify(None).proof is Proof.NOTHING


@given(
    script=st.lists(
        st.sampled_from(["wanted", "old", "silent", "down", "degraded"]), min_size=1, max_size=60
    ),
    answers=st.integers(1, 6),
    seconds=st.floats(0, 5),
    within=st.floats(0.1, 30),
    kind=st.sampled_from(["http", "process"]),
)
@settings(max_examples=200, deadline=None)
def test_success_is_only_ever_what_was_seen(
    script: list[str], answers: int, seconds: float, within: float, kind: str
) -> None:
    says = {
        "wanted": WANTED,
        "old": OLD,
        "silent": SILENT,
        "down": DOWN,
        "degraded": {**WANTED, "health": Health.DEGRADED},
    }
    target = Target(*(says[one] for one in script), kind=kind)
    verdict = verify(target, answers=answers, seconds=seconds, within=within)
    asked = (script + [script[-1]] * target.asked)[: target.asked]
    if verdict.proof is Proof.SERVED:
        assert asked[-answers:] == ["wanted"] * answers
    if verdict.proof is Proof.NOTHING:
        assert asked[-1] in {"silent", "down"}
        assert kind == "http"
