"""The rows of a comparison: items side by side, each line with one value for each of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from mlops_dash.answers.shapes import CodeFacts, RunFacts

if TYPE_CHECKING:
    import pandas as pd


class CompareItem(Struct, frozen=True):
    """One of the things compared.

    Attributes:
        ref: the reference that names it, as typed.
        kind: environment, version or run.
        label: for a person, short: ``production``, ``progression v4``, ``fit-17``.
        note: what else tells it from the others, such as the version that is live in the environment.
        run_id: the run behind it; ``None`` where that is not known.
        run: the run, ``None`` where the tracking store does not have it (any more).
        code: its commit, ``None`` where none was recorded.
    """

    ref: str
    kind: str
    label: str
    note: str = ""
    environment: str | None = None
    model: str | None = None
    version: str | None = None
    run_id: str | None = None
    run: RunFacts | None = None
    code: CodeFacts | None = None


class MetricLine(Struct, frozen=True):
    """A metric of every item, in the items' order; ``None`` where an item does not have it.

    Attributes:
        values: latest values, to the last bit; NaN and infinities as they are.
        deltas: value less the baseline's; ``None`` where one of the two is missing or cannot be ranked.
        relative: delta as a part of the baseline's absolute value; ``None`` also where that is zero.
        better: ``min``, ``max`` or ``None`` where the direction is not known.
        best: places of the items with the best value; none where the direction is unknown or all are equal.
    """

    key: str
    values: tuple[float | None, ...]
    deltas: tuple[float | None, ...]
    relative: tuple[float | None, ...]
    better: str | None
    best: tuple[int, ...]
    differs: bool


class TextLine(Struct, frozen=True):
    """A parameter, tag, package or part of a model's signature of every item; ``None`` where it has none."""

    key: str
    values: tuple[str | None, ...]
    differs: bool


class DataLine(Struct, frozen=True):
    """A dataset of every item.

    Attributes:
        kind: mlflow or dvc.
        digests, sources, sizes: one for each item; size is rows for MLflow's datasets where the profile tells
            it and bytes for DVC's, in words: ``442 rows``, ``1.2 MB``.
    """

    name: str
    kind: str
    context: str | None
    digests: tuple[str | None, ...]
    sources: tuple[str | None, ...]
    sizes: tuple[str | None, ...]
    differs: bool


class CommitLine(Struct, frozen=True):
    """A commit between two."""

    commit: str
    subject: str
    author: str
    committed_at: datetime | None


class FileChange(Struct, frozen=True):
    """A file that differs; ``added`` and ``removed`` count lines, ``None`` for a binary file."""

    path: str
    added: int | None
    removed: int | None


class CodeBetween(Struct, frozen=True):
    """What lies between the baseline's commit and an item's.

    Attributes:
        item: place of the item among the items.
        status: same, ahead, behind, diverged, or unknown where it cannot be told.
        ahead: commits that the item has and the baseline lacks, newest first, at most 200.
        behind: commits that the baseline has and the item lacks, likewise.
        ahead_count, behind_count: how many there are.
        files: what differs, from the baseline's commit to the item's, at most 500, sorted by path.
        left_out: how many files differ that the configuration leaves out.
        diff: unified diff of ``files``, at most 400 kB; empty where there is none.
        cut: whether the diff is longer.
        reason: why something is missing, for a person: ``commit 1a2b3c4 is not in this repository``.
    """

    item: int
    base: str | None
    head: str | None
    status: str
    ahead: tuple[CommitLine, ...] = ()
    behind: tuple[CommitLine, ...] = ()
    ahead_count: int = 0
    behind_count: int = 0
    files: tuple[FileChange, ...] = ()
    left_out: int = 0
    diff: str = ""
    cut: bool = False
    reason: str | None = None


class Spread(Struct, frozen=True):
    """A metric over the repeats of one group: mean and sample standard deviation (``None`` for one value)."""

    key: str
    mean: float | None
    deviation: float | None
    count: int


class Group(Struct, frozen=True):
    """Items that are repeats of each other: equal in parameters (seeds aside), code, data and experiment.

    Attributes:
        items: their places, at least two.
    """

    items: tuple[int, ...]
    spreads: tuple[Spread, ...]


class CompareAnswer(Struct, frozen=True):
    """Two to a hundred items side by side.

    Attributes:
        baseline: the place of the item that the others are compared with.
        artifacts: for each item why its packages and signature are not known; ``None`` where they are.
        reading: what Git and artifacts tell is not all there yet: asked again, there is more.
    """

    as_of: datetime
    items: tuple[CompareItem, ...]
    baseline: int
    metrics: tuple[MetricLine, ...]
    params: tuple[TextLine, ...]
    data: tuple[DataLine, ...]
    code: tuple[CodeBetween, ...]
    packages: tuple[TextLine, ...]
    signature: tuple[TextLine, ...]
    tags: tuple[TextLine, ...]
    groups: tuple[Group, ...]
    artifacts: tuple[str | None, ...]
    reading: bool = False

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each metric, parameter, dataset, package and tag, one column for each item."""
        from mlops_dash.answers.compare_frames import compare_frame

        return compare_frame(self)


class CurvePoint(Struct, frozen=True, gc=False):
    """A logged value: ``time`` in ms since the epoch; ``value`` is ``None`` for NaN."""

    step: int
    time: int
    value: float | None


class Curve(Struct, frozen=True):
    """A metric's history in one run, thinned to what can be drawn: extremes of every stretch are kept.

    Attributes:
        logged: how many values were logged.
    """

    run_id: str
    key: str
    points: tuple[CurvePoint, ...]
    logged: int


class CurvesAnswer(Struct, frozen=True):
    """Histories of some metrics of some runs.

    Attributes:
        problem: why histories could not be read, for a person; those there are, are shown.
    """

    as_of: datetime
    curves: tuple[Curve, ...]
    problem: str | None = None
