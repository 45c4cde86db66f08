"""A plan and its outcome as text: everything in it, in lines that fit, and nothing that could act."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.test_plans import MANIFEST, V6, facts, places
from cli.planned import golden
from mlops_dash.actions.planning import ProcessFacts, make_plan
from mlops_dash.answers.compare_shapes import CodeBetween, CommitLine
from mlops_dash.answers.plan_difference import (
    DataChange,
    MetricChange,
    PlanDifference,
    PlanSide,
    SignatureChange,
    TextChange,
)
from mlops_dash.cli.plan_text import already_there, job_text, jobs_text, outcome_text, plan_text
from mlops_dash.cli.tables import width
from mlops_dash.domain.environments import Basis
from mlops_dash.domain.plans import Action, Event, EventKind, Outcome, Plan, Tick
from saying import harmless

AT = datetime(2026, 11, 26, 4, 32, 8, 120_000, tzinfo=UTC)


def composite() -> Plan:
    process = ProcessFacts("127.0.0.1", 5001, V6)
    return make_plan(
        facts(
            target="process",
            process=process,
            manifest=MANIFEST,
            asks=True,
            basis=Basis.OBSERVED,
            protected=True,
            bad="rolled back from on 2026-11-20 by eve: slow",
        )
    )


def difference() -> PlanDifference:
    return PlanDifference(
        before=PlanSide("6"),
        after=PlanSide("4", artifacts="it is away"),
        metrics=(
            MetricChange("rmse", 52.8, 53.91, 1.11, 1.11 / 52.8, "min", "worse", primary=True),
            MetricChange("r2", 0.5, 0.6, 0.1, 0.2, "max", "better"),
            MetricChange("same", 1.0, 1.0, 0.0, 0.0, "max", "same"),
            MetricChange("odd", None, float("nan"), None, None, None, None),
        ),
        params=(TextChange("alpha", "0.5", None),),
        data=(DataChange("wine", "mlflow", "training", "77aa" * 8, "8d1e" * 8, "442 rows", "292 rows"),),
        code=CodeBetween(
            1, "a" * 40, "b" * 40, "behind",
            behind=(CommitLine("c" * 40, "Scale features", "Ada", AT),), behind_count=7,
        ),
        packages=(TextChange("numpy", "2.1", "1.26"),),
        signature=(
            SignatureChange("inputs.age", None, "long", True, "new and required: calls without it fail"),
            SignatureChange("params.top", "long = 5", "long = 6", False, "another default"),
        ),
        unknown=("packages and signature of version 4: it is away",),
    )  # fmt: skip


def test_a_plan_of_several_steps_is_told_whole() -> None:
    plan = composite()
    ticks = [Tick.HOLDS, Tick.FAILS, Tick.UNKNOWN, Tick.OPEN]
    conditions = [
        one
        if one.tick is not Tick.OPEN
        else replace(one, tick=ticks[number % 4], detail="so", remedy="do it")
        for number, one in enumerate(plan.preconditions)
    ]
    text = plan_text(plan, difference(), conditions, None)
    assert text == golden("composite")
    assert max(width(line) for line in text.splitlines()) <= 80


def test_without_a_version_before_the_plan_says_so() -> None:
    plan = make_plan(facts(before=None))
    text = plan_text(plan, PlanDifference(None, PlanSide("4")), plan.preconditions, 100)
    assert text.splitlines()[0] == "rollback production · wine  version ? → 4"
    assert already_there(plan) == "production is at version 4 already: nothing to do"


def action(plan: Plan, outcome: Outcome | None, **changes: object) -> Action:
    told = [
        Event(AT, EventKind.INTENT, None, "rollback"),
        Event(AT + timedelta(seconds=1), EventKind.SENT, "process", "starting"),
        Event(AT + timedelta(seconds=2), EventKind.SEEN, None, "version 4, healthy in 12 ms"),
    ]
    if outcome is not None:
        evidence = {"outcome": outcome.value}
        told.append(Event(AT + timedelta(seconds=3.5), EventKind.OUTCOME, None, "it serves", evidence))
    known: dict[str, object] = {"running": False, "audit_run": None, "log": "/state/a.jsonl"}
    return Action(plan, tuple(told), outcome, **(known | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_outcome_is_told_with_its_evidence(outcome: Outcome) -> None:
    text = outcome_text(action(replace(composite(), reason="slow"), outcome, audit_run="r1"), None)
    lines = text.splitlines()
    assert lines[0] == f"{outcome.value}  rollback production version 6 → 4"
    assert lines[1] == "  it serves"
    assert "  sent      hand the server of production from version 6 to version 4" in lines
    assert "  04:32:10.120  version 4, healthy in 12 ms" in lines
    assert "  reason    slow" in lines
    assert "  action    20261126T043208Z-1f2e3d4c, 3.5 s" in lines
    assert lines[-1] == "  audit     run r1 in experiment mlops-dash"


def test_what_is_under_way_or_left_says_so() -> None:
    assert outcome_text(action(composite(), None, running=True), None).startswith("running  ")
    assert outcome_text(action(composite(), None), None).startswith("unfinished  ")
    assert "unfinished" in jobs_text([action(composite(), None)], 120)


@given(places(), st.text(max_size=200), st.text(max_size=50))
@settings(max_examples=60, deadline=None)
def test_no_text_from_outside_acts_on_a_terminal(known: object, reason: str, evil: str) -> None:
    plan = replace(make_plan(known), reason=reason)  # type: ignore[arg-type]
    found = PlanDifference(
        before=PlanSide(evil),
        after=PlanSide(evil),
        metrics=(MetricChange(evil, 1.0, 2.0, 1.0, 1.0, "min", "worse"),),
        params=(TextChange(evil, evil, evil),),
        data=(DataChange(evil, "dvc", evil, evil, evil, evil, evil),),
        code=CodeBetween(
            1, evil, evil, "ahead", ahead=(CommitLine(evil, evil, evil, None),), ahead_count=1, reason=evil
        ),
        packages=(TextChange(evil, evil, evil),),
        signature=(
            SignatureChange(evil, evil, evil, True, evil),
            SignatureChange(evil, evil, evil, False, evil),
        ),
        unknown=(evil,),
    )
    done = action(plan, Outcome.FAILED, audit_run=evil, log=evil)
    for text in (
        plan_text(plan, found, plan.preconditions, 80),
        outcome_text(done, 80),
        job_text(done, 80),
        jobs_text([done], 80),
    ):
        assert harmless(text)
