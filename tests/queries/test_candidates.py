"""What an environment could go back to, and which version is proposed: never one that is known to be bad."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as property_of
from hypothesis import settings
from hypothesis import strategies as st

from actions.journalled import plan_of, step
from known_facts import KnownFacts, sha
from mlops_dash.answers.candidates import candidates
from mlops_dash.answers.history import evidenced
from mlops_dash.config import AliasTarget, Config, EnvironmentConfig, HttpTarget, MetricsConfig
from mlops_dash.domain.changes import Aspect, Candidate, Sighting
from mlops_dash.domain.plans import Action, ActionKind, Event, EventKind, Outcome
from mlops_dash.errors import UsageError
from replacing import replace

START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
ASKED = HttpTarget(url="http://127.0.0.1:1")


def config(target: Any = ASKED) -> Config:
    environments = {name: EnvironmentConfig("wine", target=target) for name in ("production", "staging")}
    return Config(environments=environments, metrics=MetricsConfig(primary="rmse"))


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def acted(
    kind: ActionKind, before: str | None, after: str, hours: float, outcome: Outcome = Outcome.VERIFIED,
    unserved: bool = False, **facts: Any,
) -> Action:  # fmt: skip
    plan = plan_of(step("alias"), before=before, after=after, made_at=at(hours), **facts)
    events = (
        Event(at(hours), EventKind.INTENT),
        Event(at(hours), EventKind.NOTE, evidence={"unserved": unserved}),
        Event(at(hours) + timedelta(seconds=2), EventKind.OUTCOME, evidence={"outcome": outcome.value}),
    )
    return Action(replace(plan, kind=kind), events, outcome, False, None, "")


def promote(before: str | None, after: str, hours: float, **facts: Any) -> Action:
    return acted(ActionKind.PROMOTE, before, after, hours, **facts)


def rollback(before: str | None, after: str, hours: float, **facts: Any) -> Action:
    return acted(ActionKind.ROLLBACK, before, after, hours, **facts)


def seen(
    version: str, first: float, last: float, *, aspect: Aspect = Aspect.SERVED, healthy: bool | None = True,
    before: str | None = None,
) -> Sighting:  # fmt: skip
    return Sighting(
        "production", "wine", aspect, version, at(first), at(last), before,
        at(first) if before is not None else None, healthy=healthy, via="alias",
    )  # fmt: skip


@pytest.fixture
def wine(given: KnownFacts) -> KnownFacts:
    """Six versions of a model, each with its run."""
    for number in range(1, 7):
        given.run(
            f"r{number}", commit=sha(number), metrics={"mae": 1.0, "rmse": number / 10},
            data=(("wine", f"d{number}"), ("grapes", "g1")),
        )  # fmt: skip
        given.version("wine", str(number), f"r{number}", creation_time=number * 1000)
    given.alias("wine", "production", "6")
    return given


def of(
    store: KnownFacts, sightings: Iterable[Sighting] = (), actions: Iterable[Action] = (), target: Any = ASKED
) -> dict[str, Candidate]:
    settings_ = config(target)
    evidence = evidenced(store.store, settings_, sightings, actions, ())
    return {c.version: c for c in candidates(store.store, settings_, evidence, "production")}


def proposed(found: dict[str, Candidate]) -> str | None:
    (*names,) = (c.version for c in found.values() if c.proposed)
    assert len(names) <= 1
    return names[0] if names else None


def test_the_last_that_was_live_and_healthy_is_proposed_and_what_is_known_of_each_is_told(
    wine: KnownFacts,
) -> None:
    wine.seen("production", "wine", "6", asked_at=at(30))
    found = of(wine, [seen("3", 0, 10), seen("4", 10, 20, before="3"), seen("6", 20, 30, before="4")])
    assert proposed(found) == "4"
    assert list(found) == ["6", "4", "3", "5", "2", "1"]
    four = found["4"]
    assert (four.was_live, four.healthy, four.bad, four.current) == (True, True, None, False)
    assert (four.first_at, four.seconds_live) == (at(10), 36_000.0)
    assert four.metrics == (("rmse", 0.4), ("mae", 1.0))
    assert four.data == ("g1", "d4")
    assert four.commit == sha(4)
    assert four.created_at is not None
    assert found["6"].current
    assert found["6"].live_in == ("production",)
    assert not found["5"].was_live
    assert found["5"].seconds_live is None


def test_a_version_that_was_never_healthy_is_passed_over(wine: KnownFacts) -> None:
    wine.seen("production", "wine", "6", asked_at=at(30))
    sick = [seen("3", 0, 10), seen("4", 10, 20, healthy=False, before="3"), seen("6", 20, 30, before="4")]
    assert proposed(of(wine, sick)) == "3"


def test_where_nobody_could_ask_the_last_one_is_proposed(wine: KnownFacts) -> None:
    looks = [
        seen("4", 0, 10, aspect=Aspect.DECLARED, healthy=None),
        seen("6", 10, 20, aspect=Aspect.DECLARED, healthy=None, before="4"),
    ]
    assert proposed(of(wine, looks, target=AliasTarget())) == "4"


def test_rolled_back_from_is_bad_and_says_by_whom_and_why(wine: KnownFacts) -> None:
    wine.alias("wine", "live", "4")
    acts = [
        promote("3", "4", 0),
        promote("4", "6", 10),
        rollback("6", "4", 20, actor="ada", reason="errors\nx"),
    ]
    found = of(wine, (), acts)
    assert found["6"].bad == "rolled back from on 2026-11-02 by ada: errors"
    assert found["4"].bad is None
    assert proposed(found) == "3"


def test_rolling_back_twice_does_not_return_to_the_bad_version(wine: KnownFacts) -> None:
    acts = [promote("3", "4", 0), promote("4", "6", 10), rollback("6", "4", 20), rollback("4", "3", 30)]
    found = of(wine, (), acts)
    assert {v for v, c in found.items() if c.bad} == {"6", "4"}
    assert proposed(found) is None


def test_taking_a_rollback_back_marks_nothing_bad(wine: KnownFacts) -> None:
    back = rollback("6", "4", 20)
    acts = [promote("3", "4", 0), promote("4", "6", 10), back, rollback("4", "6", 30, undoes=back.plan.id)]
    found = of(wine, (), acts)
    assert {v for v, c in found.items() if c.bad} == set()
    assert proposed(found) == "4"


def test_taking_a_promotion_back_is_a_rollback(wine: KnownFacts) -> None:
    out = promote("4", "6", 10)
    found = of(wine, (), [promote("3", "4", 0), out, rollback("6", "4", 20, undoes=out.plan.id)])
    assert found["6"].bad is not None


def test_what_is_promoted_again_is_not_bad_any_more(wine: KnownFacts) -> None:
    acts = [promote("4", "6", 0), rollback("6", "4", 10), promote("4", "6", 20), promote("6", "5", 30)]
    found = of(wine, (), acts)
    assert found["6"].bad is None
    assert proposed(found) == "6" or found["6"].current


def test_a_version_that_could_not_be_brought_to_serve_is_bad(wine: KnownFacts) -> None:
    failed: dict[str, Any] = {"outcome": Outcome.FAILED, "actor": "bo", "reason": "try"}
    acts = [promote("3", "4", 0), promote("4", "5", 10, unserved=True, **failed)]
    assert of(wine, (), acts)["5"].bad == "could not be brought to serve on 2026-11-01 by bo: try"
    # the registry or Git failed, not the version
    assert of(wine, (), [acts[0], promote("4", "5", 10, **failed)])["5"].bad is None
    for outcome in (Outcome.REFUSED, Outcome.UNKNOWN):
        acts[1] = promote("4", "5", 10, outcome=outcome)
        assert of(wine, (), acts)["5"].bad is None


def test_gone_back_from_by_hand_is_bad_too(wine: KnownFacts) -> None:
    looks = [seen("4", 0, 10), seen("6", 10, 20, before="4"), seen("4", 20, 30, before="6")]
    wine.seen("production", "wine", "4", asked_at=at(30))
    found = of(wine, looks)
    assert found["6"].bad is not None
    assert "by unknown" in found["6"].bad
    assert proposed(found) is None
    again = [*looks, seen("6", 30, 40, before="4")]
    wine.seen("production", "wine", "6", asked_at=at(40))
    assert proposed(of(wine, again)) == "4"  # 6 is newer: to bring it out again takes nothing back


def test_what_is_declared_or_was_there_last_is_not_gone_back_to_while_it_is_down(wine: KnownFacts) -> None:
    found = of(wine, [seen("4", 0, 10), seen("6", 10, 20, before="4")])
    assert proposed(found) == "4"
    assert found["6"].current


def test_an_environment_that_nobody_knows_names_the_nearest(wine: KnownFacts) -> None:
    evidence = evidenced(wine.store, config(), (), (), ())
    with pytest.raises(UsageError) as error:
        candidates(wine.store, config(), evidence, "prodution")
    assert "did you mean production?" in (error.value.remedy or "")
    wine.alias("beer", "production", "1")
    evidence = evidenced(wine.store, config(), (), (), ())
    with pytest.raises(UsageError, match="several models: wine, beer"):
        candidates(wine.store, config(), evidence, "production")
    assert candidates(wine.store, config(), evidence, "production", "beer") == ()


@settings(deadline=None, max_examples=60)
@property_of(st.lists(st.sampled_from("123456"), min_size=2, max_size=8), st.integers(1, 6))
def test_rollbacks_in_a_row_never_return_to_what_they_left(path: Sequence[str], times: int) -> None:
    """However an environment came to where it is: rolling back again and again goes to other versions each
    time, all of which were live, and ends where there is none left."""
    store = KnownFacts()
    for number in range(1, 7):
        store.version("wine", str(number), f"r{number}", creation_time=number)
    acts: list[Action] = []
    hours, current = 0.0, None
    for version in path:
        if version != current:
            acts.append(promote(current, version, hours))
            hours, current = hours + 1, version
    left: list[str | None] = []
    for _ in range(times):
        store.store.apply(_replaced(str(current)))
        target = proposed(of(store, (), acts))
        if target is None:
            break
        assert target in path
        assert target != current
        assert target not in left
        left.append(current)
        acts.append(rollback(current, target, hours))
        hours, current = hours + 1, target
    store.store.close()


def _replaced(version: str) -> Any:
    import pyarrow as pa

    from mlops_dash.sources.base import Apply, Batch

    row = {"name": "wine", "alias": "production", "version": version}
    return Batch("model_alias", pa.Table.from_pylist([row]), Apply.REPLACE)
