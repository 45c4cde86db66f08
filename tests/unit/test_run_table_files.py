"""Tables as files: nothing in them acts, nothing is lost, and a file is there whole or not at all."""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.answers.table_files import FORMS, write_table
from mlops_dash.answers.tabular import json_text, md_text
from mlops_dash.errors import DashError, UsageError
from saying import harmless, strict

COLUMNS = ["run_id", "metrics.rmse", "n", "started_at", "live"]
AT = datetime(2026, 11, 23, 8, 0, 0, 5000, tzinfo=UTC)
ROWS = [("a", 0.1 + 0.2, 1, AT, True), ("=1+1", math.nan, None, None, False), ("é|x", None, 3, AT, None)]


def test_csv_and_json_are_written_as_on_standard_output(tmp_path: Path) -> None:
    path = write_table(tmp_path / "runs.csv", COLUMNS, ROWS)
    with path.open(newline="") as text:
        rows = list(csv.reader(text))
    assert rows[1] == ["a", "0.30000000000000004", "1", "2026-11-23T08:00:00.005Z", "True"]
    assert rows[2] == ["'=1+1", "NaN", "", "", "False"]
    listed = strict(write_table(tmp_path / "runs.json", COLUMNS, ROWS).read_text())
    assert listed[1] == {
        "run_id": "=1+1",
        "metrics.rmse": "NaN",
        "n": None,
        "started_at": None,
        "live": False,
    }
    whole = strict(write_table(tmp_path / "runs.json", COLUMNS, ROWS, document={"runs": 3}).read_text())
    assert whole == {"runs": 3}


def test_parquet_holds_values_by_their_types_to_the_last_bit(tmp_path: Path) -> None:
    table = pq.read_table(write_table(tmp_path / "it's.parquet", COLUMNS, ROWS))
    assert table.column_names == COLUMNS
    assert table["metrics.rmse"].to_pylist()[0] == 0.1 + 0.2
    assert math.isnan(table["metrics.rmse"].to_pylist()[1])
    assert table["metrics.rmse"].to_pylist()[2] is None
    assert table["n"].to_pylist() == [1, None, 3]
    assert table["started_at"].to_pylist() == [AT, None, AT]
    assert table["live"].to_pylist() == [True, False, None]
    assert [str(field.type) for field in table.schema][1:3] == ["double", "int64"]


@pytest.mark.parametrize("form", FORMS)
def test_a_table_may_have_no_rows(tmp_path: Path, form: str) -> None:
    assert write_table(tmp_path / f"none.{form}", COLUMNS, []).stat().st_size > 0


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=4), st.text())
def test_markdown_has_a_line_for_each_row_and_no_markup(rows: list[list[str]], name: str) -> None:
    text = md_text(["a", name], rows)
    lines = text.split("\n")
    assert len(lines) == len(rows) + 2
    assert harmless(text)
    assert "<" not in text
    for line in lines:
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_markdown_keeps_hostile_names_text() -> None:
    text = md_text(["name", "rmse"], [["<script>x</script> [a](javascript:b) `c` | d\ne", 0.5]])
    assert text.split("\n")[1] == "| --- | ---: |"
    assert "<script>" not in text
    assert "\\[a\\](javascript:b) \\`c\\` \\| d e" in text


@pytest.mark.parametrize("name", ["runs", "runs.xls", "runs.csv.gz"])
def test_a_name_that_does_not_say_how_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="does not say") as raised:
        write_table(tmp_path / name, COLUMNS, ROWS)
    assert raised.value.remedy is not None
    assert ".parquet" in raised.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_written_is_told_and_leaves_the_old_file(tmp_path: Path, form: str) -> None:
    with pytest.raises(DashError, match="cannot be written"):
        write_table(tmp_path / "gone" / f"runs.{form}", COLUMNS, ROWS)
    (tmp_path / f"runs.{form}").mkdir()
    with pytest.raises(DashError, match="cannot be written"):
        write_table(tmp_path / f"runs.{form}", COLUMNS, ROWS)
    assert [path.name for path in tmp_path.iterdir()] == [f"runs.{form}"]


def test_hostile_names_of_columns_are_names(tmp_path: Path) -> None:
    columns = ['x"; drop table t; --', "metrics.Loss", "metrics.loss", "\x1b[31m", "\ud800"]
    table = pq.read_table(write_table(tmp_path / "t.parquet", columns, [[1, 2, 3, 4, "\ud800"]]))
    assert len(table.column_names) == 5
    assert table.column_names[0] == columns[0]
    assert table.to_pylist()[0]["�"] == "�"
    assert json.loads(json_text("é", ascii_only=True)) == "é"
    assert json_text("é", ascii_only=True).isascii()
