"""Runs, versions, and what leads from one to the other."""

from __future__ import annotations

import math

import pytest

from known_facts import KnownFacts, sha
from mlops_dash.domain.environments import Health


def logged(given: KnownFacts, model_id: str, run_id: str, *, version: str, model: str = "wine") -> None:
    """A version that was registered from a logged model and names no run itself."""
    given.put(
        "logged_model",
        {"model_id": model_id, "run_id": run_id, "artifact_location": f"artifacts/{model_id}"},
    )
    given.version(model, version, "", source=f"models:/{model_id}")


def test_a_version_finds_its_run_through_its_logged_model(given: KnownFacts) -> None:
    logged(given, "m-1", "r1", version="1")
    (row,) = given.store.records("versions", names=["wine"], versions=["1"])
    assert (row["run_id"], row["model_id"], row["artifact_location"]) == ("r1", "m-1", "artifacts/m-1")
    for question, asked in (
        ("versions_of_runs", {"run_ids": ["r1"], "model_ids": []}),
        ("versions_of_runs", {"run_ids": [], "model_ids": ["m-1"]}),
    ):
        (row,) = given.store.records(question, **asked)
        assert (row["name"], row["version"], row["run_id"]) == ("wine", "1", "r1")


def test_versions_come_in_the_order_of_their_numbers(given: KnownFacts) -> None:
    for version in ("10", "9", "v2", "1"):
        given.version("wine", version, "r1")
    rows = given.store.records("versions_of_runs", run_ids=["r1"], model_ids=[])
    assert [row["version"] for row in rows] == ["1", "9", "10", "v2"]


def test_only_the_asked_pairs_of_model_and_version_are_found(given: KnownFacts) -> None:
    for model in ("wine", "beer"):
        for version in ("1", "2"):
            given.version(model, version)
            given.gto(model, f"v{version}", sha(1))
    rows = given.store.records("versions", names=["wine", "beer"], versions=["1", "2"])
    assert [(row["name"], row["version"]) for row in rows] == [("beer", "2"), ("wine", "1")]
    tags = given.store.records("gto_versions", names=["wine", "beer"], versions=["v1", "v2"])
    assert {(row["model"], row["version"]) for row in tags} == {("beer", "v2"), ("wine", "v1")}


def test_a_metric_that_is_not_a_number_is_told_as_such(given: KnownFacts) -> None:
    given.run("r1", metrics={"rmse": None, "mae": 2.5})
    values = {row["key"]: row["value"] for row in given.store.records("run_metrics", run_ids=["r1"])}
    assert math.isnan(values["rmse"])
    assert values["mae"] == 2.5


def test_a_deleted_run_is_marked_and_a_nameless_one_is_called_by_its_id(given: KnownFacts) -> None:
    given.run("r1", deleted=True)
    given.put("run", {"run_id": "r2", "name": "", "experiment_id": "7", "lifecycle_stage": "active"})
    rows = {row["run_id"]: row for row in given.store.records("runs", run_ids=["r1", "r2"])}
    assert rows["r1"]["deleted"] is True
    assert (rows["r2"]["deleted"], rows["r2"]["name"], rows["r2"]["experiment"]) == (False, "r2", "7")


def test_candidates_have_a_finite_value_of_their_models_own_metric(given: KnownFacts) -> None:
    given.run("r1", metrics={"rmse": 2.0, "f1": 0.5})
    given.run("r2", metrics={"rmse": None})
    given.run("r3", metrics={"rmse": 1.0}, deleted=True)
    for version, run in (("1", "r1"), ("2", "r2"), ("3", "r3")):
        given.version("wine", version, run)
    given.version("wine", "4", "r1", stage="Archived")
    given.version("wine", "5", "r1", status="FAILED_REGISTRATION")
    given.version("beer", "1", "r1")
    logged(given, "m-1", "r1", version="10")
    rows = given.store.records("versions_of_models", names=["wine", "beer"], metrics=["rmse", "f1"])
    assert [(r["name"], r["version"], r["metric"], r["value"]) for r in rows] == [
        ("beer", "1", "f1", 0.5),
        ("wine", "1", "rmse", 2.0),
        ("wine", "10", "rmse", 2.0),
    ]


