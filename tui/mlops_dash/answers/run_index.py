"""Which runs match, in order? Kept as Arrow: sixteen bytes for each run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from mlops_dash.answers.facts import Asks
from mlops_dash.answers.filters import CompiledFilter
from mlops_dash.answers.run_names import METRIC, PARAM, TAG, column_id, split_id
from mlops_dash.answers.run_shapes import RunsRequest
from mlops_dash.answers.run_sorting import sorting
from mlops_dash.domain.text import visible
from mlops_dash.errors import StoreError, UsageError
from mlops_dash.store.questions import fragments

_WIDTH = 16
_OWN_ID = re.compile(r"[0-9a-f]{32}")
_MOST_NAMED = 3
_NOT_ENDED = ("RUNNING", "SCHEDULED")


class AsksMore(Asks, Protocol):
    """The store, as questions that are put together see it."""

    def ask(self, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        """Answer ``queries/NAME.sql``."""
        ...

    def composed(self, name: str, text: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Answer a question that was put together of the parts of ``queries/NAME.sql``."""
        ...

    def arrow(self, name: str, text: str, parameters: dict[str, Any]) -> list[Any]:
        """Answer it in Arrow arrays."""
        ...


class ArrowRunIndex:
    """The keys of the runs that match, in order, in one buffer (:class:`run_shapes.RunIndex`).

    Args:
        odd: whether some run's id is not simply its key: ids are then asked of the store.
    """

    def __init__(
        self, request: RunsRequest, keys: bytes, total: int, running: int, store: AsksMore, *, odd: bool
    ) -> None:
        self.request = request
        self.total = total
        self.running = running
        self._keys = keys
        self._store = store
        self._odd = odd

    def __len__(self) -> int:
        return len(self._keys) // _WIDTH

    def run_id(self, place: int) -> str:
        """Return the id of the run at a place, counted from 0."""
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self.run_ids(place, place + 1)[0]

    def run_ids(self, start: int, stop: int) -> Sequence[str]:
        """Return the ids of a stretch of runs; a stretch that is longer than they are is cut."""
        start, stop = max(0, start), min(len(self), stop)
        text = self._keys[start * _WIDTH : max(start, stop) * _WIDTH].hex()
        found = [text[at : at + 2 * _WIDTH] for at in range(0, len(text), 2 * _WIDTH)]
        if not self._odd or not found:
            return found
        rows = self._store.records("run_ids_of_keys", keys=found)
        ids = {row["run_key"].replace("-", ""): row["run_id"] for row in rows}
        return [ids.get(key, key) for key in found]

    def place(self, run_id: str) -> int | None:
        """Return where a run is, ``None`` where it does not match."""
        if _OWN_ID.fullmatch(run_id):
            key = bytes.fromhex(run_id)
        else:
            rows = self._store.records("run_key_of_id", run_id=run_id) if self._odd else []
            if not rows:
                return None
            key = bytes.fromhex(rows[0]["run_key"].replace("-", ""))
        at = self._keys.find(key)
        while at >= 0 and at % _WIDTH:  # the end of one key and the beginning of the next
            at = self._keys.find(key, at + 1)
        return at // _WIDTH if at >= 0 else None


class RunsStanding(Struct, frozen=True):
    """What is known of all runs, whichever match.

    Attributes:
        odd: whether some run's id is not simply its key.
        counts: (experiment's id, deleted, status, how many).
    """

    odd: bool
    counts: tuple[tuple[str | None, bool, str | None, int], ...]

    def total(self, experiments: Sequence[str] | None, deleted: bool) -> int:
        """Return how many runs there are, of some experiments or all, deleted ones counted or not."""
        return sum(
            count
            for experiment, gone, _, count in self.counts
            if (deleted or not gone) and (experiments is None or experiment in experiments)
        )

    def running(self) -> int:
        """Return how many runs have not ended."""
        return sum(count for _, gone, status, count in self.counts if not gone and status in _NOT_ENDED)


def runs_standing(store: AsksMore) -> RunsStanding:
    """Answer what is known of all runs."""
    return RunsStanding(bool(store.ask("run_ids_odd")), tuple(store.ask("run_counts")))


def run_index(
    store: AsksMore,
    request: RunsRequest,
    filtered: CompiledFilter | None,
    live_runs: Mapping[str, Sequence[str]] | None = None,
    standing: RunsStanding | None = None,
) -> ArrowRunIndex:
    """Answer which runs match, in order.

    Args:
        filtered: the request's filter; ``None`` for none.
        live_runs: the runs that are live, by environment, where ``live.environment`` is sorted by.
        standing: what is known of all runs, where it is at hand.

    Raises:
        UsageError: an experiment or a column to sort by is not known; names the nearest.
    """
    standing = standing or runs_standing(store)
    experiments = experiment_ids(store, request.experiments)
    for column, _ in request.sort:
        _require(store, column)
    parts = fragments("run_index")
    order = sorting(request.sort, live_runs)
    parameters: dict[str, Any] = dict(order.parameters)
    conditions = [] if request.deleted else [parts["not_deleted"]]
    if request.experiments:
        conditions.append(parts["in_experiments"])
        parameters["experiments"] = experiments
    if filtered is not None:
        conditions.append(f"({filtered.where})")
        parameters |= filtered.parameters
    try:
        batches = store.arrow("run_index", order.question(conditions), parameters)
    except StoreError:  # most likely for want of memory; what else is wrong is so again
        if not order.joins:
            raise
        batches = store.arrow("run_index", order.frugal_question(conditions), parameters)
    keys = b"".join(_keys(batch) for batch in batches)
    total = standing.total(experiments if request.experiments else None, request.deleted)
    return ArrowRunIndex(request, keys, total, standing.running(), store, odd=standing.odd)


def _keys(batch: Any) -> memoryview:
    """Return the keys of an Arrow array, whose only column has sixteen bytes a row."""
    column = batch.child(0)
    data = memoryview(column.view().buffer(1)).cast("B")
    start = column.offset * _WIDTH
    return data[start : start + column.length * _WIDTH]


def experiment_ids(store: Asks, wanted: Sequence[str]) -> list[str]:
    """Return the ids of experiments by their names or ids.

    Raises:
        UsageError: one is not known; names the nearest.
    """
    if not wanted:
        return []
    known = store.records("experiments")
    found: list[str] = []
    for name in wanted:
        ids = [row["experiment_id"] for row in known if row["name"] == name]
        ids = ids or [row["experiment_id"] for row in known if row["experiment_id"] == name]
        if not ids:
            names = [row["name"] for row in known if row["name"]]
            close = difflib.get_close_matches(name[:200], names[:5000], n=_MOST_NAMED, cutoff=0.5)
            shown = [visible(one, 80) for one in close or names[:_MOST_NAMED]]
            raise UsageError(
                f"there is no experiment {visible(name, 80)!r}",
                (f"did you mean {' or '.join(shown)}?" if close else f"there are {', '.join(shown)}")
                if shown
                else "no experiment was read",
            )
        found += ids
    return list(dict.fromkeys(found))


def _require(store: AsksMore, column: str) -> None:
    """Raise where no run has a metric, parameter or tag."""
    kind, key = split_id(column)
    if kind not in (METRIC, PARAM, TAG):
        return
    if not store.composed("run_index", fragments("run_index")[f"has_{kind}"], {"key": key}):
        from mlops_dash.answers.run_columns import run_columns
        from mlops_dash.answers.run_names import unknown_column
        from mlops_dash.domain.metrics import MetricRules

        known = [known.id for known in run_columns(store, MetricRules()).columns]
        raise unknown_column(column_id(kind, key), known)
