"""The rows of the answers about runs: which runs there are, in what order, and what is shown of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from mlops_dash.answers.shapes import DataFacts, RunFacts

if TYPE_CHECKING:
    import pandas as pd

NEWEST_FIRST = (("attributes.start_time", True),)


class RunsRequest(Struct, frozen=True):
    """Which runs are asked for.

    Attributes:
        filter: in the filter language of :mod:`mlops_dash.answers.filters`; empty for all runs.
        experiments: names or ids; empty for all.
        sort: (column id, descending), the first deciding; runs without a value come last either way.
        deleted: whether deleted runs are among them.
    """

    filter: str = ""
    experiments: tuple[str, ...] = ()
    sort: tuple[tuple[str, bool], ...] = NEWEST_FIRST
    deleted: bool = False


class RunColumn(Struct, frozen=True):
    """A column that a table of runs can have.

    Attributes:
        id: as the filter language writes it: ``metrics.rmse``, ``params.alpha``, ``tags.team``,
            ``attributes.user``, ``code.commit``, ``data.digest``, ``version.name``, ``live.environment``.
        kind: metric, param, tag, attribute, code, data, version or live.
        key: the part behind the first dot, as logged.
        runs: how many runs have a value.
        varies: whether two runs have different values.
        better: ``min``, ``max`` or ``None`` where the direction of a metric is not known.
    """

    id: str
    kind: str
    key: str
    runs: int
    varies: bool
    better: str | None = None


class RunColumns(Struct, frozen=True):
    """Every column there is, and the ids of those that are shown unless others were chosen."""

    columns: tuple[RunColumn, ...]
    default: tuple[str, ...]


class RunIndex(Protocol):
    """Which runs match, in order: ids only, kept as Arrow, so that a million of them take little memory.

    Attributes:
        request: what was asked.
        total: how many runs there are without the filter.
        running: how many of all runs have not ended.
    """

    request: RunsRequest
    total: int
    running: int

    def __len__(self) -> int:
        """How many runs match."""
        ...

    def run_id(self, place: int) -> str:
        """Return the id of the run at a place, counted from 0."""
        ...

    def run_ids(self, start: int, stop: int) -> Sequence[str]:
        """Return the ids of a stretch of runs."""
        ...

    def place(self, run_id: str) -> int | None:
        """Return where a run is, ``None`` where it does not match."""
        ...


class RunRow(Struct, frozen=True):
    """What a table shows of one run.

    Attributes:
        values: by column id, what was asked for: numbers for metrics (NaN included), text for the rest.
        versions: (model, version) registered from it.
        live: environments in which it is live.
        commit: the commit as it was logged, where a column of the code was asked for.
        data: (name, digest) of its datasets, where a column of the data was asked for.
    """

    run_id: str
    name: str
    experiment: str
    status: str
    user: str | None
    started_at: datetime | None
    ended_at: datetime | None
    deleted: bool
    values: dict[str, float | str]
    versions: tuple[tuple[str, str], ...] = ()
    live: tuple[str, ...] = ()
    commit: str | None = None
    data: tuple[tuple[str, str], ...] = ()


class RunWhole(Struct, frozen=True):
    """All that is known of one run.

    Attributes:
        run: with its latest metrics and its parameters, whole.
        code: the commit as it was logged, if any.
        data: its datasets.
        curves: the history of some metrics, each at most 24 values, oldest first.
    """

    run: RunFacts
    tags: dict[str, str]
    code: str | None
    data: tuple[DataFacts, ...]
    versions: tuple[tuple[str, str], ...]
    live: tuple[str, ...]
    curves: dict[str, tuple[float, ...]]


class RunsAnswer(Struct, frozen=True):
    """A table of runs, for the command line and for notebooks.

    Attributes:
        matched: how many runs match; ``rows`` may be fewer.
    """

    as_of: datetime
    request: RunsRequest
    columns: tuple[str, ...]
    rows: tuple[RunRow, ...]
    matched: int
    total: int

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each run, its values in columns named by their ids."""
        from mlops_dash.answers.run_frames import runs_frame

        return runs_frame(self)
