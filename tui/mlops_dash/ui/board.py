"""What the interface needs of a project: the part of ``mlops_dash.project.Project`` that it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from mlops_dash.answers.shapes import LiveAnswer, TraceAnswer
from mlops_dash.config import Config
from mlops_dash.domain.environments import Observation
from mlops_dash.domain.freshness import SourceStatus
from mlops_dash.domain.progress import CancelToken, ProgressCallback

if TYPE_CHECKING:
    from mlops_dash.answers.compare_shapes import CompareAnswer, CurvesAnswer
    from mlops_dash.answers.run_shapes import RunColumns, RunIndex, RunRow, RunsAnswer, RunsRequest, RunWhole
    from mlops_dash.answers.versions import VersionsAnswer


class RefreshedLike(Protocol):
    """What one refresh did: whether any fact changed, and how every source stands."""

    @property
    def changed(self) -> bool:
        """Whether the store now answers differently."""
        ...

    @property
    def statuses(self) -> tuple[SourceStatus, ...]:
        """How every source stands."""
        ...


class Board(Protocol):
    """A project, as the interface sees it. Every method blocks: it is called in a thread."""

    @property
    def name(self) -> str:
        """Name of the project, for the title."""
        ...

    @property
    def identity(self) -> str:
        """What tells its sources from those of other projects; the same at every start."""
        ...

    @property
    def config(self) -> Config:
        """Its configuration."""
        ...

    def reconfigured(self) -> bool:
        """Whether the configuration is not the one that was read."""
        ...

    def live(self) -> LiveAnswer:
        """Answer the Live board from what the store holds."""
        ...

    def trace(self, ref: str) -> TraceAnswer:
        """Follow the lineage of a reference; raises ``UsageError`` where it is not known."""
        ...

    def versions(self, model: str, environment: str | None = None) -> VersionsAnswer:
        """Answer which versions a model has, compared with what is live in ``environment``."""
        ...

    def run_index(self, request: RunsRequest) -> RunIndex:
        """Answer which runs match, in order; raises ``FilterError`` or ``UsageError``."""
        ...

    def run_columns(self) -> RunColumns:
        """Answer which columns a table of runs can have."""
        ...

    def run_rows(self, run_ids: Sequence[str], columns: Sequence[str]) -> tuple[RunRow, ...]:
        """Answer what a table shows of some runs."""
        ...

    def run_whole(self, run_id: str) -> RunWhole | None:
        """Answer all that is known of a run."""
        ...

    def runs(
        self,
        filter: str = "",  # noqa: A002 - as the project's
        *,
        experiments: Sequence[str] = (),
        sort: Sequence[tuple[str, bool]] = (),
        columns: Sequence[str] = (),
        limit: int | None = None,
        deleted: bool = False,
    ) -> RunsAnswer:
        """Answer with a table of runs; raises ``FilterError`` or ``UsageError``."""
        ...

    def compare(self, *refs: str, baseline: int = 0, within: float | None = None) -> CompareAnswer:
        """Set runs, versions or environments side by side; raises ``UsageError``."""
        ...

    def curves(self, run_ids: Sequence[str], keys: Sequence[str], *, points: int = 400) -> CurvesAnswer:
        """Answer the histories of metrics."""
        ...

    def refresh(
        self,
        *,
        thorough: bool = False,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        landed: Callable[[], None] | None = None,
    ) -> RefreshedLike:
        """Read what has changed in every source; ``landed`` is called when a part of it is of use."""
        ...

    def reread(self, run_ids: Iterable[str], cancel: CancelToken | None = None) -> None:
        """Bring single runs up to date, whatever a refresh is busy with."""
        ...

    def observe(self) -> tuple[Observation, ...]:
        """Ask every target what it serves."""
        ...

    def publish(self) -> None:
        """Write the snapshot that the next start paints first."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
