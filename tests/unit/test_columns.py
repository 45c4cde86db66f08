"""Python lists as Arrow columns: as pyarrow reads them, and without what pyarrow would import."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_dash.sources.columns import Columns

TEXTS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3)
INTEGERS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3)
REALS = st.lists(st.none() | st.floats(allow_nan=False), min_size=3, max_size=3)
BOOLEANS = st.lists(st.none() | st.booleans(), min_size=3, max_size=3)


@settings(deadline=None)
@given(TEXTS, INTEGERS, REALS, BOOLEANS)
def test_columns_hold_what_they_were_given(
    texts: list[str | None],
    integers: list[int | None],
    reals: list[float | None],
    booleans: list[bool | None],
) -> None:
    columns = Columns({"t": texts}, {"i": integers}, {"r": reals}, {"b": booleans})
    assert pa.table(columns).to_pydict() == {"t": texts, "i": integers, "r": reals, "b": booleans}
    assert (columns.num_rows, columns.names) == (3, ("t", "i", "r", "b"))


def test_columns_can_be_read_twice_and_be_empty() -> None:
    columns = Columns({"t": []}, {"i": []})
    assert [pa.table(columns).num_rows for _ in range(2)] == [0, 0]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        Columns({"t": ["a"]}, {"i": [1, 2]})


def test_neither_pandas_nor_pyarrow_is_imported() -> None:
    code = (
        "import sys; from mlops_dash.sources.columns import Columns;"
        "Columns({'t': ['a']}).__arrow_c_stream__();"
        "print({'pandas', 'numpy', 'pyarrow'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
