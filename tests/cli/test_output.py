"""What reaches standard output: strict JSON, CSV that no spreadsheet runs, tables that cannot act."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.cli.output import csv_text, json_text, plain, stdout, utc
from mlops_dash.cli.tables import cut, table, width
from mlops_dash.domain.environments import Health
from saying import harmless, strict

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary(max_size=8)
    | st.decimals()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(anything)
def test_any_value_is_strict_json_that_cannot_act_on_a_terminal(value):
    text = json_text(value)
    strict(text)
    assert harmless(text)
    text.encode("utf-8")


@given(st.text())
def test_text_survives_json(text):
    read = json.loads(json_text(text))
    assert read == text.replace("\0", "\ufffd")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "utf-16"])
def test_json_is_right_in_any_encoding(monkeypatch, encoding):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    stdout(json_text("é≠😀"))
    assert json.loads(written.getvalue().decode(encoding)) == "é≠😀"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (Decimal("NaN"), "NaN"),
        (Decimal("12"), 12),
        (Decimal("0.5"), 0.5),
        (datetime(2026, 11, 23, 8, tzinfo=UTC), "2026-11-23T08:00:00Z"),
        (datetime(2026, 11, 23, 8), "2026-11-23T08:00:00Z"),
        (datetime(2026, 11, 23, 8, tzinfo=timezone(timedelta(hours=2))), "2026-11-23T06:00:00Z"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=2))), "0001-01-01T00:00:00+02:00"),
        (date(2026, 11, 23), "2026-11-23"),
        (timedelta(minutes=2), 120.0),
        (b"\x00\xff", "00ff"),
        (Health.DOWN, "down"),
        ({1: (1, math.nan)}, {"1": [1, "NaN"]}),
        ({"a\0b": "\ud800"}, {"a\ufffdb": "\ufffd"}),
    ],
)
def test_values_are_written_as_the_contract_says(value, written):
    assert plain(value) == written


def test_times_are_utc_and_as_exact_as_they_were():
    assert utc(datetime(2026, 11, 23, 8, 0, 0, 5000, tzinfo=UTC)) == "2026-11-23T08:00:00.005Z"
    assert utc(datetime(2026, 11, 23, 8, 0, 0, 500, tzinfo=UTC)) == "2026-11-23T08:00:00.000500Z"


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_csv_starts_no_formula_and_carries_no_control(rows):
    text = csv_text(["a", "=b"], rows)
    read = list(csv.reader(io.StringIO(text + "\n", newline="")))
    assert read[0] == ["a", "'=b"]
    assert len(read) == len(rows) + 1
    for row in read:
        for cell in row:
            assert cell[:1] not in tuple("=@\t\r\n") or not cell
            assert harmless(cell.replace("\t", ""))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@sum", "'@sum"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("＝1", "'＝1"),
        ("-0.5", "-0.5"),
        ("+1e-3", "+1e-3"),
        (-0.5, "-0.5"),
        (None, ""),
        (math.nan, "NaN"),
        (True, "True"),
        ([1, "a"], '"[1, ""a""]"'),
    ],
)
def test_csv_cells(value, cell):
    assert csv_text(["a"], [[value]]).split("\n")[1] == (cell or '""')


def test_tables_are_aligned_and_numbers_stand_to_the_right():
    text = table(["name", "count"], [["production", 1], ["e", 12.5], [None, None]])
    assert text.split("\n") == [
        "name        count",
        "production      1",
        "e            12.5",
        "·               ·",
    ]


def test_wide_characters_are_counted_as_two():
    assert width("模型") == 4
    assert cut("模型模型", 5) == "模型…"
    lines = table(["a", "b"], [["模型", "x"], ["m", "x"]]).split("\n")
    assert [width(line) for line in lines[1:]] == [7, 7]


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), max_size=4), st.integers(30, 120))
def test_tables_fit_their_room_and_cannot_act(rows, room):
    for line in table(["a", "b", "c"], rows, room=room).split("\n"):
        assert width(line) <= room
        assert harmless(line)


def test_colour_is_for_terminals_only(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    rows = [["healthy"]]
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[32mhealthy" in table(["health"], rows, colours={"healthy": "green"})
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in table(["health"], rows, colours={"healthy": "green"})
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert "\x1b" not in table(["health"], rows, colours={"healthy": "green"})
