"""Metric files: the latest value by MLflow's own rule, whatever their size and however they end."""

from __future__ import annotations

import math
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.sources.mlflow.files import metrics
from mlops_dash.sources.mlflow.files.metrics import LargeFiles, latest

small = st.integers(-3, 3)
values = st.sampled_from([0.5, -1.0, math.inf, -math.inf, math.nan, 1e300])


def nothing() -> None:
    """Nobody cancels."""


@given(st.lists(st.tuples(small, small, values), min_size=1))
def test_the_latest_value_is_mlflows(logged: list[tuple[int, int, float]]) -> None:
    lines = [f"{time} {value} {step}".encode() for step, time, value in logged]
    assert repr(latest(lines)) == repr(max(logged))  # as FileStore._get_metric_from_file has it


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"10 0.5 2", (2, 10, 0.5)),
        (b"10 0.5", (0, 10, 0.5)),  # before steps
        (b"10 0.5 2 wine.csv 8d1e", (2, 10, 0.5)),  # of a dataset
        (b"10 0.5 2\r", (2, 10, 0.5)),
        (b"10 nan 2", None),
        (b"", None),
        (b"10", None),
        (b"10 0.5 2 3", None),
        (b"ten 0.5 2", None),
        (b"10 half 2", None),
        (b"10 0.5 two", None),
        (b"99999999999999999999 0.5 2", None),
        (b"10 0.5 " + b"9" * 6000, None),
    ],
)
def test_a_line_says_a_value_or_nothing(line: bytes, value: tuple[int, int, float] | None) -> None:
    if line == b"10 nan 2":
        found = latest([line])
        assert found is not None
        assert math.isnan(found[2])
    else:
        assert latest([line]) == value


@pytest.fixture
def large(tmp_path: Path) -> Any:
    """A large metric file, its reader, and a count of the bytes that were read."""

    class Large:
        path = tmp_path / "loss"
        reader = LargeFiles()
        read = 0

        def latest(self) -> tuple[Any, bool]:
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                return self.reader.latest(str(self.path), descriptor, nothing)
            finally:
                os.close(descriptor)

    return Large()


def lines(numbers: range) -> str:
    return "".join(f"{n} 0.{n} {n}\n" for n in numbers)


def test_a_large_file_is_read_in_pieces(large: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    large.path.write_text(lines(range(1000)))
    for piece in (1, 7, 64, 1 << 20):
        monkeypatch.setattr(metrics, "_PIECE", piece)
        large.reader = LargeFiles()
        assert large.latest() == ((999, 999, 0.999), False)


def test_of_a_large_file_only_what_was_appended_is_read_again(
    large: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    large.path.write_text(lines(range(50_000)))
    large.latest()
    read = 0
    pieces = metrics.pieces

    def counted(*arguments: Any) -> Any:
        nonlocal read
        for found in pieces(*arguments):
            read += len(found[0])
            yield found

    monkeypatch.setattr(metrics, "pieces", counted)
    with large.path.open("a") as file:
        file.write("1 0.5 60000\n7 0.7 7")
    assert large.latest() == ((60_000, 1, 0.5), True)
    with large.path.open("a") as file:
        file.write("0000\n")
    assert large.latest() == ((70_000, 7, 0.7), False)
    assert read == 2


def test_a_large_file_that_was_replaced_is_read_anew(large: Any) -> None:
    large.path.write_text(lines(range(5000)))
    large.latest()
    large.path.write_text("1 0.5 1\n" + lines(range(2, 4000)))
    assert large.latest() == ((3999, 3999, 0.3999), False)
    text = large.path.read_text().replace("3999 0.3999 3999", "3999 0.1111 3999")
    large.path.write_text(text + "1 1 1\n")
    assert large.latest() == ((3999, 3999, 0.1111), False)


def test_a_line_without_end_needs_no_memory_without_end(large: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with large.path.open("w") as file:
        file.write("1 0.5 1\n")
        file.seek(300 << 20)
        file.write("2 0.7 2")
    tracemalloc.start()
    assert large.latest() == ((1, 1, 0.5), True)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 << 20
