"""P2, P3 and P5: reading the tracking store and the repository."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.house import House, say, timed
from bench.repositories import add_commit
from bench.stores import add_run, remove_run
from bench.table import Figure, middle

TABLES = (
    "experiments", "runs", "params", "tags", "latest_metrics", "inputs", "datasets",
    "registered_models", "model_versions", "registered_model_aliases", "model_version_tags",
)  # fmt: skip
_FETCHALL = """
import sqlite3, sys
store = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
kept = [store.execute(f"select * from {table}").fetchall() for table in sys.argv[2:]]
"""


def first_sync(house: House) -> Iterator[Figure]:
    """P2: the whole ``sync`` command against sqlite3 fetching the same tables in a process of its own."""
    fetch = [sys.executable, "-c", _FETCHALL, str(house.store), *TABLES]
    ours, reference, board = [], [], []
    for _ in range(house.rounds + 1):
        ours.append(house.sync(house.plain, house.fresh_cache()))
        reference.append(timed(fetch))
        board.append(house.sync(house.board, house.fresh_cache()))
        say(f"  P2 ours {ours[-1]:.2f} s, with git {board[-1]:.2f} s, fetchall {reference[-1]:.2f} s")
    fetched = middle(reference[1:])
    measure = f"first sync of {house.shape.runs:,} runs, the whole command"
    yield Figure("P2", measure, "s", middle(ours[1:]), fetched, "sqlite3 fetchall", 1.0)
    yield Figure(
        "", "the same with the repository and its data", "s", middle(board[1:]), fetched, "sqlite3 fetchall"
    )


def refresh(house: House) -> Iterator[Figure]:
    """P3: a refresh after one new run, and after nothing."""
    with open_at(house.plain, house.fresh_cache()) as project:
        _refresh(project)
        unchanged = [took(project.refresh) for _ in range(20)]
        added: list[str] = []
        try:
            new = [_after_new_run(house, project, added) for _ in range(house.rounds)]
            added.append(add_run(house.store, house.shape.runs + len(added), house.shape))
            read = _rows_read(project)
            require(project, added[-1])
        finally:
            for run_id in added:
                remove_run(house.store, run_id)
    yield Figure("P3", "refresh after one new run", "ms", middle(new) * 1000, limit=150)
    yield Figure("P3", "refresh when nothing changed", "ms", middle(unchanged) * 1000, limit=5)
    held = house.shape.runs * house.shape.rows_of_a_run
    yield Figure("P3", "rows that left the store for it, of all", "%", 100 * read / held, limit=1)


def repository(house: House) -> Iterator[Figure]:
    """P5: the first reading of a repository against ``git log``, and a refresh after one new commit."""
    log = ["git", "log", "--all"]
    ours, reference, after = [], [], []
    for _ in range(house.rounds):
        with open_at(house.repository, house.fresh_cache()) as project:
            ours.append(took(lambda: _refresh(project)))
            reference.append(timed(log, folder=house.repository))
            add_commit(house.repository)
            after.append(took(project.refresh))
        say(
            f"  P5 ours {ours[-1]:.2f} s, git log {reference[-1]:.2f} s, one commit {after[-1] * 1000:.0f} ms"
        )
    measure = "first reading of the repository, in the store"
    yield Figure("P5", measure, "s", middle(ours), middle(reference), "git log --all", 2.0)
    yield Figure("P5", "refresh after one new commit", "ms", middle(after) * 1000, limit=50)


def _after_new_run(house: House, project: Any, added: list[str]) -> float:
    added.append(add_run(house.store, house.shape.runs + len(added), house.shape))
    seconds = took(project.refresh)
    require(project, added[-1])
    return seconds


def require(project: Any, run_id: str) -> None:
    """End the benchmark unless the project knows a run."""
    if project.sql(f"select count(*) from run where run_id = '{run_id}'").rows != ((1,),):
        raise SystemExit(f"the refresh did not bring the new run {run_id}")


class _Counted:
    """What a selection brought, counted, in the place of its handle."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __arrow_c_schema__(self) -> Any:
        return self._rows.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._rows.__arrow_c_stream__(requested_schema)

    def release(self) -> None:
        """Nothing is left to release."""


def _rows_read(project: Any) -> int:
    """Refresh once more, counting all rows that leave the tracking store."""
    import pyarrow

    from mlops_dash.sources.mlflow.sqlite.connection import Lane

    execute = Lane.execute
    rows = 0

    def counted(lane: Lane, sql: str) -> tuple[Any, Any]:
        nonlocal rows
        statement, handle = execute(lane, sql)
        table = pyarrow.RecordBatchReader.from_stream(handle).read_all()
        rows += table.num_rows
        return statement, _Counted(table)

    Lane.execute = counted  # type: ignore[method-assign]
    try:
        _refresh(project)
    finally:
        Lane.execute = execute  # type: ignore[method-assign]
    return rows


def open_at(folder: Path, cache: Path) -> Any:
    """Return the project in ``folder`` with its cache in ``cache``, closed at the end of a ``with``."""
    import contextlib
    import os

    os.environ["MLOPS_DASH_CACHE_DIR"] = str(cache)
    from mlops_dash.project import open_project

    return contextlib.closing(open_project(folder))


def _refresh(project: Any) -> None:
    failed = [status for status in project.refresh().statuses if status.status in ("failed", "stale")]
    if failed:
        raise SystemExit(f"could not be read: {failed}")


def took(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
