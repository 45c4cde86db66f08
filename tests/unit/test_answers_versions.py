"""The versions of a model against what is live in an environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from known_facts import NOW, KnownFacts
from mlops_dash.answers.versions import VersionsAnswer, versions
from mlops_dash.config import Config, EnvironmentConfig, HttpTarget

CONFIG = Config(
    environments={
        name: EnvironmentConfig("wine", target=HttpTarget(url="http://127.0.0.1:1"))
        for name in ("production", "staging")
    }
)


@pytest.fixture
def given() -> Iterator[KnownFacts]:
    facts = KnownFacts()
    for number, rmse in (("1", 4.0), ("2", 2.0), ("3", None)):
        facts.run(f"r{number}", metrics={"rmse": rmse})
        facts.version("wine", number, f"r{number}")
    facts.alias("wine", "production", "1")
    facts.alias("wine", "staging", "3")
    yield facts
    facts.store.close()


def answer(given: KnownFacts, environment: str = "production") -> VersionsAnswer:
    return versions(given.store, CONFIG, "wine", environment=environment, now=NOW)


def test_what_the_target_serves_is_what_versions_are_compared_with(given: KnownFacts) -> None:
    given.seen("production", "wine", "2")
    found = {row.version: row for row in answer(given).rows}
    assert (answer(given).metric, answer(given).better) == ("rmse", "min")
    assert [version for version, row in found.items() if row.base] == ["2"]
    assert found["1"].change == 1.0
    assert found["2"].live_in == ("production",)
    assert found["1"].declared_in == ("production",)
    assert found["3"].declared_in == ("staging",)


def test_where_nothing_is_known_to_be_live_the_declared_version_is_the_base(given: KnownFacts) -> None:
    found = {row.version: row for row in answer(given).rows}
    assert found["1"].base
    assert not found["1"].live_in
    assert found["2"].change == -0.5


def test_what_is_not_finite_is_not_compared(given: KnownFacts) -> None:
    found = {row.version: row for row in answer(given).rows}
    assert found["3"].change is None
    assert all(row.change is None for row in answer(given, "staging").rows)


def test_a_model_that_nobody_knows_has_no_versions(given: KnownFacts) -> None:
    assert versions(given.store, CONFIG, "beer", now=NOW).rows == ()
