"""Which version does each environment declare?"""

from __future__ import annotations

from typing import Any

import pytest

from known_facts import KnownFacts, sha


def declared(given: KnownFacts) -> dict[tuple[str, str], tuple[str, str]]:
    rows = given.store.records("declared_versions")
    return {(row["model"], row["environment"]): (row["version"], row["via"]) for row in rows}


def test_each_alias_is_an_environment_named_as_written(given: KnownFacts) -> None:
    given.version("wine", "1")
    given.alias("wine", "Champion", "1")
    given.alias("beer", "Champion", "7")
    assert declared(given) == {("wine", "Champion"): ("1", "alias"), ("beer", "Champion"): ("7", "alias")}


@pytest.mark.parametrize("stage", ["None", "none", "Archived", "archived", "", None])
def test_a_version_that_is_nowhere_declares_nothing(given: KnownFacts, stage: str | None) -> None:
    given.version("wine", "1", stage=stage)
    assert declared(given) == {}


def test_an_alias_decides_against_a_stage_of_the_same_name_ignoring_case(given: KnownFacts) -> None:
    given.version("wine", "1", stage="Production", last_updated_time=99)
    given.version("wine", "2")
    given.alias("wine", "production", "2")
    given.version("beer", "5", stage="Production")
    assert declared(given) == {
        ("wine", "production"): ("2", "alias"),
        ("beer", "Production"): ("5", "stage"),
    }


@pytest.mark.parametrize(
    ("times", "expected"),
    [({"9": 10, "10": 20}, "10"), ({"9": 20, "10": 10}, "9"), ({"9": 10, "10": 10}, "10"),
     ({"9": None, "10": 1}, "10"), ({"9": None, "10": None}, "10")],
)  # fmt: skip
def test_of_several_versions_in_a_stage_the_newest_transition_decides(
    given: KnownFacts, times: dict[str, Any], expected: str
) -> None:
    for version, at in times.items():
        given.version("wine", version, stage="Staging", last_updated_time=at, user_id="ada")
    assert declared(given) == {("wine", "Staging"): (expected, "stage")}


def test_a_stage_tells_since_when_and_an_alias_does_not(given: KnownFacts) -> None:
    given.version("wine", "1", stage="Staging", last_updated_time=77, user_id="ada")
    given.alias("wine", "production", "1")
    rows = {row["environment"]: row for row in given.store.records("declared_versions")}
    assert (rows["Staging"]["since"], rows["Staging"]["by"]) == (77, "ada")
    assert (rows["production"]["since"], rows["production"]["by"]) == (None, None)


def test_a_gto_stage_is_declared_while_it_is_active(given: KnownFacts) -> None:
    given.gto("churn", "v1.0.0", sha(1), "production")
    given.put("gto_assignment", {"model": "churn", "stage": "dev", "version": "v1.0.0", "active": False})
    (row,) = given.store.records("declared_versions")
    assert (row["environment"], row["version"], row["via"]) == ("production", "v1.0.0", "gto")
    assert (row["since"], row["by"], row["commit_hash"]) == (5000, "Ada", sha(1))


def test_the_registry_decides_against_a_tag_of_the_same_model_and_stage(given: KnownFacts) -> None:
    given.gto("churn", "v1.0.0", sha(1), "Production")
    given.alias("churn", "production", "3")
    assert declared(given) == {("churn", "production"): ("3", "alias")}
