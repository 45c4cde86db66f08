"""How many later versions of the same data have been seen?"""

from __future__ import annotations

from typing import Any

import pytest

from known_facts import KnownFacts, sha
from mlops_dash.answers.facts import load_runs


def newer(given: KnownFacts, run: str) -> dict[str, tuple[int, str | None]]:
    found = load_runs(given.store, [run]).data[run]
    return {f"{data.name}@{data.digest}": (data.newer, data.newest_digest) for data in found}


def test_later_versions_of_the_same_name_are_newer(given: KnownFacts) -> None:
    given.run("r1", start=1, data=(("wine", "d1"),))
    given.run("r2", start=2, data=(("wine", "d2"),))
    given.run("r3", start=3, data=(("wine", "d3"), ("beer", "e1")))
    given.run("r4", start=4, data=(("wine", "d1"),))
    assert newer(given, "r1") == {"wine@d1": (2, "d3")}
    assert newer(given, "r2") == {"wine@d2": (1, "d3")}
    assert newer(given, "r3") == {"beer@e1": (0, None), "wine@d3": (0, None)}
    assert newer(given, "r4") == {"wine@d1": (2, "d3")}  # used again, not new again


def test_a_digest_under_two_names_has_an_age_under_each(given: KnownFacts) -> None:
    given.run("r1", start=1, data=(("wine", "d1"), ("copy", "d1")))
    given.run("r2", start=2, data=(("wine", "d2"),))
    assert newer(given, "r1") == {"copy@d1": (0, None), "wine@d1": (1, "d2")}


def test_a_dataset_that_several_experiments_hold_counts_once(given: KnownFacts) -> None:
    given.run("r1", start=1, data=(("wine", "d1"),))
    given.run("r2", start=2, data=(("wine", "d2"),))
    given.put("dataset", {"dataset_id": "again", "name": "wine", "digest": "d2"})
    given.run("r3", start=3)
    given.put("dataset_input", {"dataset_id": "again", "run_id": "r3"})
    assert newer(given, "r1") == {"wine@d1": (1, "d2")}


def test_deleted_runs_make_no_data_newer_but_know_the_age_of_their_own(given: KnownFacts) -> None:
    given.run("r1", start=1, data=(("wine", "d1"),), deleted=True)
    given.run("r2", start=2, data=(("wine", "d2"),))
    given.run("r3", start=3, data=(("wine", "d3"),), deleted=True)
    assert newer(given, "r2") == {"wine@d2": (0, None)}
    assert newer(given, "r1") == {"wine@d1": (1, "d2")}


def test_what_comes_later_counts_at_once(given: KnownFacts) -> None:
    given.run("r1", start=1, data=(("wine", "d1"),))
    assert newer(given, "r1") == {"wine@d1": (0, None)}
    given.run("r2", start=2, data=(("wine", "d2"),))
    assert newer(given, "r1") == {"wine@d1": (1, "d2")}
    given.run("r3", start=2, data=(("wine", "d3"),))  # of the same moment: always the same one is the newest
    assert newer(given, "r1") == {"wine@d1": (2, "d3")}
    assert newer(given, "r2") == {"wine@d2": (0, None)}


def dvc(given: KnownFacts, commit: str) -> dict[str, Any]:
    (row,) = given.store.records("dvc_data", commits=[commit])
    return row


HISTORY = (("a", 1000), ("b", 2000), ("c", 3000))


@pytest.mark.parametrize(("digest", "count", "newest"), [("a", 2, "c"), ("b", 1, "c"), ("c", 0, None)])
def test_on_main_what_comes_after_is_newer(
    given: KnownFacts, digest: str, count: int, newest: str | None
) -> None:
    given.dvc_history("x.csv", *HISTORY)
    given.dvc(sha(1), "x.csv", digest)
    assert (dvc(given, sha(1))["newer"], dvc(given, sha(1))["newest_digest"]) == (count, newest)


def test_a_version_that_main_returned_to_is_the_newest(given: KnownFacts) -> None:
    given.dvc_history("x.csv", *HISTORY, ("a", 4000))
    given.dvc(sha(1), "x.csv", "a")
    given.dvc(sha(2), "x.csv", "b")
    assert dvc(given, sha(1))["newer"] == 0
    assert (dvc(given, sha(2))["newer"], dvc(given, sha(2))["newest_digest"]) == (2, "a")


@pytest.mark.parametrize(("at", "count"), [(500, 3), (1500, 2), (2000, 1), (9000, 0)])
@pytest.mark.parametrize("listed", [True, False], ids=["on a branch", "on no branch"])
def test_off_main_what_came_after_its_time_is_newer(
    given: KnownFacts, at: int, count: int, listed: bool
) -> None:
    given.dvc_history("x.csv", *HISTORY)
    given.dvc(sha(1), "x.csv", "other")
    if listed:
        given.put("git_commit", {"hash": sha(1), "committed_at": at})
    else:
        given.position(sha(1), committed_at=at)
    assert dvc(given, sha(1))["newer"] == count


def test_where_nothing_tells_what_is_later_nothing_is_newer(given: KnownFacts) -> None:
    given.dvc_history("x.csv", *HISTORY)
    given.dvc(sha(1), "x.csv", "other")
    assert (dvc(given, sha(1))["newer"], dvc(given, sha(1))["newest_digest"]) == (0, None)


def test_other_paths_are_other_data(given: KnownFacts) -> None:
    given.dvc_history("y.csv", *HISTORY)
    given.dvc(sha(1), "x.csv", "a")
    assert dvc(given, sha(1))["newer"] == 0


def test_a_commit_that_no_ref_leads_to_has_a_subject_from_its_position(given: KnownFacts) -> None:
    given.position(sha(1), subject="Try it", author="Ada", committed_at=5)
    given.repository(sha(2))
    rows = {row["hash"]: row for row in given.store.records("commits", commits=[sha(1), sha(2)])}
    lost, listed = rows[sha(1)], rows[sha(2)]
    assert (lost["subject"], lost["author"], lost["committed_at"], lost["listed"]) == (
        "Try it",
        "Ada",
        5,
        False,
    )
    assert (listed["subject"], listed["behind"], listed["listed"]) == ("Commit 1", 0, True)
    assert given.store.ask("positions_known", commits=[sha(1), sha(3)]) == [(sha(1),)]


def test_commits_of_a_dataset_come_from_every_place_that_tracks_it(given: KnownFacts) -> None:
    given.dvc(sha(1), "x.csv", "a")
    given.dvc_history("x.csv", ("a", 1))
    found = {row["commit_hash"] for row in given.store.records("commits_of_datasets", digests=["a"])}
    assert found == {sha(1), sha(90000)}
