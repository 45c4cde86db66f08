"""Runs made by hand and the questions about them: what the tests of the Runs screen draw.

The filter of these is no language: words that the name contains, ``KEY < NUMBER``, or an error on purpose.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

from mlops_dash.answers.run_shapes import (
    RunColumn,
    RunColumns,
    RunRow,
    RunsAnswer,
    RunsRequest,
    RunWhole,
)
from mlops_dash.answers.shapes import DataFacts, RunFacts
from mlops_dash.errors import FilterError, UsageError
from replacing import replace

BEGAN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"

COLUMNS = RunColumns(
    (
        RunColumn("attributes.start_time", "attribute", "start_time", 40, True),
        RunColumn("attributes.user", "attribute", "user", 40, True),
        RunColumn("attributes.experiment", "attribute", "experiment", 40, False),
        RunColumn("metrics.rmse", "metric", "rmse", 40, True, "min"),
        RunColumn("metrics.r2", "metric", "r2", 40, True, "max"),
        RunColumn("params.alpha", "param", "alpha", 40, True),
        RunColumn("params.features", "param", "features", 40, True),
        RunColumn("params.seed", "param", "seed", 40, True),
        RunColumn("tags.team", "tag", "team", 40, False),
        RunColumn("code.commit", "code", "commit", 40, True),
        RunColumn("data.digest", "data", "digest", 40, True),
    ),
    (
        "attributes.start_time",
        "attributes.user",
        "metrics.rmse",
        "metrics.r2",
        "params.alpha",
        "params.features",
        "code.commit",
    ),
)


def run_id_of(number: int) -> str:
    return f"{number:04d}8a7e2101f34b6c9d5c8a7e2101f34b6c9d"[:32]


def run_row(number: int, **changes: Any) -> RunRow:
    began = BEGAN - timedelta(hours=number)
    made = RunRow(
        run_id_of(number),
        f"fit-{number}",
        "diabetes progression",
        "FINISHED",
        "dev1" if number % 2 else "ci",
        began,
        began + timedelta(minutes=5),
        False,
        {
            "attributes.start_time": began.isoformat(),
            "attributes.user": "dev1" if number % 2 else "ci",
            "attributes.experiment": "diabetes progression",
            "metrics.rmse": 50 + (number * 7 % 40) / 10,
            "metrics.r2": 0.5 - (number * 7 % 40) / 100,
            "params.alpha": f"{number % 5 / 10}",
            "params.features": "bmi,bp,s5",
            "params.seed": str(number),
            "tags.team": "blue",
            "code.commit": COMMIT,
            "data.digest": "8d1e92f17c",
        },
    )
    return replace(made, **changes)


def run_rows(count: int = 40) -> list[RunRow]:
    """Runs, the newest first: one runs, one failed, two are registered, one of these is live."""
    made = [run_row(number) for number in range(count)]
    changes: dict[int, dict[str, Any]] = {
        0: {"status": "RUNNING", "ended_at": None},
        2: {"status": "FAILED"},
        3: {"versions": (("progression", "6"),), "live": ("staging",)},
        5: {"versions": (("progression", "4"),), "live": ("production",)},
        7: {"values": {**made[7].values, "metrics.rmse": math.nan}} if count > 7 else {},
    }
    for number, change in changes.items():
        if number < count:
            made[number] = replace(made[number], **change)
    return made


class HandIndex:
    """Ids in order."""

    def __init__(self, request: RunsRequest, ids: list[str], total: int, running: int) -> None:
        self.request, self.total, self.running = request, total, running
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def run_id(self, place: int) -> str:
        return self._ids[place]

    def run_ids(self, start: int, stop: int) -> Sequence[str]:
        return self._ids[start:stop]

    def place(self, run_id: str) -> int | None:
        return self._ids.index(run_id) if run_id in self._ids else None


class HandRuns:
    """The part of ``HandBoard`` that answers about runs. ``rows_gate`` holds rows back until it is set."""

    def __init__(self) -> None:
        self.rows: list[RunRow] = run_rows()
        self.columns: RunColumns = COLUMNS
        self.asked: list[RunsRequest] = []
        self.asked_rows: list[tuple[str, ...]] = []
        self.runs_error: Exception | None = None
        self.rows_gate = Event()
        self.rows_gate.set()

    def run_index(self, request: RunsRequest) -> HandIndex:
        self.asked.append(request)
        if self.runs_error is not None:
            raise self.runs_error
        kept = list(filter(_condition(request.filter), self.rows))
        for column, descending in reversed(request.sort):
            if column not in {known.id for known in self.columns.columns} | {"attributes.run_name"}:
                raise UsageError(f"there is no column {column!r}")
            kept = _sorted(kept, column, descending)
        running = sum(row.status == "RUNNING" for row in self.rows)
        return HandIndex(request, [row.run_id for row in kept], len(self.rows), running)

    def run_columns(self) -> RunColumns:
        return self.columns

    def run_rows(self, run_ids: Sequence[str], columns: Sequence[str]) -> tuple[RunRow, ...]:
        self.rows_gate.wait()
        self.asked_rows.append(tuple(run_ids))
        wanted = dict.fromkeys(run_ids)
        by_id = {row.run_id: row for row in self.rows if row.run_id in wanted}
        rows = (by_id[run_id] for run_id in run_ids if run_id in by_id)
        return tuple(
            replace(row, values={key: value for key, value in row.values.items() if key in columns})
            for row in rows
        )

    def run_whole(self, run_id: str) -> RunWhole | None:
        row = next((row for row in self.rows if row.run_id == run_id), None)
        if row is None:
            return None
        metrics = {k.removeprefix("metrics."): v for k, v in row.values.items() if k.startswith("metrics.")}
        params = {k.removeprefix("params."): v for k, v in row.values.items() if k.startswith("params.")}
        run = RunFacts(
            row.run_id, row.name, row.experiment, row.status, row.user, row.started_at, row.ended_at,
            row.deleted, metrics, params, "fit.py",
        )  # type: ignore[arg-type]  # fmt: skip
        data = (DataFacts("diabetes.csv", "8d1e92f17c", "data/diabetes.csv", "dvc"),)
        tags = {"team": "blue", "mlflow.source.type": "LOCAL"}
        curves = {"rmse": (60.0, 57.0, 55.0, 54.0)}
        return RunWhole(run, tags, COMMIT, data, row.versions, row.live, curves)

    def runs(
        self,
        filter: str = "",  # noqa: A002
        *,
        experiments: Sequence[str] = (),
        sort: Sequence[tuple[str, bool]] = (),
        columns: Sequence[str] = (),
        limit: int | None = None,
        deleted: bool = False,
    ) -> RunsAnswer:
        request = RunsRequest(filter, tuple(experiments), tuple(sort), deleted)
        index = self.run_index(request)
        rows = self.run_rows(index.run_ids(0, len(index) if limit is None else limit), columns)
        return RunsAnswer(BEGAN, request, tuple(columns), rows, len(index), index.total)


def _sorted(rows: Iterable[RunRow], column: str, descending: bool) -> list[RunRow]:
    def value(row: RunRow) -> float | str | None:
        found = row.name if column == "attributes.run_name" else row.values.get(column)
        return None if isinstance(found, float) and math.isnan(found) else found

    rows = list(rows)
    valued = sorted((row for row in rows if value(row) is not None), key=value, reverse=descending)  # type: ignore[arg-type, return-value]
    return [*valued, *(row for row in rows if value(row) is None)]


def _condition(text: str) -> Callable[[RunRow], bool]:
    if found := re.fullmatch(r"(\S+) < (\S+)", text.strip()):
        key, limit = found.group(1), float(found.group(2))
        return lambda row: isinstance(row.values.get(key), float) and float(row.values[key]) < limit
    if at := text.find("<") + 1:
        raise FilterError("a value is missing", "write a number", start=at, end=at)
    if "nonsense" in text:
        at = text.index("nonsense")
        raise FilterError("there is no nonsense", "did you mean rmse?", start=at, end=at + 8)
    return lambda row: text.strip() in row.name
