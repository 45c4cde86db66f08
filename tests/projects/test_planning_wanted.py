"""Which place and which version a person means; the nearest is named where there is no such one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from known_facts import KnownFacts, sha
from mlops_dash.answers.serving import Serving, all_serving
from mlops_dash.config import Config, EnvironmentConfig, HttpTarget
from mlops_dash.errors import RefusedError, UsageError
from mlops_dash.project.wanted import Wanted, find_place, nearest, wanted_version

HTTP = HttpTarget(url="http://127.0.0.1:1")
CONFIG = Config(
    environments={
        "production": EnvironmentConfig("wine"),
        "staging": EnvironmentConfig("wine", target=HTTP),
        "canary": EnvironmentConfig("wine", target=HTTP),
        "shop": EnvironmentConfig("beer"),
    }
)


@pytest.fixture
def given() -> Iterator[KnownFacts]:
    facts = KnownFacts()
    for number in (1, 2, 4, 6):
        facts.run(f"r{number}", commit=sha(number))
        facts.version("wine", str(number), f"r{number}", storage_location=f"/models/{number}")
    facts.version("wine", "7", "r7", status="PENDING_REGISTRATION")
    facts.version("beer", "9", "r9")
    facts.alias("wine", "production", "6")
    facts.alias("wine", "blessed", "2")
    facts.alias("wine", "both", "1")
    facts.alias("beer", "both", "9")
    facts.seen("staging", "wine", "4")
    facts.seen("canary", "wine", answered=False, detail="no answer within 3 s")
    yield facts
    facts.store.close()


def wanted(given: KnownFacts, to: str, environment: str = "production") -> Wanted:
    servings = all_serving(given.store, CONFIG)
    return wanted_version(given.store, servings, find_place(servings, environment, None), to)


@pytest.mark.parametrize(
    ("to", "version"),
    [
        ("4", "4"),
        (" v4 ", "4"),
        ("models:/wine/4", "4"),
        ("models:/wine@blessed", "2"),
        ("staging", "4"),
        ("production", "6"),
        ("version:2", "2"),
    ],
)
def test_a_version_is_named_in_many_ways(given: KnownFacts, to: str, version: str) -> None:
    found = wanted(given, to)
    assert found.version.version == version
    assert found.version.run_id == f"r{version}"
    assert found.version.locations == (f"/models/{version}", f"runs:/r{version}/model")
    assert found.status == "READY"


def test_an_environment_tells_whether_it_was_seen_to_serve(given: KnownFacts) -> None:
    assert (wanted(given, "staging").source, wanted(given, "staging").source_observed) == ("staging", True)
    assert wanted(given, "4").source is None
    given.alias("wine", "canary", "1")
    found = wanted(given, "canary")
    assert (found.version.version, found.source_observed) == ("1", False)


def test_what_an_environment_serves_may_not_be_known(given: KnownFacts) -> None:
    with pytest.raises(RefusedError, match=r"canary serves is not known: no answer within 3 s"):
        wanted(given, "canary")


@pytest.mark.parametrize(
    ("to", "message", "remedy"),
    [
        ("44", "there is no version '44' of wine", "did you mean 4"),
        ("5", "there is no version '5' of wine", "did you mean"),
        ("stagin", "there is no version 'stagin' of wine", "did you mean staging?"),
        ("version:staging", "there is no version 'staging' of wine", "did you mean staging?"),
        ("shop", "there is no version 'shop' of wine", "versions and environments"),
        ("models:/wine/99", "there is no version '99' of wine", "versions and environments: 7, 6, 4"),
        ("models:/wine@blesed", "wine has no alias 'blesed'", "did you mean blessed?"),
        ("models:/beer/9", "production serves wine, not beer", "name a version of wine"),
        ("models:/wine", "names no version", "models:/NAME/4"),
        ("\x1b[31m4", "there is no version '␛[31m4' of wine", "versions and environments"),
    ],
)
def test_an_unknown_version_names_the_nearest(given: KnownFacts, to: str, message: str, remedy: str) -> None:
    with pytest.raises(UsageError) as unknown:
        wanted(given, to)
    assert message in unknown.value.message
    assert remedy in (unknown.value.remedy or "")


def test_a_version_that_is_not_ready_is_known_as_such(given: KnownFacts) -> None:
    assert wanted(given, "7").status == "PENDING_REGISTRATION"


def test_a_version_may_be_known_by_its_tag_alone(given: KnownFacts) -> None:
    given.gto("wine", "v1.0.0", sha(9), "production")
    for to in ("v1.0.0", "1.0.0"):
        found = wanted(given, to)
        assert (found.version.version, found.version.commit, found.status) == ("v1.0.0", sha(9), None)


def places(given: KnownFacts) -> list[Serving]:
    return all_serving(given.store, CONFIG)


def test_an_environment_of_several_models_needs_one(given: KnownFacts) -> None:
    assert find_place(places(given), "both", "beer").model == "beer"
    with pytest.raises(UsageError, match="both serves 2 models") as several:
        find_place(places(given), "both", None)
    assert several.value.remedy == "name one with --model: beer, wine"
    with pytest.raises(UsageError, match="both does not serve 'bear'") as other:
        find_place(places(given), "both", "bear")
    assert (other.value.remedy or "").startswith("did you mean beer?")


def test_an_unknown_environment_names_the_nearest(given: KnownFacts) -> None:
    with pytest.raises(UsageError, match="there is no environment 'prodction'") as unknown:
        find_place(places(given), "prodction", None)
    assert (unknown.value.remedy or "").startswith("did you mean production?")


def test_nothing_is_near_nothing() -> None:
    assert nearest("x", [], "all") is None
    assert nearest("zzz", ["alpha"], "all") == "all: alpha"