def test_runs_behind_a_version_come_first_then_the_newest(given: KnownFacts) -> None:
    for number, run in enumerate(["r1", "r2", "r3"]):
        given.run(run, start=number, commit=sha(1), data=(("wine", "d1"),))
    given.version("wine", "1", "r1")
    for question, asked in (
        ("runs_of_commits", {"commits": [sha(1)]}),
        ("runs_of_datasets", {"digests": ["d1"]}),
    ):
        rows = given.store.records(question, **asked)
        assert [(row["run_id"], row["has_version"]) for row in rows] == [
            ("r1", True), ("r3", False), ("r2", False),
        ]  # fmt: skip


def test_a_run_is_found_by_the_beginning_of_its_id_and_the_whole_id_comes_first(given: KnownFacts) -> None:
    for run in ("ab", "abc", "abd", "b"):
        given.run(run)
    given.version("wine", "1", "abz")  # its run is in no tracking store
    given.seen("production", "wine", "1", run_id="aby")
    found = [row["run_id"] for row in given.store.records("find_runs", prefix="ab")]
    assert found == ["ab", "abc", "abd", "aby", "abz"]


def test_commits_are_found_wherever_they_are_named(given: KnownFacts) -> None:
    given.repository("aa1" + "0" * 37)
    given.run("r1", commit="aa2" + "0" * 37)
    given.gto("churn", "v1", "aa3" + "0" * 37)
    given.dvc("aa4" + "0" * 37, "x.csv", "d")
    given.position("aa5" + "0" * 37)
    given.position("aa6" + "0" * 37, there=False)
    found = [row["hash"][:3] for row in given.store.records("find_commits", prefix="aa")]
    assert found == ["aa1", "aa2", "aa3", "aa4", "aa5"]


def test_the_digest_that_was_asked_for_is_found_among_very_many_longer_ones(given: KnownFacts) -> None:
    given.put("dataset", *({"name": "wine", "digest": f"d{n:03}", "source": ""} for n in range(80)))
    given.dvc(sha(1), "x.csv", "d")
    rows = given.store.records("find_datasets", prefix="d")
    assert (rows[0]["digest"], rows[0]["kind"]) == ("d", "dvc")
    assert len(rows) == 50


def test_an_alias_is_looked_up_as_it_is_written(given: KnownFacts) -> None:
    given.alias("wine", "Champion", "3")
    assert given.store.ask("version_of_alias", name="wine", alias="Champion") == [("3",)]
    assert given.store.ask("version_of_alias", name="wine", alias="champion") == []


@pytest.mark.parametrize("how", ["alias", "stage", "observed version", "with a v", "observed run", "logged"])
def test_commits_of_what_is_live_matter_most(given: KnownFacts, how: str) -> None:
    for number in range(3):
        given.run(f"r{number}", commit=sha(number + 1))
        given.version("wine", str(number), f"r{number}", creation_time=number)
    given.run("live", commit=sha(9))
    if how == "logged":
        logged(given, "m-1", "live", version="9")
        given.alias("wine", "production", "9")
    elif how == "observed run":
        given.seen("production", "wine", run_id="live", health=Health.HEALTHY)
    else:
        stage = "Production" if how == "stage" else "None"
        given.version("wine", "9", "live", creation_time=-5, stage=stage)
    if how == "alias":
        given.alias("wine", "production", "9")
    elif how == "observed version":
        given.seen("production", "wine", "9")
    elif how == "with a v":
        given.seen("production", "wine", "v9")
    rows = [row[0] for row in given.store.ask("commits_that_matter")]
    assert rows == [sha(9), sha(3), sha(2), sha(1)]


def test_what_is_no_full_hash_never_matters(given: KnownFacts) -> None:
    for number, tag in enumerate(["--output=/tmp/x", "abc1234", "", sha(1).upper()[:-1] + "G"]):
        given.run(f"r{number}", commit=tag)
        given.version("wine", str(number), f"r{number}")
    assert given.store.ask("commits_that_matter") == []
