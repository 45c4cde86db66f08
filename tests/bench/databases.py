"""P12: reading a tracking store in PostgreSQL, against ``COPY … TO STDOUT`` of the same tables."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bench.house import House, say, timed
from bench.readings import TABLES
from bench.table import Figure, middle
from conformance.postgres_server import Server, program, server

_OF_A_RUN = ("runs", "params", "tags", "metrics", "latest_metrics")
_BRANCH = "postgresql"


def postgresql(house: House) -> Iterator[Figure]:
    """First sync, the whole command; refresh after one new run, and after nothing."""
    with _filled(house) as one:
        address = f"postgresql://postgres@/bench?host={one.folder}&port={one.port}"
        folder = house.scratch / _BRANCH
        folder.mkdir()
        (folder / "mlops-dash.toml").write_text(f'[tracking]\nuri = "{address}"\n')
        yield _first_sync(house, one, folder)
        yield from _refresh(house, one, folder)


def _first_sync(house: House, one: Server, folder: Path) -> Figure:
    copy = [
        program("psql"),
        "-X",
        "-q",
        "-h",
        str(one.folder),
        "-p",
        str(one.port),
        "-U",
        "postgres",
        "bench",
    ]
    for table in TABLES:
        copy += ["-c", f"copy {table} to stdout"]
    ours, reference = [], []
    for _ in range(house.rounds + 1):
        ours.append(house.sync(folder, house.fresh_cache()))
        reference.append(timed(copy))
        say(f"  P12 ours {ours[-1]:.2f} s, copy {reference[-1]:.2f} s")
    measure = f"PostgreSQL: first sync of {house.shape.runs:,} runs, the whole command"
    return Figure("P12", measure, "s", middle(ours[1:]), middle(reference[1:]), "COPY … TO STDOUT", 1.5)


def _refresh(house: House, one: Server, folder: Path) -> Iterator[Figure]:
    import os

    os.environ["MLOPS_DASH_CACHE_DIR"] = str(house.fresh_cache())
    from mlops_dash.project import open_project

    with closing(open_project(folder)) as project, closing(one.connect("bench", autocommit=True)) as store:
        project.refresh()
        unchanged = [_took(project) for _ in range(20)]
        new = []
        for _ in range(house.rounds + 1):
            run_id = _add_run(store)
            new.append(_took(project))
            if project.sql(f"select count(*) from param where run_id = '{run_id}'").rows != ((12,),):
                raise SystemExit(f"the refresh did not bring the new run {run_id}")
        say("  P12 after one new run " + ", ".join(f"{took * 1000:.0f} ms" for took in new))
    yield Figure("P12", "PostgreSQL: refresh after one new run", "ms", middle(new) * 1000, limit=200)
    yield Figure("P12", "PostgreSQL: refresh when nothing changed", "ms", middle(unchanged) * 1000, limit=5)


def _took(project: Any) -> float:
    started = time.perf_counter()
    failed = [status for status in project.refresh().statuses if status.status in ("failed", "stale")]
    if failed:
        raise SystemExit(f"could not be read: {failed}")
    return time.perf_counter() - started


@contextmanager
def _filled(house: House) -> Iterator[Server]:
    """A server with the benchmark's store: the schema made by MLflow, the rows copied from SQLite."""
    with server() as one:
        one.sql("create database bench")
        address = f"postgresql+psycopg://postgres@/bench?host={one.folder}&port={one.port}"
        upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", address]
        subprocess.run(upgrade, check=True, capture_output=True)
        say("  copying the store into PostgreSQL")
        with (
            closing(sqlite3.connect(f"file:{house.store}?mode=ro", uri=True)) as source,
            one.connect("bench") as target,
        ):
            target.execute("truncate experiments, runs, registered_models cascade")
            for table in (*TABLES, "metrics"):
                _copy(source, target, table)
        one.sql("vacuum analyze", "bench")
        yield one


def _copy(source: sqlite3.Connection, target: Any, table: str) -> None:
    kinds = _kinds(target, table)
    columns = [row[1] for row in source.execute(f"pragma table_info({table})") if row[1] in kinds]
    names = ", ".join(f'"{column}"' for column in columns)
    flags = [number for number, column in enumerate(columns) if kinds[column] == "boolean"]
    with target.cursor().copy(f"copy {table} ({names}) from stdin") as copy:
        for row in source.execute(f"select {names} from {table}"):
            values = list(row)
            for number in flags:
                values[number] = None if values[number] is None else bool(values[number])
            copy.write_row(values)


def _kinds(target: Any, table: str) -> dict[str, str]:
    rows = target.execute(
        "select attname, format_type(atttypid, null) from pg_attribute "
        "where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        (table,),
    )
    return dict(rows.fetchall())


def _add_run(store: Any) -> str:
    """Add a whole run, as a training that ended just now: as an earlier one, under an id of its own."""
    run_id = uuid.uuid4().hex
    ((pattern,),) = store.execute("select run_uuid from runs order by start_time limit 1").fetchall()
    with store.transaction():
        for table in _OF_A_RUN:
            others = ", ".join(f'"{column}"' for column in _kinds(store, table) if column != "run_uuid")
            store.execute(
                f"insert into {table} (run_uuid, {others}) "
                f"select %s, {others} from {table} where run_uuid = %s",
                (run_id, pattern),
            )
        store.execute(
            "insert into inputs (input_uuid, source_type, source_id, destination_type, destination_id) "
            "select %s, source_type, source_id, destination_type, %s from inputs "
            "where destination_id = %s",
            (uuid.uuid4().hex, run_id, pattern),
        )
    return run_id
