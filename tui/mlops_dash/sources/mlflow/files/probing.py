"""What ``doctor`` asks of a file store, step by step."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.address import Address
from mlops_dash.sources.mlflow.files.disk import META, Flag, folders_in
from mlops_dash.sources.mlflow.files.metrics import LargeFiles
from mlops_dash.sources.mlflow.files.others import READERS
from mlops_dash.sources.mlflow.files.places import check_store, experiments_in
from mlops_dash.sources.mlflow.files.rows import Kind, Rows
from mlops_dash.sources.mlflow.files.state import Listing, State
from mlops_dash.sources.mlflow.files.troubles import warning
from mlops_dash.sources.mlflow.files.units import Means, Unit
from mlops_dash.sources.mlflow.probing import Step, fail, failed, ok, warn

_SAMPLE = 100  # runs
_SLOW = 0.02  # seconds for a run's files


def probe(uri: str) -> Iterator[Step]:
    """Look at a file store: address, folder, layout, rights, speed. It ends where one fails."""
    path = Address.of(uri).path
    if path is None:
        yield fail(
            "address",
            f"it names no folder on this machine: {Address.of(uri).shown}",
            "Write the path of an mlruns folder, or file:///path/to/mlruns.",
        )
        return
    try:
        root = check_store(path)
    except SourceError as error:
        yield failed("folder", error)
        return
    yield ok("folder", f"{path} can be listed" + (", it is a link" if os.path.islink(path) else ""))
    experiments, runs, unlisted = _listed(root)
    if unlisted:
        yield fail("rights", f"{unlisted[0]} cannot be listed", "Ask for rights to read the folder.")
        return
    yield ok("layout", f"{_count(experiments, 'experiment')}, {_count(runs, 'run')}")
    yield from _sample(runs)
    yield warn(
        "future",
        "MLflow 3 no longer develops file stores and refuses them by default",
        "Move it to a database with: mlflow migrate-filestore",
    )


def _listed(root: str) -> tuple[list[str], list[Unit], list[str]]:
    """Return the experiments, the runs, and the experiments that could not be listed."""
    experiments, runs, unlisted = [], [], []
    for path in experiments_in(root):
        try:
            if not os.path.lexists(os.path.join(root, path, META)):
                continue
            folders, _ = folders_in(f"{root}/{path}")
        except OSError:
            unlisted.append(path)
            continue
        experiments.append(path)
        runs += [
            Unit(Kind.RUN, path, entry.name, entry.path, True)
            for entry in folders
            if os.path.lexists(os.path.join(entry.path, META))
        ]
    return experiments, runs, unlisted


def _sample(runs: list[Unit]) -> Iterator[Step]:
    """Read some runs, evenly chosen, and say how that went."""
    if not runs:
        return
    some = runs[:: -(-len(runs) // _SAMPLE)]
    means = Means(LargeFiles(), lambda: None)
    state = State()
    started = time.perf_counter()
    for unit in some:
        outcome = READERS[Kind.RUN](unit, Rows(), means)
        if outcome.flags & ~Flag.MISSING:
            listing = state.listings.setdefault(unit.listing, Listing(Kind.RUN))
            listing.set(unit.folder, outcome.mark, outcome.flags)
    took = (time.perf_counter() - started) / len(some)
    told, remedy = warning(state)
    if told:
        yield warn("rights", f"of {len(some):,} runs that were read: {told}", remedy)
    else:
        yield ok("rights", f"read in whole: {_count(some, 'run')}")
    evidence = f"{took * 1000:.1f} ms for a run, about {took * len(runs):,.0f} s for all of them"
    if took > _SLOW:
        remedy = "Read it where its disk is, or through a tracking server there."
        yield warn("speed", evidence, remedy)
    else:
        yield ok("speed", evidence)


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things):,} {name}{'' if len(things) == 1 else 's'}"
