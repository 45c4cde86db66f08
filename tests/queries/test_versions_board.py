"""The versions of one model, with what they came from."""

from __future__ import annotations

import math

from known_facts import KnownFacts, sha


def test_every_version_of_the_model_comes_with_commit_data_and_metric(given: KnownFacts) -> None:
    given.run("r1", metrics={"rmse": 2.0}, commit=sha(1), data=(("wine", "d1"),))
    given.run("r2", metrics={"rmse": math.nan})
    given.version("wine", "1", "r1")
    given.version("wine", "10", "r2")
    given.version("beer", "3", "r1")
    rows = given.store.records("versions_board", model="wine", metric="rmse")
    assert [row["version"] for row in rows] == ["10", "1"]
    assert (rows[1]["commit_hash"], rows[1]["digest"], rows[1]["value"]) == (sha(1), "d1", 2.0)
    assert math.isnan(rows[0]["value"])
    assert rows[0]["digest"] is None


def test_versions_that_only_tags_name_are_there_too_and_none_twice(given: KnownFacts) -> None:
    given.version("wine", "1", "r1")
    given.gto("wine", "v1", sha(1))
    given.gto("wine", "v2.0.0", sha(2))
    rows = given.store.records("versions_board", model="wine", metric="")
    assert {(row["version"], row["commit_hash"]) for row in rows} == {("1", None), ("v2.0.0", sha(2))}


def test_the_verdict_of_a_version_is_what_its_own_tag_says(given: KnownFacts) -> None:
    for model in ("wine", "beer"):
        for version in ("1", "2"):
            given.version(model, version, "r1")
    given.gto("wine", "v3.0.0", sha(3))

    def tag(model: str, version: str, key: str, value: str) -> None:
        given.put("model_version_tag", {"name": model, "version": version, "key": key, "value": value})

    tag("wine", "1", "mlops-dash.rebuilt", "identical")
    tag("wine", "1", "approved", "yes")
    tag("wine", "2", "approved", "diverged")
    tag("beer", "2", "mlops-dash.rebuilt", "failed")
    board = given.store.records("versions_board", model="wine", metric="")
    assert [(row["version"], row["rebuilt"]) for row in board] == [
        ("v3.0.0", None), ("2", None), ("1", "identical"),
    ]  # fmt: skip
    names, versions = ["wine", "wine", "beer"], ["1", "2", "2"]
    found = given.store.records("versions", names=names, versions=versions)
    assert [(row["name"], row["version"], row["rebuilt"]) for row in found] == [
        ("beer", "2", "failed"), ("wine", "1", "identical"), ("wine", "2", None),
    ]  # fmt: skip
