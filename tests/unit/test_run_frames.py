"""Tables of runs as pandas frames, by their types."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pandas as pd

from mlops_dash.answers.run_shapes import RunRow, RunsAnswer, RunsRequest

AT = datetime(2026, 11, 23, 8, 0, 0, 5000, tzinfo=UTC)
WRITTEN = "2026-11-23T08:00:00.005Z"


def row(run_id: str, started: datetime | None = AT, **values: float | str) -> RunRow:
    named = {key.replace("__", "."): value for key, value in values.items()}
    return RunRow(run_id, f"name-{run_id}", "wine", "FINISHED", None, started, None, False, named)


def frame(columns: tuple[str, ...], *rows: RunRow) -> pd.DataFrame:
    return RunsAnswer(AT, RunsRequest(), columns, rows, len(rows), 9).to_pandas()


def test_metrics_are_floats_and_a_logged_nan_is_told_apart() -> None:
    found = frame(
        ("metrics.a", "metrics.b"),
        row("r1", metrics__a=0.1 + 0.2, metrics__b=math.inf),
        row("r2", metrics__a=math.nan),
        row("r3"),
    )
    assert [str(found[column].dtype) for column in ("metrics.a", "metrics.b")] == ["float64", "float64"]
    assert found["metrics.a"][0] == 0.1 + 0.2
    assert found["metrics.b"][0] == math.inf
    assert found["metrics.a"].isna().tolist() == [False, True, True]
    assert found.attrs["nan"] == [("r2", "metrics.a")]
    assert found.attrs["matched"] == 3


def test_times_are_utc_and_text_is_text_or_none() -> None:
    far = datetime(1, 1, 1, tzinfo=UTC)
    columns = ("params.p", "attributes.start_time", "attributes.duration")
    found = frame(
        columns,
        row(
            "r1",
            params__p="1e-3",
            attributes__start_time="2026-11-23T08:00:00.005Z",
            attributes__duration=2.5,
        ),
        row("r2", None),
        row("r3", far),
    )
    assert found["started_at"][0] == pd.Timestamp(AT)
    assert str(found["started_at"].dtype).endswith("UTC]")
    assert pd.isna(found["started_at"][1])
    assert found["attributes.start_time"][0] == pd.Timestamp(AT)
    assert found["params.p"].tolist() == ["1e-3", None, None]
    assert found["attributes.duration"][0] == 2.5
    assert str(found["deleted"].dtype) == "bool"


def test_no_runs_are_a_frame_with_the_same_columns() -> None:
    found = frame(("metrics.a", "params.p", "attributes.end_time"))
    assert len(found) == 0
    assert str(found["metrics.a"].dtype) == "float64"
    assert list(found.columns)[:3] == ["run_id", "name", "experiment"]
    assert list(found.columns)[-3:] == ["metrics.a", "params.p", "attributes.end_time"]
