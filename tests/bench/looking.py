"""P4 and P7: from a key to the painted screen, on Runs and Compare, in a pseudo-terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.house import House, kept_folder, say
from bench.stores import Shape, make_store
from bench.table import Figure, middle
from bench.terminal import Terminal

ECHO = Path(__file__).with_name("echo.py")
TYPED = ("metrics.metric_0 < 0.1", "5")
"""A filter, and the key that makes it another one."""
AND = " and params.param_1 = 'adam'"
COMPARED, STEPS = 20, 1000
QUERY_MS = 30


def looking(house: House) -> Iterator[Figure]:
    """P4: a key of a filter and a key that sorts, against a key on an empty Textual screen."""
    cache = house.fresh_cache()
    house.sync(house.board, cache)
    echo = middle(_echoes(house))
    typed, sorts = [], []
    for _ in range(house.rounds):
        typed.append(filtered(house, house.board, cache))
        sorts += _sorted(house, cache)
        say(f"  P4 filter {typed[-1] * 1000:.0f} ms, sort {sorts[-1] * 1000:.0f} ms, echo {echo * 1000:.0f}")
    runs = f"{house.shape.runs:,} runs"
    beyond = "ms beyond a key on an empty Textual screen"
    yield Figure(
        "P4", f"filter of {runs}, key to painted, {beyond}", "ms", (middle(typed) - echo) * 1000, limit=100
    )
    yield Figure(
        "P4", f"sort of {runs}, key to painted, {beyond}", "ms", (middle(sorts) - echo) * 1000, limit=100
    )
    queries = _queries(house, cache)
    yield Figure("P4", "the slowest of 6 queries for it", "ms", max(queries) * 1000, limit=QUERY_MS)


def comparing(house: House) -> Iterator[Figure]:
    """P7: 20 runs × 8 metrics × 1000 steps, from the key to tables and curves."""
    folder = kept_folder() / f"long-{COMPARED}-{STEPS}"
    store = folder / "mlflow.db"
    if not store.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_store(store, Shape(2 * COMPARED, STEPS, house.shape.commits))
    took = []
    for _ in range(house.rounds):
        cache = house.fresh_cache()
        house.sync(folder, cache)
        with Terminal(house.program, house.environment(cache), folder) as terminal:
            _to_runs(terminal, 2 * COMPARED)
            for _ in range(COMPARED):
                terminal.press(" j")
                terminal.settle(0.05)
            terminal.wait_for([f"{COMPARED} marked"])
            took.append(terminal.after("c", [f"{COMPARED * STEPS:,} values", "metric_7", "param_1"]))
        say(f"  P7 {took[-1] * 1000:.0f} ms")
    measure = f"compare {COMPARED} runs × 8 metrics × {STEPS:,} steps, key to painted"
    yield Figure("P7", measure, "ms", middle(took) * 1000, limit=500)


def filtered(house: House, folder: Path, cache: Path) -> float:
    """Return the seconds from the last key of a filter to the painted rows."""
    before, last = TYPED
    there = [_answer(house, folder, cache, text + AND) for text in (before, before + last)]
    with Terminal(house.program, house.environment(cache), folder) as terminal:
        _to_runs(terminal, there[0]["total"])
        terminal.press("/" + before + AND)
        terminal.wait_for(_shown(there[0]))
        terminal.press("\x1b[D" * len(AND))
        terminal.settle(1.0)
        return terminal.after(last, _shown(there[1]))


def _to_runs(terminal: Terminal, total: int) -> None:
    terminal.wait_for(["tracking"])
    terminal.press("2")
    terminal.wait_for([f"{total:,} runs", "run-", "columns 1"])
    terminal.settle(1.0)


def _shown(answer: dict[str, Any]) -> list[str]:
    first = [run["name"] for run in answer["runs"]]
    return [f"{answer['matched']:,} of {answer['total']:,} runs", *first]


def _answer(house: House, folder: Path, cache: Path, text: str, *more: str) -> dict[str, Any]:
    command = [*house.program, "runs", "--filter", text, "--limit", "1", "--json", *more]
    done = subprocess.run(command, cwd=folder, env=house.environment(cache), capture_output=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _echoes(house: House) -> list[float]:
    with Terminal([sys.executable, str(ECHO)], dict(os.environ), house.scratch) as terminal:
        terminal.wait_for(["pressed 0 keys"])
        terminal.settle(0.5)
        return [terminal.after("x", [f"pressed {number} keys"]) for number in range(1, 10)]


def _sorted(house: House, cache: Path) -> list[float]:
    """Return the seconds that sorting by a metric takes, and turning it around."""
    took = []
    with Terminal(house.program, house.environment(cache), house.board) as terminal:
        _to_runs(terminal, house.shape.runs)
        for key in ("metrics.metric_1", "params.param_1"):
            terminal.press("s")
            terminal.settle(0.3)
            terminal.press(key)
            terminal.settle(0.3)
            name = key.partition(".")[2]
            took.append(terminal.after("\r", [f"by {name}"]))
            terminal.settle(0.5)
    return took


def _queries(house: House, cache: Path) -> Sequence[float]:
    """Return the seconds that the store takes for filters and orders."""
    from bench.readings import open_at, took
    from mlops_dash.answers.run_shapes import NEWEST_FIRST, RunsRequest

    by_metric = (("metrics.metric_1", False),)
    requests = [
        RunsRequest(TYPED[0] + AND, (), NEWEST_FIRST),
        RunsRequest(TYPED[0] + AND, (), by_metric),
        RunsRequest("attributes.status = 'FAILED' or tags.`mlflow.user` = 'user3'", (), by_metric),
        RunsRequest("", (), by_metric),
        RunsRequest("", (), (("params.param_1", True),)),
        RunsRequest("", (), NEWEST_FIRST),
    ]
    with open_at(house.board, cache) as project:
        project.refresh()
        return [
            middle([took(lambda one=one: project.run_index(one)) for _ in range(house.rounds + 2)])
            for one in requests
        ]
