"""One pass over a file store: everything, or what changed since a position, the newest first."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_dash.domain.progress import Cancelled, Progress
from mlops_dash.sources.base import Apply, Batch, Reading
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.mlflow.files.disk import Flag
from mlops_dash.sources.mlflow.files.hands import Hands, blocks
from mlops_dash.sources.mlflow.files.looking import Looking, Rounds
from mlops_dash.sources.mlflow.files.metrics import LargeFiles
from mlops_dash.sources.mlflow.files.others import READERS
from mlops_dash.sources.mlflow.files.rows import KEYS, Kind, Rows
from mlops_dash.sources.mlflow.files.state import State
from mlops_dash.sources.mlflow.files.units import Means, Outcome, Unit

_BLOCK = 50  # folders that one thread reads at a time
_FIRST, _LARGEST = 200, 8000  # folders until what was read is of use, and between such points later
_GROWTH = 4
_DAMAGED_AGAIN = 100
_PHASES = {
    Kind.EXPERIMENT: "experiments",
    Kind.MODEL: "registered models",
    Kind.LOGGED_MODEL: "logged models",
    Kind.DATASET: "datasets",
    Kind.RUN: "runs",
}


@dataclass(frozen=True, slots=True)
class Block:
    """What one thread read."""

    outcomes: list[Outcome]
    columns: dict[str, Columns]
    inputs: list[str]


class Useful:
    """Stands between batches where what was read so far is of use."""


class Pass:
    """Reads once.

    Args:
        root: the store's folder.
        state: what is known of it; brought up to date as far as batches were yielded.
        fresh: nothing is known: the store's tables are emptied first.
        large: what is remembered of large metric files.
    """

    def __init__(self, root: str, state: State, reading: Reading, *, fresh: bool, large: LargeFiles) -> None:
        self.root = root
        self.state = state
        self._reading = reading
        self._fresh = fresh
        self._means = Means(large, self.check)
        self._over = threading.Event()
        self._damaged: list[Unit] = []

    def check(self) -> None:
        """Raise :class:`Cancelled` when nobody waits for this any more."""
        self._reading.cancel.check()
        if self._over.is_set():
            raise Cancelled

    def batches(self, rounds: Rounds) -> Iterator[Batch | Useful]:
        """Yield what changed, or everything."""
        looking = Looking(self.root, self.state, self.check)
        with Hands() as hands:
            try:
                self._reading.progress(Progress("tracking", "folders"))
                looking.list_all(self._reading.thorough)
                yield from self._gone(looking.gone)
                units: dict[Kind, list[Unit]] = {kind: [] for kind in KEYS}
                for path, name in looking.changed(hands, rounds, self._reading.thorough):
                    unit = looking.unit(path, name)
                    units[unit.kind].append(unit)
                yield from self._everything(hands, units)
                yield from self._damaged_again(hands, looking)
                self.state.whole = True
            finally:
                self._over.set()

    def single(self, units: Sequence[Unit]) -> Iterator[Batch]:
        """Yield what some folders hold now, whatever is known of them."""
        for kind in KEYS:
            some = [unit for unit in units if unit.kind is kind]
            if some:
                block = self._block(some)
                yield from self._chunk(kind, [block])

    # -- reading ------------------------------------------------------------------------------------

    def _everything(self, hands: Hands, units: dict[Kind, list[Unit]]) -> Iterator[Batch | Useful]:
        if self._fresh:
            for tables in KEYS.values():
                for table in tables:
                    yield Batch(table, None, Apply.REPLACE)
        # the board's own facts first, then the newest runs and models; the rest of them in growing parts
        runs, models = units[Kind.RUN], units[Kind.LOGGED_MODEL]
        yield from self._some(hands, units[Kind.EXPERIMENT])
        yield from self._some(hands, units[Kind.MODEL])
        yield from self._some(hands, models[:_FIRST])
        yield from self._some(hands, runs[:_FIRST], 0, len(runs))
        if len(runs) > _FIRST:
            yield Useful()
        yield from self._some(hands, units[Kind.DATASET])
        yield from self._some(hands, models[_FIRST:])
        done, size = _FIRST, _FIRST * _GROWTH
        while done < len(runs):
            yield from self._some(hands, runs[done : done + size], done, len(runs))
            done, size = done + size, min(_LARGEST, size * _GROWTH)
            yield Useful()

    def _damaged_again(self, hands: Hands, looking: Looking) -> Iterator[Batch]:
        """Read once more what was being written a moment ago."""
        self._fresh = False
        again = [looking.unit(unit.listing, unit.folder) for unit in self._damaged[:_DAMAGED_AGAIN]]
        for kind in KEYS:
            yield from self._some(hands, [unit for unit in again if unit.kind is kind])

    def _some(self, hands: Hands, units: list[Unit], done: int = 0, total: int = 0) -> Iterator[Batch]:
        """Read folders of one kind, side by side, and yield their batches.

        Args:
            done, total: of a longer list of which they are a part, for the one who waits.
        """
        if not units:
            return
        self.check()
        kind = units[0].kind
        read: list[Block] = []
        for block in hands.map(self._block, blocks(units, _BLOCK)):
            read.append(block)
            done += len(block.outcomes)
            self._reading.progress(Progress("tracking", _PHASES[kind], done, total or len(units)))
        yield from self._chunk(kind, read)
        for block in read:
            for outcome in block.outcomes:
                self._note(outcome)

    def _block(self, units: Sequence[Unit]) -> Block:
        rows = Rows()
        outcomes = []
        for unit in units:
            self.check()
            outcomes.append(READERS[unit.kind](unit, rows, self._means))
        inputs = [row[0] for row in rows.of["dataset_input"]]
        return Block(outcomes, rows.columns(KEYS[units[0].kind]), inputs)

    def _note(self, outcome: Outcome) -> None:
        """Remember what came of reading a folder."""
        unit = outcome.unit
        listing = self.state.listings[unit.listing]
        listing.set(unit.folder, outcome.mark, outcome.flags)
        if outcome.newest:
            listing.watched[unit.folder] = outcome.newest
        if outcome.running != (unit.folder in listing.running):
            listing.dumped = None
            (listing.running.add if outcome.running else listing.running.discard)(unit.folder)
        if outcome.flags & Flag.DAMAGED:
            self._damaged.append(unit)

    def _chunk(self, kind: Kind, read: list[Block]) -> Iterator[Batch]:
        """Yield what was read of one kind: it replaces what the store has of these folders."""
        scope = [o.unit.identity for block in read for o in block.outcomes if _in_store(o)]
        if not scope:
            return
        if self._fresh:
            for table in KEYS[kind]:
                parts = tuple(block.columns[table] for block in read if table in block.columns)
                if parts:
                    yield Batch(table, parts, Apply.APPEND)
            return
        inputs = {name for block in read for name in block.inputs}
        yield from self._replaced(kind, scope, inputs, read)

    def _replaced(self, kind: Kind, scope: list[str], inputs: set[str], read: list[Block]) -> Iterator[Batch]:
        if kind is Kind.RUN:
            inputs |= {row[0] for row in self._reading.known.rows("tracking_inputs_of_runs", run_ids=scope)}
        for table, key in KEYS[kind].items():
            parts = tuple(block.columns[table] for block in read if table in block.columns)
            some = sorted(inputs) if key == "input_id" else scope
            if parts or some:
                yield Batch(table, parts or None, Apply.REPLACE_WHERE, (key,), tuple(some))

    def _gone(self, gone: dict[Kind, set[str]]) -> Iterator[Batch]:
        for kind, identities in gone.items():
            for some in blocks(sorted(identities), _LARGEST):
                yield from self._replaced(kind, list(some), set(), [])


def _in_store(outcome: Outcome) -> bool:
    """Whether the store holds, or is to hold, rows of what was read."""
    if outcome.kept:
        return False
    shown = bool(outcome.mark[0]) and not outcome.flags & Flag.MISSING
    return shown or outcome.unit.known
