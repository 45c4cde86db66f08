"""What every source is: something read in typed Arrow batches, from a position on, within a budget.

A source never writes to what it reads and never touches the store. It yields :class:`Batch` objects, which
the store applies one transaction each, and last a :class:`Position` from which the next reading goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from mlops_dash.domain.progress import CancelToken, ProgressCallback
from mlops_dash.errors import SourceError


class Apply(StrEnum):
    """How a batch changes its table.

    ``REPLACE``: its rows are the whole table. ``APPEND``: its rows are new. ``UPSERT``: rows with equal
    ``Batch.keys`` are replaced. ``REPLACE_WHERE``: all rows whose ``Batch.keys[0]`` is in ``Batch.scope``
    go, then the batch's rows come (an empty batch only deletes). ``REPLACE_RANGE``: likewise for all rows
    whose integer ``Batch.keys[0]`` is between ``scope[0]`` and ``scope[1]``, both included.
    """

    REPLACE = "replace"
    APPEND = "append"
    UPSERT = "upsert"
    REPLACE_WHERE = "replace-where"
    REPLACE_RANGE = "replace-range"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows for one table of the store.

    Attributes:
        table: a table of ``store/schema.sql``.
        rows: anything with ``__arrow_c_stream__``, as :class:`~mlops_dash.sources.columns.Columns`, its
            columns named as the table's; or a tuple of such, read side by side; or ``None`` for no rows.
        scope: the values that ``REPLACE_WHERE`` clears, the ends of ``REPLACE_RANGE``.
        shaped: an integer column of the rows; where it is negative the row only gives the columns their
            types and is dropped. Such streams bring every column of the table.
        recover: called with the error when the batch could not be applied: returns other batches to apply
            instead, or raises the error that the user should see.
        within: column, least and largest value of the only rows that ``REPLACE_WHERE`` looks at.
    """

    table: str
    rows: Any
    apply: Apply
    keys: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    shaped: str | None = None
    recover: Callable[[Exception], Iterable[Batch]] | None = None
    within: tuple[str, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Tracks:
    """Batches that may be applied side by side, each side in its own order on a thread of its own.

    No table is touched by more than one side.
    """

    sides: tuple[Iterator[Batch], ...]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reading ended, or how far it has come.

    Attributes:
        value: JSON text of the source's own; handed back at the next reading.
        counts: what the store now holds of this source, for a person: ``100,000 runs``.
        warning: something a person should know though all was read: ``history incomplete (shallow clone)``.
        remedy: what to do about the warning.
        whole: whether the reading is over. One that is not says that what was read so far is of use and
            stands: it is shown, and a later reading goes on from there should this one be interrupted.
    """

    value: str
    counts: str = ""
    warning: str | None = None
    remedy: str | None = None
    whole: bool = True


class Known(Protocol):
    """What the store already holds, for a source that must compare."""

    def rows(self, question: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        """Answer one of ``queries/*.sql`` by name."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading's circumstances."""

    position: str | None
    known: Known
    cancel: CancelToken = field(default_factory=CancelToken)
    progress: ProgressCallback = lambda _: None
    thorough: bool = False  # `r` or `sync`: look again even where nothing seems to have changed


POINTS = "point"
"""The table of :class:`Historic`'s batches, which no snapshot keeps. Its columns are ``run_id``, ``key``,
``step``, ``time`` (ms since the epoch) and ``value`` (null for NaN, infinities as such)."""

MOST_VALUES = 1_000_000
"""Values of one run that are held in memory at a time."""


def too_many(run_id: str) -> SourceError:
    """Return the error for a run that logged more than is read."""
    return SourceError(
        f"run {run_id} logged more than {MOST_VALUES:,} values of these metrics: some are not shown",
        "Look at fewer metrics at once.",
    )


@runtime_checkable
class Historic(Protocol):
    """A source that can tell every value that was logged of a metric; asked only when a person looks."""

    def metric_history(
        self, run_ids: list[str], keys: list[str], cancel: CancelToken | None = None
    ) -> Generator[Batch | SourceError, None, None]:
        """Yield every value of these metrics in :data:`POINTS`' columns, all of a run in one batch.

        Runs without any may be left out. Rows come in any order; those of one step and time come as they
        were logged, where that is known. An error that is yielded says that a part is missing, what is there
        stands. Nothing is read before the first batch is asked for.

        Raises:
            SourceError: the source could not be read, or no longer.
            Cancelled: ``cancel`` was set.
        """
        ...


@runtime_checkable
class Rereadable(Protocol):
    """A source that can read single runs again at once, whatever it knows of them."""

    def runs(self, run_ids: list[str], reading: Reading) -> Iterator[Batch]:
        """Yield batches that bring these runs and all that belongs to them up to date.

        A run that is gone is deleted from the store. The source's position is not touched.

        Raises:
            SourceError: they could not be read.
            Cancelled: the reading's token was cancelled.
        """
        ...


class Source(Protocol):
    """A system that is read. Methods run off the event loop and may raise ``SourceError``."""

    name: str
    kind: str

    def changed(self, position: str | None) -> bool:
        """Tell within 5 ms whether a reading could bring anything new; ``True`` when in doubt."""
        ...

    def read(self, reading: Reading) -> Iterator[Batch | Tracks | Position]:
        """Yield batches, each to be applied in its own transaction, and last one whole :class:`Position`.

        With ``reading.position`` only what has changed since; without, everything. What a person waits for
        comes first; a position that is not ``whole`` may follow it, and any number of further ones.

        Raises:
            SourceError: it could not be read; batches applied before stand, the position stays the old one.
            Cancelled: the reading's token was cancelled.
        """
        ...

    def close(self) -> None:
        """Release connections and files."""
        ...


def run_counts(known: Known) -> str:
    """Say how many runs the store holds now: ``100,000 runs``. Deleted ones count where all are."""
    ((runs, deleted),) = known.rows("tracking_counts") or [(0, 0)]
    text = f"{runs:,} run{'' if runs == 1 else 's'}"
    return text if runs or not deleted else f"{text}, {deleted:,} deleted"
