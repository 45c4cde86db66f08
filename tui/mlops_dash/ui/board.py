"""What the interface needs of a project: the part of ``mlops_dash.project.Project`` that it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from mlops_dash.answers.shapes import LiveAnswer, TraceAnswer
from mlops_dash.config import Config
from mlops_dash.domain.environments import Observation
from mlops_dash.domain.freshness import SourceStatus
from mlops_dash.domain.progress import CancelToken, ProgressCallback

if TYPE_CHECKING:
    from mlops_dash.answers.compare_shapes import CompareAnswer, CurvesAnswer
    from mlops_dash.answers.history import HistoryAnswer
    from mlops_dash.answers.plan_difference import PlanDifference
    from mlops_dash.answers.run_shapes import RunColumns, RunIndex, RunRow, RunsAnswer, RunsRequest, RunWhole
    from mlops_dash.answers.versions import VersionsAnswer
    from mlops_dash.domain.changes import Candidate
    from mlops_dash.domain.plans import Action, ActionKind, Plan, Precondition


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


class AgentLike(Protocol):
    """A process that waits for its plan to be confirmed. Every method may block."""

    def go(self, reason: str) -> str:
        """Have the plan carried out; return the action's id. Raises ``DashError``: nothing was changed, or
        it is not known."""
        ...

    def leave(self) -> None:
        """Have it go away; nothing was done. After :meth:`go` this changes nothing."""
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

    @property
    def read_only(self) -> bool:
        """Nothing may be changed."""
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

    def candidates(self, environment: str, model: str | None = None) -> tuple[Candidate, ...]:
        """Answer which versions an environment could go back to; raises ``UsageError``."""
        ...

    def disabled(self, kind: ActionKind, environment: str, model: str | None = None) -> str | None:
        """Answer why an environment cannot be acted on; ``None`` where it can."""
        ...

    def plan(
        self,
        kind: ActionKind,
        environment: str,
        *,
        model: str | None = None,
        to: str | None = None,
        undoes: str | None = None,
    ) -> Plan:
        """Plan a change; one without steps is there already. Raises ``UsageError`` or ``RefusedError``."""
        ...

    def plan_rebuild(self, ref: str, *, repeats: int = 1, registers: bool = False) -> Plan:
        """Plan to make a run again; raises as :meth:`plan`."""
        ...

    def cancel(self, action_id: str) -> None:
        """Have a rebuild stopped; raises ``DashError``."""
        ...

    def output(self, action_id: str, *, most: int = 1_000) -> tuple[str, ...]:
        """Answer the last lines that a rebuild's command printed, at most so many."""
        ...

    def undo_plan(self, action_id: str) -> Plan:
        """Plan to take an action back; raises as :meth:`plan`."""
        ...

    def check(self, plan: Plan) -> Iterator[Precondition]:
        """Look at a plan's preconditions one after the other."""
        ...

    def difference(self, plan: Plan, *, within: float | None = None) -> PlanDifference:
        """Answer what a plan means for the model."""
        ...

    def prepare(self, plan: Plan) -> AgentLike:
        """Start the process that will carry a plan out; raises ``DashError``."""
        ...

    def actions(self) -> tuple[Action, ...]:
        """Answer all actions on this machine, newest first."""
        ...

    def action(self, action_id: str) -> Action | None:
        """Answer one action."""
        ...

    def resume_unfinished(self) -> tuple[str, ...]:
        """Have what was interrupted finished, undone or reported; return the ids."""
        ...

    def history(
        self, environment: str | None = None, model: str | None = None, *, at: datetime | None = None
    ) -> HistoryAnswer:
        """Answer what changed, where, when, by whom and why; with ``at`` also what was live then."""
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
