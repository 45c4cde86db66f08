"""P9: a million runs against a hundred thousand of the same shape."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.house import House, kept_folder, say
from bench.looking import AND, TYPED, filtered
from bench.readings import open_at, require, took
from bench.stores import Shape, add_run, make_store, remove_run
from bench.table import Figure, middle
from mlops_dash.answers.run_shapes import RunsRequest

SIZES = (100_000, 1_000_000)


FILTER = RunsRequest("".join(TYPED) + AND)


@dataclass(slots=True)
class Taken:
    """What was measured at one size: seconds, megabytes of memory and bytes of the cache.

    Attributes:
        filter: from the key to the painted rows.
        query: of the store alone, for it.
    """

    sync: float
    refresh: float
    filter: float
    query: float
    memory: float
    cache: int


def scale(house: House) -> Iterator[Figure]:
    """P9: first sync, refresh after one new run, and a filter, each as many times slower as it says."""
    few, many = (_measured(house, size) for size in SIZES)
    text = "100,000 runs of this shape"
    yield Figure("P9", "first sync of 1,000,000 runs", "s", many.sync, few.sync, text, 11)
    yield Figure("P9", "refresh after one new run, 1,000,000 runs", "s", many.refresh, few.refresh, text, 2)
    yield Figure(
        "P9", "filter by a metric and a parameter, key to painted", "s", many.filter, few.filter, text, 4
    )
    yield Figure("", "the query alone", "ms", many.query * 1000, few.query * 1000, text)
    yield Figure("", "resident memory at its highest, sync of 1,000,000 runs", "MB", many.memory)
    yield Figure("", "cache on the disk, 1,000,000 runs", "MB", many.cache / 1e6)


def _measured(house: House, runs: int) -> Taken:
    shape = Shape(runs, 2, house.shape.commits, params=3, metrics=2)
    folder = kept_folder() / f"lean-{runs}"
    store = folder / "mlflow.db"
    if not store.exists():
        folder.mkdir(parents=True, exist_ok=True)
        say(f"making a store of {runs:,} lean runs")
        make_store(store, shape)
    syncs = []
    for _ in range(3):
        cache = house.fresh_cache()
        syncs.append(house.sync(folder, cache))
        say(f"  P9 {runs:,} runs: sync {syncs[-1]:.2f} s")
    memory = _memory_of_sync(house, folder)
    size = sum(file.stat().st_size for file in cache.rglob("*.duckdb"))
    with open_at(folder, cache) as project:
        project.refresh()
        queries = [took(lambda: project.run_index(FILTER)) for _ in range(7)]
        refreshes, added = [], []
        try:
            for number in range(house.rounds + 1):
                added.append(add_run(store, runs + number, shape))
                refreshes.append(took(project.refresh))
                require(project, added[-1])
        finally:
            for run_id in added:
                remove_run(store, run_id)
    filters = [filtered(house, folder, cache) for _ in range(3)]
    taken = Taken(middle(syncs), middle(refreshes[1:]), middle(filters), middle(queries), memory, size)
    say(f"  P9 {runs:,} runs: refresh {taken.refresh * 1000:.0f} ms, filter {taken.filter * 1000:.0f} ms")
    return taken


def _memory_of_sync(house: House, folder: Path) -> float:
    """Return the most memory that the process of a first sync held, in megabytes."""
    environment = house.environment(house.fresh_cache())
    command = [*house.program, "--project", str(folder), "sync"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_maxrss / 1024
