"""A store of ours that follows one tracking store, and what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.sources.base import Batch, Position, Reading, Source, Tracks
from mlops_dash.store.database import Store

TABLES = {
    "experiment": "experiment_id, name, lifecycle_stage, artifact_location, last_update_time",
    "run": "run_id, experiment_id, name, status, start_time, end_time, lifecycle_stage, user_id, "
    "artifact_uri",
    "param": "run_id, key, value",
    "tag": "run_id, key, value",
    "metric": "run_id, key, value, step, logged_at, is_nan",
    "dataset": "dataset_id, experiment_id, name, digest, source_type, source, profile",
    "dataset_input": "input_id, dataset_id, run_id",
    "input_tag": "input_id, key, value",
    "logged_model": "model_id, experiment_id, name, artifact_location, run_id, status, creation_time",
    "registered_model": "name, creation_time, last_updated_time, description",
    "model_version": "name, version, run_id, source, stage, status, creation_time, last_updated_time, "
    "user_id, description",
    "model_alias": "name, alias, version",
    "model_version_tag": "name, version, key, value",
}
"""What every kind of store tells. Row numbers, and when a run was deleted, are some stores' own."""
CONTEXTS = (
    "select i.run_id, d.experiment_id, d.name, d.digest, d.source_type, d.source, d.profile, "
    "list_sort(list(t.key || '=' || t.value) filter (where t.key is not null)) as tags "
    "from dataset_input as i join run using (run_id) left join dataset as d using (dataset_id) "
    "left join input_tag as t using (input_id) group by i.input_id, i.run_id, d.experiment_id, d.name, "
    "d.digest, d.source_type, d.source, d.profile order by all"
)
"""Datasets as MLflow's client tells them: by the runs that used them, without ids of their own.

MLflow leaves the inputs of a run that was removed for good; nobody sees them.
"""

Content = dict[str, list[tuple[Any, ...]]]


@dataclass
class Board:
    """A store in memory, and the source that it is read from."""

    source: Source
    store: Store = field(default_factory=lambda: Store.open(None, "conformance"))
    position: str | None = None

    def refresh(self, *, thorough: bool = False) -> None:
        """Read what is new."""
        for part in self.source.read(Reading(self.position, self.store, thorough=thorough)):
            self.take(part)

    def refresh_until_cancelled(self, after: int) -> bool:
        """Read, and cancel after that many batches or positions; tell whether there were as many."""
        token = CancelToken()
        parts = 0
        try:
            for part in self.source.read(Reading(self.position, self.store, cancel=token)):
                for piece in _one_by_one(part):
                    self.take(piece)
                    parts += 1
                    if parts > after:
                        token.cancel()
        except Cancelled:
            return True
        return parts > after

    def reread(self, run_ids: list[str]) -> None:
        """Bring single runs up to date, as ``r`` does; by a refresh where the source reads no single ones."""
        again = getattr(self.source, "runs", None)
        if again is None:
            self.refresh(thorough=True)
            return
        for batch in again(run_ids, Reading(self.position, self.store)):
            self.store.apply(batch)

    def take(self, part: Batch | Tracks | Position) -> bool:
        """Apply what was read, or remember how far it was read; always true."""
        if isinstance(part, Position):
            self.position = part.value
        else:
            self.store.apply(part)
        return True

    def content(self) -> Content:
        """Every table's rows in a fixed order."""
        return {
            table: self.store.sql(f"select {columns} from {table} order by all", None)[1]
            for table, columns in TABLES.items()
        }

    def told(self) -> Content:
        """As :meth:`content`, datasets as MLflow's client tells them."""
        found = self.content()
        for table in ("dataset", "dataset_input", "input_tag"):
            del found[table]
        found["used datasets"] = self.store.sql(CONTEXTS, None)[1]
        return found

    def close(self) -> None:
        self.source.close()
        self.store.close()


def _one_by_one(part: Batch | Tracks | Position) -> Iterable[Batch | Position]:
    if isinstance(part, Tracks):
        for side in part.sides:
            yield from side
    else:
        yield part
