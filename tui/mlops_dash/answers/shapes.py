"""The rows of every answer: frozen, with freshness. JSON of the command line is written from these.

Structs of msgspec: twenty dataclasses would cost a tenth of the dashboard's start.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from mlops_dash.domain.environments import Basis, CodeStatus, Declared, Health, Observation
from mlops_dash.domain.freshness import SourceStatus
from mlops_dash.domain.rebuilds import Level, Verdict

if TYPE_CHECKING:
    import pandas as pd


class RunFacts(Struct, frozen=True):
    """A run. ``metrics`` are the latest values by key, ``params`` as logged."""

    run_id: str
    name: str
    experiment: str
    status: str = "FINISHED"
    user: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted: bool = False
    metrics: dict[str, float] = {}
    params: dict[str, str] = {}
    source_name: str | None = None


class CodeFacts(Struct, frozen=True):
    """The commit that something was trained from.

    Attributes:
        behind: commits on the main branch that this one lacks; ``None`` where unknown.
        ahead: commits that this one has and the main branch lacks.
        branches: names of branches that contain it.
        on_remote: whether a remote has it, as far as this clone knows.
    """

    commit: str
    status: CodeStatus
    subject: str | None = None
    author: str | None = None
    committed_at: datetime | None = None
    behind: int | None = None
    ahead: int | None = None
    main: str | None = None
    branches: tuple[str, ...] = ()
    on_remote: bool | None = None


class DataFacts(Struct, frozen=True):
    """A dataset version. ``kind`` is ``mlflow`` or ``dvc``; ``newer`` counts later versions of the same."""

    name: str
    digest: str
    source: str | None
    kind: str
    newer: int = 0
    newest_digest: str | None = None
    newest_at: datetime | None = None
    context: str | None = None


class ReadinessCheck(Struct, frozen=True):
    """One thing that a rebuild takes: what is known of it, and how to have it the next time."""

    name: str
    level: Level
    evidence: str
    remedy: str | None = None


class Rebuildable(Struct, frozen=True):
    """Whether a run could be rebuilt; ``missing`` names the checks without which it cannot be."""

    ready: bool
    missing: tuple[str, ...]
    checks: tuple[ReadinessCheck, ...] = ()

    @property
    def held(self) -> int:
        """How many checks hold."""
        return sum(check.level is Level.HOLDS for check in self.checks)


class Attention(Struct, frozen=True):
    """Something to act on. ``code`` and ``action`` as in the JSON contract; ``action`` may be ``None``."""

    code: str
    message: str
    action: str | None
    environment: str
    model: str


class EnvironmentRow(Struct, frozen=True):
    """One (environment, model): what is live, what it came from, and what deserves attention.

    Attributes:
        live: the version that is live on ``basis``; ``None`` where unknown.
        drift: declared and observed are both known and differ.
        of_declared: ``run``, ``code``, ``data`` and ``rebuildable`` are those of the declared version, for
            a person to go by, because what is live is not known.
        primary_metric: key of the metric that the board shows, present in ``run.metrics``.
        better: ``min``, ``max`` or ``None`` where the direction of ``primary_metric`` is not known.
        rebuilt: verdict of a rebuild of the version whose facts are shown, as its tag says; ``None`` where it
            says none.
    """

    environment: str
    model: str
    target: str
    protected: bool
    declared: Declared | None
    observed: Observation | None
    live: str | None
    basis: Basis
    drift: bool
    health: Health
    since: datetime | None
    by: str | None
    run: RunFacts | None
    code: CodeFacts | None
    data: tuple[DataFacts, ...]
    rebuildable: Rebuildable
    attention: tuple[Attention, ...]
    primary_metric: str | None = None
    better: str | None = None
    of_declared: bool = False
    rebuilt: Verdict | None = None


class LiveAnswer(Struct, frozen=True):
    """The Live board."""

    as_of: datetime
    sources: tuple[SourceStatus, ...]
    environments: tuple[EnvironmentRow, ...]
    project: str = ""
    hints: tuple[str, ...] = ()  # how to add what is missing

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each environment, metrics as ``metrics.KEY``, parameters as ``params.KEY``."""
        from mlops_dash.answers.frames import live_frame

        return live_frame(self)


class TraceNode(Struct, frozen=True):
    """A node of the lineage.

    Attributes:
        id: ``env:NAME/MODEL``, ``models:/NAME/VERSION``, ``run:ID``, ``commit:HASH`` or ``data:DIGEST``.
        kind: environment, version, run, commit or dataset.
        facts: what is known of it, in display order.
    """

    id: str
    kind: str
    label: str
    facts: dict[str, object] = {}


class TraceEdge(Struct, frozen=True):
    """``source`` came from ``target``: an environment serves a version, a version from a run, and so on.
    ``kind``: serves, declares, produced-by, trained-from, used, tracks."""

    source: str
    target: str
    kind: str


class TraceAnswer(Struct, frozen=True):
    """Lineage of one reference in both directions.

    Attributes:
        focus: id of the node that the reference named.
        omitted: how many nodes were left out because there are too many, by kind.
    """

    as_of: datetime
    ref: str
    focus: str
    nodes: tuple[TraceNode, ...]
    edges: tuple[TraceEdge, ...]
    live_in: tuple[tuple[str, str], ...]  # (environment, model)
    omitted: dict[str, int] = {}

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each node, its facts as columns; edges are in ``frame.attrs["edges"]``."""
        from mlops_dash.answers.frames import trace_frame

        return trace_frame(self)


class TableAnswer(Struct, frozen=True):
    """Columns and rows of an SQL question."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a frame."""
        from mlops_dash.answers.frames import table_frame

        return table_frame(self)
