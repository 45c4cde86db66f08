"""A moment as people write it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.answers.history_times import local, parse_moment
from mlops_dash.errors import UsageError
from saying import harmless

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("2h", NOW - timedelta(hours=2)),
        ("2h ago", NOW - timedelta(hours=2)),
        ("3 days ago", NOW - timedelta(days=3)),
        ("  3   Days ago ", NOW - timedelta(days=3)),
        ("a week ago", NOW - timedelta(weeks=1)),
        ("an hour ago", NOW - timedelta(hours=1)),
        ("90min", NOW - timedelta(minutes=90)),
        ("1.5 d", NOW - timedelta(hours=36)),
        ("2 months ago", NOW - timedelta(days=60)),
        ("0 s", NOW),
        ("today", datetime(2026, 11, 25, 23, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 24, 23, tzinfo=UTC)),
        ("9:30", datetime(2026, 11, 26, 8, 30, tzinfo=UTC)),
        ("09:30:15", datetime(2026, 11, 26, 8, 30, 15, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 19, 23, tzinfo=UTC)),
        ("2026-11-20 09:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("2026-11-20T09:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("2026-11-20t09:30z", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("2026-11-20 09:30+05:30", datetime(2026, 11, 20, 4, 0, tzinfo=UTC)),
        ("2026-07-01 09:30", datetime(2026, 7, 1, 7, 30, tzinfo=UTC)),  # summer
        ("20261120", datetime(2026, 11, 19, 23, tzinfo=UTC)),
    ],
)
def test_what_people_write(text: str, expected: datetime) -> None:
    assert parse_moment(text, NOW, BERLIN) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "tomorow", "3", "3 parsecs ago", "2026-13-01", "2026-02-30", "25:00", "ago", "-2h", "1e9 days",
     "999999999 days ago", "2026-11-20 09:30 Mars/Olympus", "x" * 5000, "\x1b[2J", "٣ days ago"],
)  # fmt: skip
def test_what_is_no_time_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match="can be understood") as error:
        parse_moment(text, NOW, BERLIN)
    assert "3 days ago" in (error.value.remedy or "")
    assert harmless(error.value.message)
    assert len(error.value.message) < 200


def test_what_is_still_to_come_is_refused() -> None:
    for text in ("2026-11-27", "2026-11-26T12:00:01Z"):
        with pytest.raises(UsageError, match="still to come"):
            parse_moment(text, NOW, BERLIN)


def test_without_a_zone_it_is_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        found = parse_moment("2026-11-20 09:30", NOW)
        assert found == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
        assert local(found) == "2026-11-20 09:30 -05:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text(max_size=80))
def test_any_text_is_a_past_moment_or_an_error(text: str) -> None:
    try:
        found = parse_moment(text, NOW, BERLIN)
    except UsageError:
        return
    assert found <= NOW
    assert found.tzinfo is UTC


@given(st.datetimes(datetime(1970, 1, 1), datetime(2026, 11, 26)))
def test_a_moment_that_is_told_is_understood(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert parse_moment(local(moment, BERLIN), NOW, UTC) == moment
    assert parse_moment(moment.isoformat(), NOW, BERLIN) == moment
