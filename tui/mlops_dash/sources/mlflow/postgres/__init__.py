"""MLflow's tracking store in PostgreSQL, of any schema from MLflow 1.30 on: read in bulk, never written."""

# ruff: noqa: S608 - identifiers in SQL are the catalogue's, quoted by the server; texts are quoted

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.errors import DashError, SourceError
from mlops_dash.sources.base import (
    MOST_VALUES,
    POINTS,
    Apply,
    Batch,
    Position,
    Reading,
    Tracks,
    run_counts,
    too_many,
)
from mlops_dash.sources.mlflow.postgres.catalogue import HISTORY, SNAPSHOT, Catalogue
from mlops_dash.sources.mlflow.postgres.changes import Changes, rows_of
from mlops_dash.sources.mlflow.postgres.columns import VALUE, quoted, where
from mlops_dash.sources.mlflow.postgres.connection import BULK, Link
from mlops_dash.sources.mlflow.postgres.conninfo import conninfo
from mlops_dash.sources.mlflow.postgres.failures import explain
from mlops_dash.sources.mlflow.postgres.position import Mark
from mlops_dash.sources.mlflow.postgres.reading import Pass
from mlops_dash.sources.mlflow.sqlite.columns import (
    DATASET,
    DATASET_INPUT,
    INPUT_TAG,
    LOGGED_MODEL,
    OF_A_RUN,
    RUN,
)

if TYPE_CHECKING:
    from mlops_dash.sources.mlflow.probing import Step

_ANSWER_WITHIN = 1.0  # seconds; a server that takes longer to say whether anything changed is asked for more


def probe(uri: str) -> Iterable[Step]:
    """Look at a store step by step, for ``doctor``."""
    from mlops_dash.sources.mlflow.postgres import probing

    return probing.probe(uri)


class MlflowPostgres:
    """A tracking store in a PostgreSQL database.

    Args:
        uri: its address as MLflow is given it. Every session that is opened is read-only.

    Raises:
        SourceError: the address cannot be read.
    """

    name = "tracking"
    kind = "mlflow-postgresql"

    def __init__(self, uri: str) -> None:
        self._target = conninfo(uri)
        self._link = Link(self._target)
        self._aside = Link(self._target)  # for what is asked while a refresh reads on another thread
        self._alone = threading.Lock()

    def changed(self, position: str | None) -> bool:
        """Tell whether any transaction was begun or ended in the cluster since ``position``.

        One small statement on the held connection; ``True`` where there is none, or no answer in time.
        """
        mark = Mark.load(position)
        if mark is None or not self._link.usable or mark.is_due():
            return True
        found = self._link.peek(SNAPSHOT, _ANSWER_WITHIN)
        return found is None or str(found[0][0]) != mark.snapshot

    def read(self, reading: Reading) -> Iterator[Batch | Tracks | Position]:
        """Yield what is new since the position, or everything.

        Raises:
            SourceError: the database cannot be reached or is no tracking store; says what to do.
            Cancelled: the reading's token was cancelled.
        """
        with self._explained(self._link, reading.cancel):
            one = Pass(self._link, reading)
            snapshot = one.look()
            before = Mark.load(reading.position)
            if before is not None and Changes.possible(before, one.mark, snapshot):
                yield from Changes(one, before, snapshot, thorough=reading.thorough).batches()
            else:
                yield from one.everything(snapshot)
                first, one = one.mark, Pass(self._link, reading)
                snapshot = one.look()
                if (
                    snapshot.text != first.snapshot
                ):  # rows that moved meanwhile were read twice, or not at all
                    yield from Changes(one, first, snapshot, thorough=True).batches()
                else:
                    one.mark = first
                    one.mark.stirred = False
            warning, remedy = _lacking(one.catalogue)
            yield Position(one.mark.dump(), run_counts(reading.known), warning, remedy)

    def runs(self, run_ids: list[str], reading: Reading) -> Iterator[Batch]:
        """Yield what brings some runs, and all that belongs to them, up to date.

        Raises:
            SourceError: they could not be read.
            Cancelled: the reading's token was cancelled.
        """
        if not run_ids:
            return
        with self._alone, self._explained(self._aside, reading.cancel):
            one = Pass(self._aside, reading)
            for shape in (RUN, *OF_A_RUN, LOGGED_MODEL):
                yield from rows_of(one, shape, "run_id", run_ids)
            if "inputs" not in one.catalogue.tables:
                return
            inputs = self._aside.ask(
                f"select input_uuid, source_id from {one.catalogue.tables['inputs'].place} "
                f"where {where(DATASET_INPUT, one.catalogue)} and destination_id in ({quoted(run_ids)})"
            )
            yield from rows_of(one, INPUT_TAG, "input_id", sorted({str(row[0]) for row in inputs}))
            yield from rows_of(one, DATASET, "dataset_id", sorted({str(row[1]) for row in inputs}))

    def metric_history(
        self, run_ids: list[str], keys: list[str], cancel: CancelToken | None = None
    ) -> Generator[Batch | SourceError, None, None]:
        """Yield every value of some metrics, a batch for each run, at most ``MOST_VALUES`` of one run.

        Raises:
            SourceError: the store could not be read.
            Cancelled: ``cancel`` was set.
        """
        if not run_ids or not keys:
            return
        runs = list(dict.fromkeys(run_ids))
        with self._alone, self._explained(self._aside, cancel or CancelToken()):
            history = self._aside.catalogue().tables.get(HISTORY)
            if history is None:
                return
            statements = (
                f'select run_uuid as run_id, "key", step, "timestamp" as time, {VALUE} as value '
                f"from {history.place} where run_uuid = {quoted([run_id])} "
                f'and "key" in ({quoted(keys)}) limit {MOST_VALUES}'
                for run_id in runs
            )
            for rows, run_id in zip(self._aside.ranges(statements, BULK), runs, strict=True):
                yield Batch(POINTS, rows, Apply.APPEND)
                if rows.num_rows >= MOST_VALUES:
                    yield too_many(run_id)

    def close(self) -> None:
        """Close every connection."""
        self._link.close()
        self._aside.close()

    @contextmanager
    def _explained(self, link: Link, cancel: CancelToken) -> Iterator[None]:
        """Turn whatever goes wrong into what it means; connections that failed are not used again."""
        link.cancel = cancel
        try:
            yield
        except (Cancelled, GeneratorExit):
            raise
        except DashError:
            link.sever()
            raise
        except Exception as error:  # noqa: BLE001 - explained to whoever asked
            link.sever()
            raise explain(error, self._target.shown) from None


def _lacking(catalogue: Catalogue) -> tuple[str | None, str | None]:
    """Return what may not be read, and what to do about it."""
    if not catalogue.denied:
        return None, None
    return (
        f"user {catalogue.login!r} may not read {', '.join(catalogue.denied)}: what is in there is missing",
        f"Let an administrator run: {catalogue.grant}",
    )
