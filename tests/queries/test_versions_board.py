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
