"""How fresh sources are, told by answers and by readings that end in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mlops_dash.domain.freshness import Freshness, SourceStatus, newest

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def status(name: str, seconds_ago: int | None, kind: str = "git") -> SourceStatus:
    at = None if seconds_ago is None else NOW - timedelta(seconds=seconds_ago)
    return SourceStatus(name, kind, Freshness.OK, at, at)


def test_an_answer_that_is_older_than_a_reading_takes_nothing_back() -> None:
    told = (status("tracking", 3), status("git", 8))
    known = (status("tracking", 8), status("git", 3))
    assert newest(told, known) == (status("tracking", 3), status("git", 3))


def test_sources_are_those_that_the_answer_tells_of() -> None:
    assert newest((status("git", 8),), (status("data", 1),)) == (status("git", 8),)
    assert newest((), (status("data", 1),)) == ()


def test_another_store_under_the_same_name_is_another_source() -> None:
    told = (status("tracking", 8, "mlflow-http"),)
    assert newest(told, (status("tracking", 3, "mlflow-sqlite"),)) == told


def test_what_was_never_tried_gives_way_to_nothing() -> None:
    assert newest((status("git", None),), (status("git", None),)) == (status("git", None),)
    assert newest((status("git", None),), (status("git", 3),)) == (status("git", None),)
