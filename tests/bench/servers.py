"""P10: reading a tracking server over HTTP against ``curl``, both from one ``mlflow server``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.house import House, kept_folder, say
from bench.stores import EXPERIMENTS, Shape, make_store
from bench.table import Figure, middle
from conformance.mlflow_server import server

_RUNS = 20_000
_SIZES = (500, 1000, 5000)  # runs of a page: which is the fastest differs from machine to machine
_PAGE = 1000
_QUIET = 4  # refreshes
_OURS = """
import json, resource, sys, time
from mlops_dash.sources.base import Position, Reading
from mlops_dash.sources.mlflow.http import MlflowServer
from mlops_dash.store.database import Store

store, source = Store.open(None, "bench"), MlflowServer(sys.argv[1])

def read(position):
    started, useful = time.perf_counter(), None
    for part in source.read(Reading(position, store)):
        if isinstance(part, Position):
            position = part.value
            useful = useful or time.perf_counter() - started
        else:
            store.apply(part)
    return position, useful, time.perf_counter() - started

position, useful, whole = read(None)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
asked, quiet, requests = source._exchange.asked, [], []
for _ in range(int(sys.argv[2])):
    position, _, took = read(position)
    quiet.append(took)
    requests.append(source._exchange.asked - asked)
    asked = source._exchange.asked
runs = store.sql("select count(*) from run")[1][0][0]
print(json.dumps([useful, whole, memory, max(requests), min(quiet), runs]))
"""


def tracking_server(house: House) -> Iterator[Figure]:
    """P10: first useful screen, first sync and a quiet refresh of a server of 20,000 runs."""
    runs = min(_RUNS, house.shape.runs)
    store = kept_folder() / f"server-{runs}-{house.shape.steps}.db"
    if not store.exists():
        say(f"making a store of {runs:,} runs")
        make_store(store, Shape(runs, house.shape.steps, house.shape.commits))
    ours, pages, all_pages = [], [], []
    folder = Path(tempfile.mkdtemp(prefix="server-", dir=house.scratch))
    with server(folder, f"sqlite:///{store}", Path(sys.executable), "--workers", "4") as address:
        for _ in range(8):
            _curl(address, ["1"], 1, None, folder)  # every worker opens the store at its first question
        for _ in range(house.rounds):
            ours.append(_read(address, runs))
            pages.append(_page(address, folder))
            all_pages.append(min(_all_pages(address, size, folder) for size in _SIZES))
            say(
                f"  P10 ours {ours[-1][0]:.2f} and {ours[-1][1]:.1f} s, "
                f"curl: a page {pages[-1]:.2f} s, all pages {all_pages[-1]:.1f} s"
            )
    useful, whole, memory, requests, quiet = (middle(column) for column in list(zip(*ours, strict=True))[:5])
    measure = f"tracking server of {runs:,} runs"
    page = f"curl, a page of {_PAGE:,} runs"
    yield Figure("P10", f"{measure}: first useful screen", "s", useful, middle(pages), page, 1.5)
    reference = "curl, all pages in turn"
    yield Figure("P10", f"{measure}: first sync", "s", whole, middle(all_pages), reference, 1.1)
    yield Figure("P10", "requests of a quiet refresh, at most", "", requests, limit=6)
    yield Figure("", "a quiet refresh of the server", "ms", quiet * 1000)
    yield Figure("", "resident memory of its first sync", "MB", memory, limit=250)


def _read(address: str, runs: int) -> list[float]:
    """Read with a process of our own; return what it measured."""
    command = [sys.executable, "-c", _OURS, address, str(_QUIET)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: list[float] = json.loads(done.stdout)
    if found[-1] < runs:
        raise SystemExit(f"only {found[-1]} of {runs} runs were read from the server")
    return found


def _page(address: str, folder: Path) -> float:
    started = time.perf_counter()
    _curl(address, ["1"], _PAGE, None, folder)
    return time.perf_counter() - started


def _all_pages(address: str, size: int, folder: Path) -> float:
    """Return the seconds that it takes to read the runs of all experiments one page after the other."""
    started = time.perf_counter()
    for experiment in range(EXPERIMENTS):
        token: str | None = None
        while True:
            token = _curl(address, [str(experiment + 1)], size, token, folder)
            if token is None:
                break
    return time.perf_counter() - started


def _curl(address: str, experiments: list[str], size: int, token: str | None, folder: Path) -> str | None:
    """Read one page to a file; return the token of the next, which stands at its end."""
    body: dict[str, Any] = {"experiment_ids": experiments, "max_results": size, "run_view_type": "ALL"}
    if token:
        body["page_token"] = token
    file = folder / "page.json"
    command = ["curl", "-sS", "--fail", "-H", "content-type: application/json", "-d", json.dumps(body)]
    subprocess.run([*command, "-o", file, f"{address}/api/2.0/mlflow/runs/search"], check=True)
    with open(file, "rb") as page:
        page.seek(max(0, file.stat().st_size - 300))
        _, found, rest = page.read().rpartition(b'"next_page_token": "')
    return rest.partition(b'"')[0].decode() if found else None
