"""What deserves attention: each code of the contract, and which comes first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from known_facts import NOW, KnownFacts, sha
from mlops_dash.answers.live import live
from mlops_dash.answers.shapes import Attention
from mlops_dash.config import Config, EnvironmentConfig, HttpTarget, MetricsConfig
from mlops_dash.domain.environments import Health
from mlops_dash.domain.freshness import Freshness, SourceStatus

CONFIG = Config(
    environments={"production": EnvironmentConfig("wine", target=HttpTarget(url="http://127.0.0.1:1"))}
)


@pytest.fixture
def given() -> Iterator[KnownFacts]:
    """A production that serves its declared v4, rebuildable, newest in everything."""
    facts = KnownFacts()
    facts.repository(sha(1), sha(2))
    facts.run("r4", commit=sha(2), metrics={"rmse": 4.0}, data=(("wine", "d1"),), start=1)
    facts.version("wine", "4", "r4")
    facts.alias("wine", "production", "4")
    facts.seen("production", "wine", "4")
    yield facts
    facts.store.close()


def items(
    given: KnownFacts, config: Config = CONFIG, sources: tuple[SourceStatus, ...] = ()
) -> tuple[Attention, ...]:
    answer = live(given.store, config, sources, now=NOW)
    return next(r.attention for r in answer.environments if r.environment == "production")


def only(found: tuple[Attention, ...]) -> tuple[str, str, str | None]:
    (item,) = found
    assert (item.environment, item.model) == ("production", "wine")
    return item.code, item.message, item.action


def test_a_server_that_starts_is_not_called_degraded(given: KnownFacts) -> None:
    given.seen("production", "wine", None, health=Health.DEGRADED, detail="starting: loading v4 for 2 s")
    assert only(items(given)) == ("unhealthy", "production is starting: loading v4 for 2 s", "trace")


def test_one_cause_is_one_item(given: KnownFacts) -> None:
    def gone(name: str, why: str | None = "no Git repository: /srv/wine.") -> SourceStatus:
        return SourceStatus(name, name, Freshness.STALE, NOW, NOW, "", why)

    told = [item.message for item in items(given, sources=(gone("git"), gone("data"), gone("gto")))]
    assert told == ["git, data and gto are not current: no Git repository: /srv/wine"]
    told = [item.message for item in items(given, sources=(gone("git", None), gone("tracking", None)))]
    assert told == ["git is not current: could not be read", "tracking is not current: could not be read"]


def test_where_all_is_well_nothing_is_said(given: KnownFacts) -> None:
    assert items(given) == ()


def test_drift(given: KnownFacts) -> None:
    given.run("r3", commit=sha(2), metrics={"rmse": 4.0}, data=(("wine", "d1"),))
    given.version("wine", "3", "r3")
    given.seen("production", "wine", "3")
    assert only(items(given)) == ("drift", "production serves v3, the registry says v4", "rollback")


@pytest.mark.parametrize("health", [Health.DOWN, Health.DEGRADED])
def test_unhealthy(given: KnownFacts, health: Health) -> None:
    given.seen("production", "wine", "4", health=health, detail="fails (HTTP 500)")
    said = f"production is {health.value}: fails (HTTP 500)"
    assert only(items(given)) == ("unhealthy", said, "trace")


def test_what_could_not_be_asked_is_not_called_unhealthy(given: KnownFacts) -> None:
    given.seen("production", "wine", health=Health.UNKNOWN, detail="nothing answers in time")
    assert [(i.code, i.message, i.action) for i in items(given)] == [
        ("stale-source", "production could not be asked: nothing answers in time", "refresh")
    ]


def test_behind(given: KnownFacts) -> None:
    given.run("r5", commit=sha(1), data=(("wine", "d1"),))
    given.version("wine", "5", "r5")
    given.seen("production", "wine", "5")
    found = {i.code: i for i in items(given)}
    assert found["behind"].message == "production is 1 commit behind main"
    assert found["behind"].action == "promote"


def retrained(given: KnownFacts, **circumstances: Any) -> None:
    """Serve a version 6 that differs in these circumstances only."""
    commit = circumstances.pop("commit", sha(2))
    data = circumstances.pop("data", (("wine", "d1"),))
    given.run("r6", commit=commit, metrics={"rmse": 4.0}, data=data, **circumstances)
    given.version("wine", "6", "r6")
    given.put("model_alias", {"name": "wine", "alias": "v6", "version": "6"})
    given.seen("production", "wine", "6")


V6 = Config(
    environments={
        "production": EnvironmentConfig("wine", alias="v6", target=HttpTarget(url="http://127.0.0.1:1"))
    }
)


def test_dirty_code(given: KnownFacts) -> None:
    retrained(given, tags={"mlflow.git.dirty": "true"})
    first, second = items(given, V6)
    assert (first.code, second.code) == ("dirty-code", "not-rebuildable")
    assert first.message == f"production was trained with uncommitted changes on {sha(2)[:7]}"


def test_missing_code(given: KnownFacts) -> None:
    given.position(sha(7), there=False)
    retrained(given, commit=sha(7))
    first, second = items(given, V6)
    assert (first.code, second.code) == ("missing-code", "not-rebuildable")
    assert "is not in this repository" in first.message


def test_code_on_no_branch_may_be_lost_but_can_be_rebuilt_today(given: KnownFacts) -> None:
    given.position(sha(7), branches="", subject="Try it")
    retrained(given, commit=sha(7))
    code, message, _ = only(items(given, V6))
    assert code == "missing-code"
    assert "on no branch" in message


def test_newer_data(given: KnownFacts) -> None:
    given.run("later", start=9, data=(("wine", "d2"),))
    assert only(items(given)) == ("newer-data", "production: 1 newer version of wine", "rebuild")


def test_better_version_names_where_it_is_live(given: KnownFacts) -> None:
    for version, value in (("9", 3.0), ("10", 2.0), ("11", 2.0), ("12", 5.0)):
        given.run(f"r{version}", metrics={"rmse": value})
        given.version("wine", version, f"r{version}")
    assert only(items(given)) == ("better-version", "v10 beats production: rmse −50.0 %", "promote")
    given.alias("wine", "staging", "10")
    assert only(items(given))[1] == "staging's v10 beats production: rmse −50.0 %"


@pytest.mark.parametrize(
    ("other", "better"),
    [(5.0, True), (3.0, False), (4.0, False), (None, False), (1.7976931348623157e308, False)],
)
def test_higher_is_better_where_the_configuration_says_so(
    given: KnownFacts, other: float | None, better: bool
) -> None:
    given.run("r5", metrics={"rmse": other})
    given.version("wine", "5", "r5")
    config = Config(environments=CONFIG.environments, metrics=MetricsConfig(higher_is_better=["rmse"]))
    assert [i.code for i in items(given, config)] == (["better-version"] if better else [])


@pytest.mark.parametrize("value", [None, 1.7976931348623157e308])
def test_fault_37_a_live_value_that_is_no_number_is_not_ranked(
    given: KnownFacts, value: float | None
) -> None:
    given.run("r5", metrics={"rmse": value}, commit=sha(2), data=(("wine", "d1"),))
    given.version("wine", "5", "r5")
    given.alias("wine", "v5", "5")
    given.seen("production", "wine", "5")
    assert "better-version" not in {i.code for i in items(given)}


def test_from_a_value_of_zero_the_difference_is_told(given: KnownFacts) -> None:
    given.run("r5", metrics={"f1": 0.0}, commit=sha(2), data=(("wine", "d1"),))
    given.version("wine", "5", "r5")
    given.run("r6", metrics={"f1": 0.5})
    given.version("wine", "6", "r6")
    given.seen("production", "wine", "5")
    better = next(i for i in items(given) if i.code == "better-version")
    assert better.message == "v6 beats production: f1 +0.5"


def test_not_rebuildable(given: KnownFacts) -> None:
    retrained(given, data=(), script=None)
    assert only(items(given, V6)) == (
        "not-rebuildable", "production cannot be rebuilt: no data, command", "trace",
    )  # fmt: skip


@pytest.mark.parametrize("state", [Freshness.STALE, Freshness.FAILED])
def test_stale_source(given: KnownFacts, state: Freshness) -> None:
    broken = SourceStatus("tracking", "mlflow-sqlite", state, NOW, NOW, "3 runs", "it is locked")
    fine = SourceStatus("git", "git", Freshness.OK, NOW, NOW, "3 commits")
    absent = SourceStatus("gto", "git-tags", Freshness.ABSENT, NOW, NOW)
    said = "tracking is not current: it is locked"
    assert only(items(given, sources=(broken, fine, absent))) == ("stale-source", said, "refresh")


def test_the_most_urgent_comes_first(given: KnownFacts) -> None:
    given.run("r1", commit=sha(1), metrics={"rmse": 9.0}, tags={"mlflow.git.dirty": "true"},
              data=(("wine", "d1"),))  # fmt: skip
    given.run("later", start=9, data=(("wine", "d2"),))
    given.version("wine", "1", "r1")
    given.seen("production", "wine", "1", health=Health.DEGRADED, detail="slow")
    stale = SourceStatus("git", "git", Freshness.STALE, NOW, NOW, "", "gone")
    assert [i.code for i in items(given, sources=(stale,))] == [
        "drift", "unhealthy", "dirty-code", "better-version", "newer-data", "behind", "not-rebuildable",
        "stale-source",
    ]  # fmt: skip


def test_of_what_is_not_known_to_be_live_nothing_is_judged(given: KnownFacts) -> None:
    given.run("later", start=9, data=(("wine", "d2"),))
    given.seen("production", "wine", health=Health.DOWN, detail="refused")
    assert [i.code for i in items(given)] == ["unhealthy"]
